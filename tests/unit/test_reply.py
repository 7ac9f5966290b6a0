"""What a server says, as a value."""

from __future__ import annotations

import pytest

from courriel.reply import EnhancedCode, Reply


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("5.1.1 no such user", EnhancedCode(5, 1, 1)),
        ("2.0.0", EnhancedCode(2, 0, 0)),
        ("5.7.139 tail", EnhancedCode(5, 7, 139)),
        ("3.1.1 there is no such class", None),
        ("5.1.1234 too long", None),
        ("5.1.1no", None),
        ("no such user 5.1.1", None),
        ("", None),
    ],
)
def test_an_enhanced_code_stands_at_the_beginning(text: str, code: EnhancedCode | None) -> None:
    assert EnhancedCode.parse(text) == code


def test_a_reply_of_several_lines_is_read_as_one_sentence() -> None:
    reply = Reply(550, ("5.7.26 This mail has been", "5.7.26  blocked. ", "", "See the page."))

    assert str(reply) == "550 This mail has been blocked. See the page.".replace("550 ", "550 5.7.26 ", 1)
    assert reply.text.count("5.7.26") == 1
    assert reply.enhanced == EnhancedCode(5, 7, 26)
    assert reply.kind == 5


def test_a_bare_code_is_a_reply() -> None:
    assert str(Reply(250)) == "250"
    assert Reply(250).enhanced is None
