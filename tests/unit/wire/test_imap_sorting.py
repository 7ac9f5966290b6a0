"""Sorting and conversations by the rules of RFC 5256, and the answers of servers that do them."""

from __future__ import annotations

import datetime as dt
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import errors
from courriel.types import LetterThread, ThreadedLetter
from courriel.wire.imap.sorting.conversations import DEEPEST, ThreadFacts, by_references, by_subject
from courriel.wire.imap.sorting.sort_keys import base_subject, caseless
from courriel.wire.imap.sorting.thread_results import read_partial, read_sorted, read_threads

DAY = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


def facts(uid: int, *references: int, subject: str = "", name: str = "", answers: bool = False) -> ThreadFacts:
    return ThreadFacts(
        uid, DAY + dt.timedelta(minutes=uid), subject, answers, name or f"<{uid}@x>",
        tuple(f"<{each}@x>" for each in references),
    )  # fmt: skip


def shape(threads: list[LetterThread]) -> list[list[tuple[int, int, int]]]:
    return [[(each.uid, each.parent, each.level) for each in thread.letters] for thread in threads]


@pytest.mark.parametrize(
    ("subject", "base", "answers"),
    [
        ("Figures", "Figures", False),
        ("Re: Figures", "Figures", True),
        ("RE [2] : fw: Fwd: Figures", "Figures", True),
        ("[list] Re: [other]  Figures \t(fwd) (FWD) ", "Figures", True),
        ("[list] Figures", "Figures", False),
        ("[a]", "[a]", False),
        ("[a][b]", "[b]", False),
        ("[a] Re:", "", True),
        ("[Fwd: Re: Figures]", "Figures", True),
        ("[fwd: [fwd: (fwd)]]", "", True),
        ("Regarding: x", "Regarding: x", False),
        ("", "", False),
        ("(fwd)", "", True),
        ("[" * 50, "[" * 50, False),
    ],
)
def test_a_base_subject_is_that_of_the_conversation(subject: str, base: str, answers: bool) -> None:
    assert base_subject(subject) == (base, answers)


@given(st.text(alphabet="[]():fFwdRe aé\t", max_size=60))
def test_a_base_subject_has_none_of_its_own(subject: str) -> None:
    base, _ = base_subject(subject)

    assert base_subject(base)[0] == base


def test_case_is_compared_as_unicode_has_it() -> None:
    assert caseless("École") == caseless("ÉCOLE") == caseless("e\u0301cole")
    assert caseless("ecole") < caseless("École") < caseless("figures")


# Answers of servers.


def test_an_order_is_read_as_it_is() -> None:
    assert read_sorted((b"5 3 4  2 (MODSEQ 17)",)) == [5, 3, 4, 2]
    assert read_sorted((b"",)) == []


@pytest.mark.parametrize("words", [b"1 x", b"1 1", b"0", b"4294967296", b"99999999999", b"-1", b"1:5", b"(1)"])
def test_an_order_of_nonsense_is_refused(words: bytes) -> None:
    with pytest.raises(errors.RemoteProtocolError):
        read_sorted((words,))


def test_conversations_are_read_as_they_are() -> None:
    """The examples of RFC 5256 4."""
    assert shape(read_threads((b"(2)(3 6 (4 23)(44 7 96))",))) == [
        [(2, 0, 0)],
        [(3, 0, 0), (6, 3, 1), (4, 6, 2), (23, 4, 3), (44, 6, 2), (7, 44, 3), (96, 7, 4)],
    ]
    assert shape(read_threads((b"((3)(5))",))) == [[(3, 0, 1), (5, 0, 1)]]
    assert shape(read_threads((b"((3)(5 (6)(7)))",))) == [[(3, 0, 1), (5, 0, 1), (6, 5, 2), (7, 5, 2)]]


@pytest.mark.slow
def test_a_conversation_may_be_long() -> None:
    (thread,) = read_threads((b"(%b)" % b" ".join(b"%d" % uid for uid in range(1, 100_001)),))

    assert thread.uids == tuple(range(1, 100_001))
    assert thread.letters[-1] == ThreadedLetter(100_000, 99_999, 99_999)


@pytest.mark.parametrize(
    "words",
    [
        b"(" * 1_000_000, b"(" * 1_000_000 + b"1" + b")" * 1_000_000, b"(1", b"1", b"(1))", b"(1)(1)", b"(0)",
        b"(4294967296)", b"(99999999999)", b"(1 x)", b"(1:5)", b'("a")', b"(1) 2",
    ],
)  # fmt: skip
def test_conversations_of_nonsense_are_refused(words: bytes) -> None:
    with pytest.raises(errors.RemoteProtocolError):
        read_threads((words,))


@given(st.text(alphabet="()0123456789 x", max_size=40))
def test_any_answer_is_conversations_or_our_error(words: str) -> None:
    try:
        threads = read_threads((words.encode(),))
    except errors.RemoteProtocolError:
        return
    uids = list(chain.from_iterable(thread.uids for thread in threads))
    assert len(uids) == len(set(uids))


@pytest.mark.parametrize(
    ("values", "uids"),
    [
        ([["TAG", b"c5"], "UID", "PARTIAL", ["-1:-5", "4,7:9"]], [4, 7, 8, 9]),
        (["UID", "partial", ["-1:-5", None]], []),
        (["UID"], None),
        (["UID", "PARTIAL", "4"], None),
    ],
)
def test_a_part_is_read(values: list[object], uids: list[int] | None) -> None:
    assert read_partial(values, 5) == uids  # type: ignore[arg-type]


@pytest.mark.parametrize("words", ["1:4294967295", "1:6", "x", "0"])
def test_a_part_that_is_more_than_was_asked_for_is_refused(words: str) -> None:
    with pytest.raises(errors.RemoteProtocolError):
        read_partial(["UID", "PARTIAL", ["-1:-5", words]], 5)


# Conversations put together here.


def test_answers_stand_below_what_they_answer() -> None:
    letters = [facts(1), facts(2, 1), facts(3, 1, 2), facts(4, 1), facts(5)]

    assert shape(by_references(letters)) == [[(1, 0, 0), (2, 1, 1), (3, 2, 2), (4, 1, 1)], [(5, 0, 0)]]


def test_answers_to_a_letter_that_is_not_there_stay_together() -> None:
    assert shape(by_references([facts(2, 1), facts(3, 1)])) == [[(2, 0, 1), (3, 0, 1)]]
    assert shape(by_references([facts(3, 1, 2)])) == [[(3, 0, 0)]]


def test_letters_that_answer_each_other_end_somewhere() -> None:
    threads = by_references([facts(1, 2), facts(2, 3), facts(3, 1), facts(4, 4)])

    assert sorted(chain.from_iterable(thread.uids for thread in threads)) == [1, 2, 3, 4]


def test_two_letters_of_one_id_are_two() -> None:
    threads = by_references([facts(1, name="<a>"), facts(2, name="<a>"), facts(3, name=""), facts(4, name="")])

    assert sorted(chain.from_iterable(thread.uids for thread in threads)) == [1, 2, 3, 4]


def test_a_subject_joins_what_refers_to_nothing() -> None:
    letters = [facts(1, subject="A"), facts(2, subject="A", answers=True), facts(3, subject="B"), facts(4, subject="B")]

    assert shape(by_references(letters)) == [[(1, 0, 0), (2, 1, 1)], [(3, 0, 1), (4, 0, 1)]]
    assert shape(by_subject(letters)) == [[(1, 0, 0), (2, 1, 1)], [(3, 0, 0), (4, 3, 1)]]


@given(st.lists(st.tuples(st.lists(st.integers(1, 12), max_size=4), st.sampled_from("AB")), max_size=14), st.booleans())
def test_no_letter_is_lost_and_none_comes_twice(given_: list[tuple[list[int], str]], references: bool) -> None:
    letters = [facts(uid, *names, subject=subject) for uid, (names, subject) in enumerate(given_, 1)]

    threads = by_references(letters) if references else by_subject(letters)

    assert sorted(chain.from_iterable(thread.uids for thread in threads)) == [each.uid for each in letters]
    for thread in threads:
        for place, each in enumerate(thread.letters):
            assert not each.parent or each.parent in thread.uids[:place]


def test_a_chain_without_end_is_parted_and_not_walked_again_and_again() -> None:
    letters = [facts(uid, uid - 1) for uid in range(1, 3001)]

    threads = by_references(letters)

    assert sorted(chain.from_iterable(thread.uids for thread in threads)) == list(range(1, 3001))
    assert max(each.level for thread in threads for each in thread.letters) <= DEEPEST
