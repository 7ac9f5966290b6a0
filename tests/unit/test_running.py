"""How the tests themselves are run: what the fast part leaves out, and what begins first."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

import fast_part
import long_first


@dataclass
class Case:
    """One case of a test, as far as it is looked at; two with the same values are two."""

    nodeid: str
    marks: set[str] = field(default_factory=set)
    parent: object = None

    @property
    def name(self) -> str:
        return self.nodeid.partition("::")[2]

    @property
    def originalname(self) -> str:
        return self.name.partition("[")[0]

    def get_closest_marker(self, name: str) -> bool:
        return name in self.marks

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        self.marks.add(mark.name)


def left(cases: list[Case]) -> list[str]:
    fast_part.thin_out(cases)  # type: ignore[arg-type]
    return [case.nodeid for case in cases if not case.marks]


def test_the_fast_part_has_some_cases_of_each_test_spread_over_the_matrix() -> None:
    def matrix() -> list[Case]:
        return [Case(f"x.py::test_a[{row}-{column}]") for row in range(20) for column in "pqrst"]

    found = left([Case("x.py::test_b[0]"), *matrix()])

    assert found[0] == "x.py::test_b[0]"
    assert len(found) == 1 + fast_part.CASES
    assert len({each.rpartition("-")[2] for each in found[1:]}) > 2
    assert left([*reversed(matrix())]) == [*reversed(found[1:])], "whatever their order"


def test_what_is_slow_anyway_takes_no_room_of_others() -> None:
    cases = [
        Case(f"x.py::test_a[{number}]", {"slow"} if number % 2 else set()) for number in range(2 * fast_part.CASES)
    ]

    assert len(left(cases)) == fast_part.CASES


@pytest.mark.parametrize(
    ("marks", "asked", "chosen"),
    [
        ("", None, "whole"),
        ("not acceptance and not slow", None, "fast"),
        ("not acceptance and not slow", "whole", "whole"),
        ("slow", None, "whole"),
    ],
)
def test_only_a_run_without_the_slow_tests_is_thinned_out(marks: str, asked: str | None, chosen: str) -> None:
    assert fast_part.profile(marks, asked) == chosen


def test_what_takes_long_begins_first_and_the_others_stay_in_their_order() -> None:
    first, second, *_ = long_first.LONG
    items = [Case(f"{path}::test") for path in ("z.py", second, "a.py", first)]

    long_first.sort(items)  # type: ignore[arg-type]

    assert [long_first.path_of(item.nodeid) for item in items] == [first, second, "z.py", "a.py"]


def test_the_files_that_take_long_are_there(request: pytest.FixtureRequest) -> None:
    assert [path for path in long_first.LONG if not (request.config.rootpath / path).exists()] == []
