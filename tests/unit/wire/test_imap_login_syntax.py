"""IMAP commands before the login, as a server reads them."""

from __future__ import annotations

import pytest

from courriel.wire.imap.login_syntax import (
    LoginCommand,
    NoCommand,
    counted_at_end,
    read_command,
    write_capabilities,
)
from courriel.wire.imap.syntax import capabilities


@pytest.mark.parametrize(
    ("pieces", "command"),
    [
        ([b"a1 noop"], LoginCommand(b"a1", "NOOP")),
        ([b"+x CAPABILITY"], None),
        ([b"a LOGIN b c"], LoginCommand(b"a", "LOGIN", (b"b", b"c"))),
        ([rb'a LOGIN "b \"c\\" ""'], LoginCommand(b"a", "LOGIN", (b'b "c\\', b""))),
        ([b"a LOGIN {1}", b"b", b" {2+}", b"\r\n", b""], LoginCommand(b"a", "LOGIN", (b"b", b"\r\n"))),
        ([b"a AUTHENTICATE PLAIN ="], LoginCommand(b"a", "AUTHENTICATE", (b"PLAIN", b"="))),
        ([b'a ID ("name" "x")'], LoginCommand(b"a", "ID", (b"name", b"x"))),
        ([b"a"], None),
        ([b""], None),
        ([b"a {1}"], None),
        ([b'a LOGIN "b'], None),
        ([b"a L0GIN b c"], None),
        ([b"a\xe9 NOOP"], None),
    ],
)
def test_a_command_is_read_or_refused(pieces: list[bytes], command: LoginCommand | None) -> None:
    if command is None:
        with pytest.raises(NoCommand):
            read_command(pieces)
    else:
        assert read_command(pieces) == command


def test_a_refusal_knows_the_tag_where_there_is_one() -> None:
    with pytest.raises(NoCommand) as refused:
        read_command([b'a7 LOGIN "b'])

    assert refused.value.tag == b"a7"


@pytest.mark.parametrize(
    ("line", "counted"), [(b"a {3}", (3, True)), (b"a {3+}", (3, False)), (b"a {3} ", None), (b"{1234567890}", None)]
)
def test_a_literal_is_announced_at_the_end_of_a_line(line: bytes, counted: tuple[int, bool] | None) -> None:
    assert counted_at_end(line) == counted


def test_capabilities_are_written_as_they_are_read() -> None:
    words = "IMAP4REV1 AUTH=PLAIN AUTH=XOAUTH2 COMPRESS=DEFLATE IDLE"

    assert write_capabilities(capabilities(words)) == words
    assert write_capabilities(capabilities(words), without=("AUTH", "COMPRESS")) == "IMAP4REV1 IDLE"
