"""Letters fetched in two steps: the header first, and the rest on first use."""

from __future__ import annotations

import asyncio

import pytest

from courriel import AsyncLetter, Letter, errors

HEADER = b"Subject: hello\r\nFrom: ada@example.org\r\nMessage-ID: <1@x>\r\nDate: 25 Nov 2026 10:00:00 GMT\r\n\r\n"
WHOLE = HEADER + b"The body.\r\n"


class Mailbox:
    """Source of the header and the whole letter that counts its calls."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False

    def header(self) -> bytes:
        self.asked.append("header")
        return HEADER

    def whole(self) -> bytes:
        self.asked.append("whole")
        if self.broken:
            raise errors.ConnectionFailed("the line broke")
        return WHOLE

    async def awaited(self) -> bytes:
        await asyncio.sleep(0)
        return self.whole()


def touch_the_header(letter: Letter) -> None:
    assert letter.subject == letter.header("Subject") == "hello"
    assert str(letter.sender) == "ada@example.org"
    assert letter.message_id == "<1@x>"
    assert letter.date is not None
    assert (letter.to, letter.cc, letter.bcc, letter.references, letter.in_reply_to) == ((), (), (), (), ())
    assert len(letter.headers) == 4
    assert len(letter.reply_to) == 1


def test_the_header_alone_tells_what_it_says() -> None:
    mailbox = Mailbox()
    letter = Letter.partial(HEADER, mailbox.whole, size=123)

    touch_the_header(letter)

    assert letter.raw_header == HEADER
    assert letter.size == 123
    assert not letter.loaded
    assert mailbox.asked == []


@pytest.mark.parametrize("touched", ["text", "html", "attachments", "raw", "defects"])
def test_what_needs_the_whole_fetches_it_once(touched: str) -> None:
    mailbox = Mailbox()
    letter = Letter.partial(HEADER, mailbox.whole, size=123)

    getattr(letter, touched)

    assert mailbox.asked == ["whole"]
    assert letter.loaded
    assert letter.text == "The body.\n"
    assert letter.size == len(WHOLE)
    assert letter.raw_header == letter.raw == WHOLE
    touch_the_header(letter)
    assert mailbox.asked == ["whole"]


def test_a_header_may_be_fetched_when_it_is_touched_too() -> None:
    mailbox = Mailbox()
    letter = Letter.partial(mailbox.header, mailbox.whole)

    touch_the_header(letter)
    assert mailbox.asked == ["header"]

    assert letter.text == "The body.\n"
    assert mailbox.asked == ["header", "whole"]


def test_without_a_header_the_whole_serves_for_both() -> None:
    mailbox = Mailbox()
    letter = Letter.partial(None, mailbox.whole)

    touch_the_header(letter)

    assert letter.size == len(WHOLE)
    assert mailbox.asked == ["whole"]


def test_a_fetch_that_failed_is_told_and_tried_anew() -> None:
    mailbox = Mailbox()
    mailbox.broken = True
    letter = Letter.partial(HEADER, mailbox.whole)

    with pytest.raises(errors.ConnectionFailed):
        _ = letter.text
    touch_the_header(letter)
    mailbox.broken = False

    assert letter.load() is letter
    assert letter.text == "The body.\n"
    assert mailbox.asked == ["whole", "whole"]


def test_a_header_without_its_empty_line_is_one_all_the_same() -> None:
    letter = Letter.partial(HEADER.removesuffix(b"\r\n"), lambda: WHOLE)

    touch_the_header(letter)

    assert letter.defects == ()


def test_a_whole_that_is_another_letter_than_its_header_is_read_by_its_own() -> None:
    letter = Letter.partial(HEADER, lambda: b"Subject: other\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>")

    assert letter.subject == "hello"
    assert letter.html == "<p>Hi</p>"
    assert letter.header("Subject") == "other"


def test_a_session_may_add_what_its_server_knows() -> None:
    class Numbered(Letter):
        number = 0

    letter = Numbered.partial(HEADER, lambda: WHOLE)
    letter.number = 7

    assert isinstance(letter, Numbered)
    assert letter.load().number == 7


# asyncio.


def test_an_awaited_letter_tells_its_header_before_and_the_rest_behind() -> None:
    mailbox = Mailbox()
    letter = AsyncLetter.awaited(HEADER, mailbox.awaited, size=123)
    touch_the_header(letter)

    async def read() -> str:
        assert await letter.load() is letter
        return (await letter.load()).text

    assert asyncio.run(read()) == "The body.\n"
    assert mailbox.asked == ["whole"]


@pytest.mark.parametrize("touched", ["text", "attachments", "raw", "defects"])
def test_an_awaited_letter_that_is_not_loaded_says_what_to_do(touched: str) -> None:
    letter = AsyncLetter.awaited(HEADER, Mailbox().awaited)

    with pytest.raises(errors.UsageError, match=r"await letter\.load\(\)"):
        getattr(letter, touched)


def test_an_awaited_letter_without_a_header_says_it_too() -> None:
    with pytest.raises(errors.UsageError, match=r"await letter\.load\(\)"):
        _ = AsyncLetter.awaited(None, Mailbox().awaited).subject


def test_octets_that_are_here_need_no_waiting() -> None:
    letter = AsyncLetter.parse(WHOLE)

    assert asyncio.run(letter.load()).text == "The body.\n"
