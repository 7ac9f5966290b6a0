"""Replies to received letters: recipients, subject, threading headers, quotations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import errors
from courriel.failures.language import speak
from courriel.model.messages.message import Message
from courriel.wire.parse.letter import Letter


def letter(*fields: str, text: str = "At one?\r\n") -> Letter:
    return Letter.parse("\r\n".join((*fields, "", text)).encode())


def answer(received: Letter, **fields: object) -> Message:
    return Message.replying_to(received, **{"sender": "ada@example.org", "text": "Yes.", **fields})  # type: ignore[arg-type]


LUNCH = letter(
    "From: Bob <bob@example.org>",
    "To: ada@example.org, Cleo <cleo@example.org>",
    "Cc: dan@example.org, BOB@example.org",
    "Subject: Lunch?",
    "Date: Sun, 29 Nov 2026 10:00:00 +0100",
    "Message-ID: <2@example.org>",
    "References: <0@example.org> <1@example.org>",
)


def test_an_answer_goes_to_the_sender_and_continues_the_conversation() -> None:
    message = answer(LUNCH)

    assert [str(each) for each in message.to] == ["Bob <bob@example.org>"]
    assert (message.subject, message.text) == ("Re: Lunch?", "Yes.")
    assert message.in_reply_to == ("<2@example.org>",)
    assert message.references == ("<0@example.org>", "<1@example.org>", "<2@example.org>")


def test_reply_to_comes_before_the_sender_and_what_the_caller_says_before_both() -> None:
    received = letter("From: bob@example.org", "Reply-To: list@example.org, Eve <eve@example.org>")

    assert [each.spec for each in answer(received).to] == ["list@example.org", "eve@example.org"]
    assert [each.spec for each in answer(received, to="dan@example.org").to] == ["dan@example.org"]


def test_everybody_gets_a_copy_once_and_the_one_who_answers_does_not() -> None:
    message = answer(LUNCH, everybody=True, cc="eve@example.org")

    assert [each.spec for each in message.cc] == ["eve@example.org", "cleo@example.org", "dan@example.org"]


@pytest.mark.parametrize(
    ("subject", "answered"),
    [
        ("Re: Lunch?", "Re: Lunch?"),
        ("RE[2]: Lunch?", "RE[2]: Lunch?"),
        ("RE : Lunch?", "RE : Lunch?"),
        ("AW: Lunch?", "AW: Lunch?"),
        ("Reform: when?", "Re: Reform: when?"),
        ("", "Re:"),
    ],
)
def test_a_subject_says_once_that_it_is_an_answer(subject: str, answered: str) -> None:
    assert answer(letter("From: bob@example.org", f"Subject: {subject}")).subject == answered


@pytest.mark.parametrize(
    ("message_id", "repeated"),
    [
        ("<no-at-sign>", ("<no-at-sign>",)),
        ("bare@example.org", ("bare@example.org",)),
        ("<with a space@example.org>", ("<with a space@example.org>",)),
        ("<a@b@c>", ("<a@b@c>",)),
        ("<é@example.org>", ()),
        ("<=?utf-8?q?x?=@example.org>", ()),
        (f"<{'a' * 1000}@example.org>", ()),
        ("", ()),
    ],
)
def test_a_message_id_that_is_not_strict_is_answered_as_it_came_or_left_out(
    message_id: str, repeated: tuple[str, ...]
) -> None:
    message = answer(letter("From: bob@example.org", f"Message-ID: {message_id}"))

    assert message.in_reply_to == repeated
    for each in repeated:
        assert b"\r\nIn-Reply-To: " + each.encode() + b"\r\n" in message.as_bytes()


def test_without_references_the_id_that_it_answers_begins_them() -> None:
    received = letter("From: bob@example.org", "Message-ID: <2@x.org>", "In-Reply-To: <1@x.org>")

    assert answer(received).references == ("<1@x.org>", "<2@x.org>")


def test_a_conversation_without_end_keeps_its_first_id_and_the_latest() -> None:
    ids = " ".join(f"<{number}@x.org>" for number in range(400))
    references = answer(letter("From: b@x.org", "Message-ID: <last@x.org>", f"References: {ids}")).references

    assert (len(references), references[0], references[-1]) == (50, "<0@x.org>", "<last@x.org>")


def test_a_text_is_quoted_under_a_line_that_says_whose_it_is() -> None:
    received = letter("From: Bob <bob@example.org>", text="One\r\n\r\n> older\r\n")

    message = answer(received, quote="Bob:")

    assert message.text == "Yes.\n\nBob:\n> One\n>\n>> older\n"


@pytest.mark.parametrize(
    ("language", "line"),
    [("en", "On 2026-11-29 at 10:00, Bob wrote:"), ("fr", "Le 29/11/2026 à 10:00, Bob a écrit :")],
)
def test_the_line_over_a_quotation_is_in_the_language_of_the_library(language: str, line: str) -> None:
    speak(language)  # type: ignore[arg-type]
    try:
        assert f"\n{line}\n> At one?\n" in answer(LUNCH, quote=True).text
    finally:
        speak(None)


def test_of_html_the_text_is_quoted_and_no_tag() -> None:
    received = letter("From: b@x.org", "Content-Type: text/html", text="<p>1 &lt; 2</p><script>alert(1)</script>\r\n")

    message = answer(received, text="", html="<p>Yes.</p>", quote="Bob:")

    assert message.html.startswith("<p>Yes.</p><p>Bob:</p>\n<blockquote")
    assert "1 &lt; 2" in message.html
    assert "<script" not in message.html


def test_a_letter_that_names_nobody_is_answered_only_with_to() -> None:
    received = letter("From: nobody in particular", "Subject: x")

    with pytest.raises(errors.InvalidMessage, match="give to="):
        answer(received)
    assert answer(received, to="bob@example.org").to


def test_what_is_no_letter_is_refused_with_what_to_give() -> None:
    for thing in (b"From: b@x.org\r\n\r\n", None, Message(sender="a@x.org", to="b@x.org")):
        with pytest.raises(errors.UsageError, match=r"Letter\.parse"):
            Message.replying_to(thing, sender="a@x.org")  # type: ignore[arg-type]


FIELDS = st.sampled_from(["Message-ID", "References", "In-Reply-To", "Subject", "Date", "Reply-To", "To", "Cc"])
SCRAPS = st.text(st.sampled_from('<>@ab.,;:"\\ =?\té\u2028\x00\x7f'), max_size=40) | st.text(max_size=30)


@given(st.lists(st.tuples(FIELDS, SCRAPS), max_size=6), SCRAPS)
def test_any_letter_at_all_can_be_answered(fields: list[tuple[str, str]], text: str) -> None:
    lines = [f"{name}: {value}" for name, value in fields]
    octets = "\r\n".join((*lines, "", text)).encode("utf-8", "surrogatepass")

    message = Message.replying_to(
        Letter.parse(octets), sender="ada@example.org", to="b@x.org", text="Yes.", quote=True, everybody=True
    )

    assert Letter.parse(message.as_bytes()).sender is not None
