"""The IMAP server flow takes anything: no command and no letter is an error of the server, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from courriel.model.received.limits import ReadLimits
from courriel.wire.imap.fetched import Fetched
from courriel.wire.imap.parser import ImapParser, Unknown, Untagged
from fast_part import examples
from pairs.imap_rooms import LETTER, Rooms, said
from pairs.runner import CUTS, Cut

WORDS = [
    b"FETCH", b"UID FETCH", b"STORE", b"UID STORE", b"COPY", b"UID MOVE", b"MOVE", b"SEARCH", b"UID SEARCH", b"SORT",
    b"UID SORT", b"EXPUNGE", b"UID EXPUNGE", b"APPEND", b"STATUS", b"LIST", b"LSUB", b"CREATE", b"DELETE", b"RENAME",
    b"SELECT", b"EXAMINE", b"ENABLE", b"NOOP", b"IDLE", b"DONE", b"ID", b"NAMESPACE", b"CLOSE",
    b"UNSELECT", b"SUBSCRIBE",
    b"1", b"1:*", b"*", b"2,3", b"$", b"0", b"99", b"4294967296", b"(", b")", b"ALL", b"FULL", b"FLAGS", b"+FLAGS",
    b"-FLAGS.SILENT", b"\\Seen", b"\\Deleted", b"\\Recent", b"kw", b"BODY[]", b"BODY.PEEK[1.MIME]<0.5>", b"BODY[TEXT]",
    b"BODY[HEADER.FIELDS (SUBJECT X)]", b"BINARY[1]", b"BINARY.SIZE[1]", b"BODYSTRUCTURE", b"ENVELOPE", b"MODSEQ",
    b"CHANGEDSINCE", b"UNCHANGEDSINCE", b"VANISHED", b"RETURN", b"SAVE", b"COUNT", b"MIN", b"CHARSET",
    b"UTF-8", b"TEXT",
    b"OR", b"NOT", b"HEADER", b"SINCE", b"1-Feb-2026", b"LARGER", b"INBOX", b"Sent", b"a/b", b'"x y"', b'""',
    b'"', b"%",
    b"NIL", b"{3+}\r\nabc", b"{0+}\r\n", b"{5}\r\nhello", b"~{2+}\r\n\0x", b"QRESYNC", b"CONDSTORE", b"IMAP4rev2",
    b"(QRESYNC (1 1 1:3 (1 1)))", b"REVERSE", b"SUBJECT", b"\xc3\xa9", b"\xff", b"&AOk-", b"&", b"MESSAGES", b"USE",
    b"RECURSIVEMATCH", b"SUBSCRIBED", b"YOUNGER", b"UTF8", b'"29-Nov-2026 10:00:00 +0000"',
]  # fmt: skip

COMMANDS = st.lists(
    st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from(WORDS[:31])), min_size=1, max_size=9).map(b" ".join),
    max_size=12,
)


@pytest.mark.slow
@given(COMMANDS, st.sampled_from(CUTS))
@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_command_is_an_error_of_the_server(commands: list[bytes], cut: Cut) -> None:
    octets = b"a LOGIN bob sesame\r\nb SELECT INBOX\r\n" + b"".join(b"x %b\r\n" % command for command in commands)

    whole = Rooms(LETTER, LETTER, LETTER).serve(octets)
    pieces = Rooms(LETTER, LETTER, LETTER).serve(octets, cut)

    assert whole.session.failures == pieces.session.failures == []
    assert said(bytes(whole.output)) == said(bytes(pieces.output))
    assert not [event for event in events(bytes(whole.output)) if isinstance(event, Unknown)]


PIECES = [
    b"Subject: =?utf-8?q?=C3=A9?=\r\n", b"From: Ada <ada@example.org>, \"a,b\" <x@y>\r\n",
    b"To: a@b, c@d (x), =?x?q?y?= <z>\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n", b'Content-Type: multipart/alternative; boundary="c d"\r\n',
    b"Content-Type: message/rfc822\r\n", b"Content-Type: text/html; charset=utf-8; x=\"a\\\"b\"\r\n",
    b"--b\r\n", b"--b--\r\n",
    b"--c d\r\n", b"--c d--\r\n", b"\r\n", b"\n", b"--", b"text\r\n", b"\xff\x00\r\n", b" folded\r\n", b"Date: x\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"QUJD\r\n", b"Content-Disposition: attachment; filename=\"x\"\r\n", b"x",
    b"Content-Type: multipart/digest; boundary=b\r\n", b"Message-ID: <1>\r\n", b"Content-Language: en, fr\r\n",
]  # fmt: skip


@pytest.mark.slow
@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
@settings(max_examples=examples(300), deadline=None)
def test_no_letter_is_an_error_of_the_server_and_its_parts_are_where_it_says(letter: bytes) -> None:
    letter = letter or b"x"
    rooms = Rooms(letter)

    served = rooms.serve(
        b"a LOGIN bob sesame\r\nb SELECT INBOX\r\n"
        b"c FETCH 1 (BODYSTRUCTURE BODY ENVELOPE BODY.PEEK[] BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[2.1.HEADER]"
        b" BODY.PEEK[TEXT] BODY.PEEK[HEADER] BINARY.PEEK[1] BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)])\r\n"
        b"d SEARCH TEXT nothing SENTSINCE 1-Jan-2020\r\ne SORT (SUBJECT FROM DISPLAYTO DATE) UTF-8 ALL\r\n"
    )

    assert served.session.failures == []
    (told,) = (event for event in events(bytes(served.output)) if isinstance(event, Fetched))
    assert told.sections["BODY[]"] == letter
    head, text = told.sections["BODY[HEADER]"] or b"", told.sections["BODY[TEXT]"] or b""
    assert letter.endswith(text)
    assert head.endswith((b"\r\n", b"\n\n")) or head == b"\n"
    assert (told.sections["BODY[1]"] or b"") in letter
    assert isinstance((told.others or {})["BODYSTRUCTURE"], list)
    assert len((told.others or {})["ENVELOPE"] or ()) == 10


def events(octets: bytes) -> list[object]:
    """The responses, as our own client reads them."""
    parser = ImapParser(ReadLimits())
    parser.add(octets)
    found: list[object] = []
    while (event := parser.next()) is not None:
        if isinstance(event, Untagged) and event.status is None:
            event.values()
        found.append(event)
    assert parser.empty
    return found
