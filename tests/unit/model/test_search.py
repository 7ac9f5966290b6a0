"""Search criteria: checked when they are made, before any command is sent."""

from __future__ import annotations

import datetime as dt
import pickle

import pytest

from courriel import FolderPosition, ReadLimits, Search, errors


@pytest.mark.parametrize(
    "wanted",
    [
        {"seen": 1},
        {"seen": True, "unseen": True},
        {"subject": ""},
        {"subject": b"x"},
        {"subject": "a\r\nb"},
        {"subject": "\ud800"},
        {"text": "\x7f"},
        {"message_id": "x\0"},
        {"header": {"": "x"}},
        {"header": {"X\n": "x"}},
        {"header": {"X": "a\nb"}},
        {"since": "2026-01-01"},
        {"since": dt.datetime(2026, 1, 1)},
        {"larger": -1},
        {"larger": True},
        {"above": 2**32},
        {"uids": "1"},
        {"uids": 7},
        {"uids": (0,)},
        {"uids": (True,)},
        {"uids": (2**32,)},
        {"keyword": ()},
        {"keyword": 7},
        {"keyword": ("a", "")},
        {"any_of": ("x",)},
        {"none_of": 7},
    ],
    ids=str,
)
def test_a_search_that_cannot_be_meant_is_refused(wanted: dict[str, object]) -> None:
    with pytest.raises(errors.UsageError):
        Search(**wanted)  # type: ignore[arg-type]


def test_a_search_is_a_value() -> None:
    one = Search(subject="x", header={"X-A": "1"}, uids=[1, 2], any_of=[Search(seen=True)])  # type: ignore[arg-type]

    assert one == pickle.loads(pickle.dumps(one))
    assert len({one, Search(subject="x", header=(("X-A", "1"),), uids=(1, 2), any_of=(Search(seen=True),))}) == 1
    assert Search(seen=False, unseen=True).unseen


def test_a_mark_is_written_down_and_read_back() -> None:
    assert FolderPosition.read(str(FolderPosition(1795600220, 17))) == FolderPosition(1795600220, 17)


@pytest.mark.parametrize("text", ["", "7", "7:", ":7", "a:b", "7:-1", "٣:1", "7:" + "9" * 5000, "9" * 5000 + ":7"])
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(errors.UsageError, match="is not a mark"):
        FolderPosition.read(text)


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "8"])
@pytest.mark.parametrize("name", ["letter", "line", "answer", "lines"])
def test_a_limit_is_a_number_above_zero(name: str, limit: object) -> None:
    with pytest.raises(errors.InvalidServer, match=f"limit {name}"):
        ReadLimits(**{name: limit})  # type: ignore[arg-type]
