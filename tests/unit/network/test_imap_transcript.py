"""IMAP transcripts: literals by their size, wherever the data is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from courriel import Transcript
from courriel.dialogue.flow import Send
from courriel.network.transcripts.imap import ImapTranscript

SAID = (
    b"* OK ready\r\n* 1 FETCH (UID 1 BODY[] {17}\r\nDear Bob, secret\n)\r\n"
    b"* 2 FETCH (BODY[HEADER] {3}\r\nabc BODY[TEXT] {2}\r\nde)\r\na1 OK done\r\n"
)
TOLD = [
    "* OK ready", "* 1 FETCH (UID 1 BODY[] {17}", "(17 octets)", ")",
    "* 2 FETCH (BODY[HEADER] {3}", "(3 octets)", " BODY[TEXT] {2}", "(2 octets)", ")", "a1 OK done",
]  # fmt: skip


@given(st.lists(st.integers(0, len(SAID))))
def test_letters_are_told_by_their_size_wherever_they_are_cut(cuts: list[int]) -> None:
    transcript = Transcript()
    told = ImapTranscript(transcript)
    places = [0, *sorted(cuts), len(SAID)]

    for start, end in pairwise(places):
        told.heard(SAID[start:end])

    assert [line.text for line in transcript] == TOLD


def test_what_we_say_is_told_the_same_way_and_secrets_not_at_all() -> None:
    transcript = Transcript()
    told = ImapTranscript(transcript)

    told.sent(Send(b"a1 APPEND x {6}\r\n", "letter"))
    told.sent(Send(b"letter", "letter"))
    told.sent(Send(b"\r\n", "letter"))
    told.sent(Send(b"a2 LOGIN ada pass\r\n", "authenticate", secret=True))
    told.noted("hung up")

    assert [line.text for line in transcript] == [
        "a1 APPEND x {6}", "(6 octets)", "", "(not shown: a secret)", "hung up",
    ]  # fmt: skip


def test_a_line_without_end_is_not_kept() -> None:
    transcript = Transcript()
    told = ImapTranscript(transcript)

    for _ in range(100):
        told.heard(b"x" * 10_000)
    told.heard(b"{3}\r\nabc\x1b[2J\r\n")

    assert [len(line.text) for line in transcript][1:] == [10, 7]
    assert next(len(line.text) for line in transcript) <= 2_000
    assert "\x1b" not in str(transcript)
