"""How the tests themselves are run: what the fast part leaves out, and what begins first."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

import fast_part
import long_first


@dataclass
class Case:
    """One case of a test, as far as it is looked at."""

    indices: dict[str, int]
    marks: list[pytest.Mark] = field(default_factory=list)
    params: dict[str, object] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return "-".join(map(str, self.indices.values()))


def matrix(rows: int, columns: int) -> list[Case]:
    return [Case({"row": row, "column": column}) for row in range(rows) for column in range(columns)]


def test_the_fast_part_has_some_cases_of_each_test_spread_over_the_matrix() -> None:
    found = fast_part.some(matrix(20, 5), "x.py::test_a")

    assert len(found) == fast_part.CASES
    for parameter in ("row", "column"):
        assert len({case.indices[parameter] for case in found}) == fast_part.CASES
    backwards = fast_part.some([*reversed(matrix(20, 5))], "x.py::test_a")
    assert [*reversed(backwards)] == found, "whatever their order"


@pytest.mark.parametrize("test", ["a", "b", "c", "d", "e"])
def test_both_values_of_each_parameter_are_tried_in_the_fast_part(test: str) -> None:
    cases = [
        Case({"colour": colour, "cut": cut, "way": way}) for colour in (0, 1) for cut in (0, 1) for way in range(9)
    ]

    found = fast_part.some(cases, test)

    assert {case.indices["colour"] for case in found} == {case.indices["cut"] for case in found} == {0, 1}


def test_what_is_slow_anyway_takes_no_room_of_others() -> None:
    cases = [
        Case({"number": number}, [pytest.mark.slow.mark] if number % 2 else []) for number in range(2 * fast_part.CASES)
    ]

    assert fast_part.some(cases, "x.py::test_a") == cases[::2]


@pytest.mark.parametrize("mark", fast_part.LEFT_OUT)
def test_of_a_test_that_is_left_out_one_case_is_made_to_be_left_out(mark: str) -> None:
    all_marked = [Case({"number": number}, [getattr(pytest.mark, mark).mark]) for number in range(9)]

    assert len(fast_part.some(all_marked, "x.py::test_a")) == 1
    assert len(fast_part.some(matrix(3, 3), "x.py::test_a", {mark})) == 1
    assert fast_part.some([], "x.py::test_a", {mark}) == []


@pytest.mark.parametrize("number", range(2 * fast_part.CASES))
def test_pytest_makes_those_cases_alone(number: int, request: pytest.FixtureRequest) -> None:
    test = request.node.originalname
    cases = [case for case in request.session.items if getattr(case, "originalname", None) == test]

    assert f"[{number}]" in request.node.name
    assert len(cases) <= (fast_part.CASES if settings.get_current_profile_name() == "fast" else 2 * fast_part.CASES)


@pytest.mark.parametrize(("room", "chosen"), [(1, True), (1 << 62, False)])
def test_files_are_kept_in_memory_where_there_is_room(
    room: int, chosen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DEBUG_TEMPROOT", raising=False)
    monkeypatch.setattr(fast_part, "MEMORY", tmp_path)
    monkeypatch.setattr(fast_part, "ROOM", room)

    fast_part.keep_files_in_memory()

    assert os.environ.pop("PYTEST_DEBUG_TEMPROOT", "") == (str(tmp_path) if chosen else "")


def test_a_system_without_a_folder_in_memory_has_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PYTEST_DEBUG_TEMPROOT", raising=False)
    monkeypatch.setattr(fast_part, "MEMORY", tmp_path / "nothing")

    fast_part.keep_files_in_memory()

    assert "PYTEST_DEBUG_TEMPROOT" not in os.environ


@pytest.mark.parametrize(
    ("marks", "asked", "chosen"),
    [
        ("", None, "whole"),
        ("not acceptance and not slow", None, "fast"),
        ("not acceptance and not slow", "whole", "whole"),
        ("not slow", None, "whole"),
        ("slow", None, "whole"),
    ],
)
def test_only_a_run_without_what_takes_long_is_thinned_out(marks: str, asked: str | None, chosen: str) -> None:
    assert fast_part.profile(marks, asked) == chosen


def test_what_takes_long_begins_first_and_the_others_stay_in_their_order() -> None:
    first, second, *_ = long_first.LONG
    items = [SimpleNamespace(nodeid=f"{path}::test") for path in ("z.py", second, "a.py", first)]

    long_first.sort(items)  # type: ignore[arg-type]

    assert [long_first.path_of(item.nodeid) for item in items] == [first, second, "z.py", "a.py"]


def test_the_files_that_take_long_are_there(request: pytest.FixtureRequest) -> None:
    assert [path for path in long_first.LONG if not (request.config.rootpath / path).exists()] == []


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("pytestmark = pytest.mark.acceptance\n", True),
        ("import pytest\n\npytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]\n", True),
        ("pytestmark = pytest.mark.slowly\n", False),
        ("@pytest.mark.slow\ndef test_a() -> None: ...\n", False),
    ],
)
def test_a_file_that_is_marked_whole_is_not_imported_in_the_fast_part(
    tmp_path: Path, text: str, left_out: bool
) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(text)

    assert fast_part.left_out_whole(file) is left_out


def test_of_many_cases_each_pair_of_values_is_tried_before_one_is_tried_again() -> None:
    cases = [
        Case({"engine": engine, "point": point, "way": way})
        for engine in (0, 1)
        for point in range(6)
        for way in (0, 1)
    ]

    found = fast_part.different(cases, "x.py::test_a", 12)

    assert {(case.indices["engine"], case.indices["point"]) for case in found} == set(product((0, 1), range(6)))
    assert len(found) == 12


def test_each_pair_of_values_is_tried_and_nothing_more() -> None:
    ways = [("a", "long"), ("a", "short"), ("b", "long")]
    cases = [
        Case({"engine": engine, "point": point, "way": number, "text": number}, params={"way": way, "text": text})
        for engine in (0, 1)
        for point in range(6)
        for number, (way, text) in enumerate(ways)
    ]

    found = fast_part.different(cases, "x.py::test_a", len(cases), repeating=False)

    for one, other in combinations(("engine", "point", "way", "text"), 2):
        assert {(pair[one], pair[other]) for pair in map(values, found)} == {
            (pair[one], pair[other]) for pair in map(values, cases)
        }
    assert len(found) <= 15  # of 36; with a way and its text taken for one value it would take 18


def values(case: Case) -> dict[str, object]:
    return {**case.indices, **case.params}
