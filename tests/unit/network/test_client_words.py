"""Client data in transcripts: commands one by one, content by its size, no secrets."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Transcript
from courriel.dialogue.flow import Ask, Send
from courriel.network.transcripts.client_words import ClientWords, without_secret

PIPELINED = b"MAIL FROM:<ada@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"


def said(transcript: Transcript) -> list[str]:
    return [f"{line.who}: {line.text}" for line in transcript]


def test_a_pipelined_envelope_is_shown_command_by_command() -> None:
    transcript = Transcript()

    transcript.sent(Ask(PIPELINED, "sender"))

    assert said(transcript) == ["C: MAIL FROM:<ada@example.org>", "C: RCPT TO:<bob@example.org>", "C: DATA"]


def test_the_envelope_behind_the_end_of_a_message_is_shown() -> None:
    transcript = Transcript()
    transcript.sent(Ask(PIPELINED, "sender"))
    transcript.heard(b"250 ok\r\n250 ok\r\n354 go\r\n")

    transcript.sent(Send(b"Subject: x\r\n\r\n", "data"))
    transcript.sent(Ask(b"..MAIL FROM:<not@a.command>\r\n.\r\n" + PIPELINED, "message"))

    assert said(transcript)[6:] == [
        "C: (14 octets of the message)",
        "C: (29 octets of the message)",
        "C: .",
        "C: MAIL FROM:<ada@example.org>",
        "C: RCPT TO:<bob@example.org>",
        "C: DATA",
    ]


def test_whole_transactions_in_one_piece_are_shown_command_by_command() -> None:
    transcript = Transcript()
    one = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nBDAT 12 LAST\r\nRSET\r\n\r\nQUIT"

    transcript.sent(Send(one + b"RSET\r\n" + one, "message"))

    commands = ["C: MAIL FROM:<a@example.org>", "C: RCPT TO:<b@example.org>", "C: BDAT 12 LAST"]
    assert said(transcript) == [
        *commands, "C: (12 octets of the message)", "C: RSET", *commands, "C: (12 octets of the message)",
    ]  # fmt: skip


def test_a_refused_data_is_followed_by_commands() -> None:
    transcript = Transcript()
    transcript.sent(Ask(b"DATA\r\n", "data"))
    transcript.heard(b"554 no\r\n")

    transcript.sent(Ask(b"RSET\r\n", "sender"))

    assert said(transcript)[-1] == "C: RSET"


def test_a_new_connection_begins_with_commands() -> None:
    transcript = Transcript()
    transcript.sent(Ask(b"DATA\r\n", "data"))
    transcript.heard(b"354 go\r\n")
    transcript.noted("hung up")

    transcript.sent(Ask(b"EHLO client.example.org\r\n", "hello"))

    assert said(transcript)[-1] == "C: EHLO client.example.org"


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.integers(1, 7))
def test_content_is_never_shown_and_its_end_is_found_wherever_it_is_cut(lines: list[bytes], step: int) -> None:
    content = b"".join(b"Z" + line.replace(b"\n", b"").replace(b"\r", b"") + b"\r\n" for line in lines)
    words = ClientWords()
    words.told(b"DATA\r\n", about_content=False)
    words.heard(b"354")
    octets = content + b".\r\nRSET\r\n"

    entries: list[str | int] = []
    for at in range(0, len(content) + 3, step):
        entries += words.told(octets[at : min(at + step, len(content) + 3)], about_content=True)
    entries += words.told(octets[len(content) + 3 :], about_content=True)

    assert [entry for entry in entries if isinstance(entry, str)] == [".", "RSET"]
    assert sum(entry for entry in entries if isinstance(entry, int)) in range(len(content) - 2, len(content) + 3)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"AUTH PLAIN AGFkYQBzZXNhbWU=\r\n", "AUTH PLAIN (not shown: a secret)"),
        (b"AUTH SCRAM-SHA-256-PLUS cD10bHM=\r\n", "AUTH SCRAM-SHA-256-PLUS (not shown: a secret)"),
        (b"PASS open sesame\r\n", "PASS (not shown: a secret)"),
        (b"APOP ada 1234\r\n", "APOP (not shown: a secret)"),
        (b"c2VzYW1l\r\n", "(not shown: a secret)"),
        (b"AUTH\r\n", "(not shown: a secret)"),
        (b"PASS\r\n", "(not shown: a secret)"),
    ],
)
def test_a_login_is_shown_with_its_mechanism_and_without_its_secret(line: bytes, shown: str) -> None:
    assert without_secret(line) == shown


@given(st.binary(max_size=200))
def test_a_line_of_a_secret_alone_shows_nothing_of_it(secret: bytes) -> None:
    assert without_secret(base64.b64encode(secret) + b"\r\n") == "(not shown: a secret)"


def test_the_sessions_of_a_pool_are_told_apart() -> None:
    transcript = Transcript()
    first, second = transcript.of_session(), transcript.of_session()

    first.noted("connected")
    second.noted("connected")

    assert said(transcript) == ["*: [1] connected", "*: [2] connected"]
