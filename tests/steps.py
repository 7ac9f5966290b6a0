"""
Work counted in steps, the same on every machine: what a parser does is not timed.

Steps are the lines of Python that run, and what the regular expressions look at. The standard library's matcher cannot
be counted, so that each call of an expression is walked through again by a matcher of our own, which backtracks in the
same way. What other functions in C look at (`str.find`, slices) is not counted.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from courriel._lazy_re import Expression

Nodes = list[tuple[Any, Any]]
LONGER = 2 if os.environ.get("COURRIEL_TEST_ALL") else 1
WorkOf = Callable[[Callable[[], object]], int]


class Steps:
    """How many there were."""

    def __init__(self) -> None:
        self.lines = 0
        self.looks = 0

    @property
    def all(self) -> int:
        return self.lines + self.looks


@contextmanager
def counting() -> Iterator[WorkOf]:
    """Gives what runs an act and says how many steps it took; expressions of courriel's modules are counted with it."""
    steps = Steps()

    def work_of(act: Callable[[], object]) -> int:
        steps.lines = steps.looks = 0
        before = sys.gettrace()
        sys.settrace(_tracer(steps))
        try:
            act()
        finally:
            sys.settrace(before)
        return steps.all

    with pytest.MonkeyPatch.context() as patch, _deep():
        _count_expressions(patch, steps)
        yield work_of


def grows_evenly(work_of: WorkOf, make: Callable[[int], Any], act: Callable[[Any], object], count: int) -> None:
    """Check that twice as much costs twice the work, or little more; `work_of` is what `counting` gives.

    Work that grows with the square is four times as much at each step. A step alone may be larger: a longer text takes
    another way, which costs more; it is the next one that tells. `make test-long` looks at twice these sizes: a square
    that is small beside what grows evenly shows later.
    """
    act(make(3))  # what is done once in a process
    count *= LONGER
    found = [work_of(lambda size=size: act(make(size))) for size in (count, 2 * count)]  # type: ignore[misc]
    if _is_excess(*found):
        found.append(work_of(lambda: act(make(4 * count))))
        assert not _is_excess(*found[1:]), (make(1), found)


def _is_excess(small: int, large: int) -> bool:
    return large > 2.4 * small + 300


# The steps.


@contextmanager
def _deep() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _tracer(steps: Steps) -> Any:
    def line(frame: Any, event: str, argument: object) -> Any:
        steps.lines += event == "line"
        return line

    def call(frame: Any, event: str, argument: object) -> Any:
        # Ours alone: the matcher below counts for itself.
        return None if frame.f_code.co_filename == __file__ else line

    return call


def _count_expressions(patch: pytest.MonkeyPatch, steps: Steps) -> None:
    for name, module in [*sys.modules.items()]:
        if name.startswith("courriel"):
            for key, value in [*vars(module).items()]:
                if isinstance(value, Expression | re.Pattern):
                    counted = _COUNTED.get(id(value))
                    if counted is None:
                        real = value if isinstance(value, re.Pattern) else re.compile(value.pattern, value.flags)
                        # The value is kept beside it, so that no other one gets its id.
                        counted = _COUNTED[id(value)] = Counted(real), value
                    counted[0].steps = steps
                    patch.setattr(module, key, counted[0])


_COUNTED: dict[int, tuple[Counted, object]] = {}


class Counted:
    """An expression that counts; its answers are those of the real one."""

    def __init__(self, real: re.Pattern[Any]) -> None:
        self._real = real
        self._matcher = Matcher(real.pattern, real.flags, Steps())

    @property
    def steps(self) -> Steps:
        """Where it counts."""
        return self._matcher.steps

    @steps.setter
    def steps(self, steps: Steps) -> None:
        self._matcher.steps = steps

    def __getattr__(self, name: str) -> object:
        answer: Any = getattr(self._real, name)
        if name not in {"match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split"}:
            return answer

        def method(*given: Any, **named: Any) -> object:
            text, *where = given[1:2] if name in {"sub", "subn"} else given
            if name in {"match", "fullmatch"}:
                self._matcher.match(text, *where, whole=name == "fullmatch")
            elif name == "search":
                self._matcher.search(text, *where)
            else:
                self._matcher.everywhere(text, *where[:0] if name == "split" else where)
            return answer(*given, **named)

        return method


class Matcher:
    """A backtracking matcher that only counts what it looks at, and finds where a match ends."""

    def __init__(self, pattern: str | bytes, flags: int, steps: Steps) -> None:
        parsed = parser.parse(pattern, flags & ~re.UNICODE if isinstance(pattern, bytes) else flags)
        self._nodes: Nodes = list(parsed)
        self.flags = parsed.state.flags | flags
        self.steps = steps
        self._known: dict[tuple[int, int], bool] = {}
        self._text: Any = ""
        self._end = 0

    def match(self, text: Any, position: int = 0, end: int | None = None, *, whole: bool = False) -> int | None:
        self._text, self._end = text, min(len(text), len(text) if end is None else end)
        for stop in self._walk(self._nodes, 0, position):
            if not whole or stop == self._end:
                return stop
        return None

    def search(self, text: Any, position: int = 0, end: int | None = None) -> tuple[int, int] | None:
        last = min(len(text), len(text) if end is None else end)
        for start in range(position, last + 1):
            stop = self.match(text, start, last)
            if stop is not None:
                return start, stop
        return None

    def everywhere(self, text: Any, position: int = 0) -> None:
        while position <= len(text) and (found := self.search(text, position)):
            position = max(found[1], found[0] + 1)

    def _walk(self, nodes: Nodes, index: int, position: int) -> Iterator[int]:
        while index < len(nodes):
            self.steps.looks += 1
            op, value = nodes[index]
            index += 1
            if op in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
                if not self._fits(op, value, position):
                    return
                position += 1
            elif op is sre.AT:
                if not self._at(value, position):
                    return
            elif op in (sre.ASSERT, sre.ASSERT_NOT):
                direction, inner = value
                start = position if direction > 0 else position - inner.getwidth()[0]
                found = start >= 0 and next(self._walk(list(inner), 0, start), None) is not None
                if found != (op is sre.ASSERT):
                    return
            elif op is sre.ATOMIC_GROUP:
                stop = next(self._walk(list(value), 0, position), None)
                if stop is None:
                    return
                position = stop
            elif op is sre.POSSESSIVE_REPEAT:
                stop = self._possessive(*value, position)
                if stop is None:
                    return
                position = stop
            elif op is sre.SUBPATTERN:
                yield from self._then(self._walk(list(value[3]), 0, position), nodes, index)
                return
            elif op is sre.BRANCH:
                for branch in value[1]:
                    yield from self._then(self._walk(list(branch), 0, position), nodes, index)
                return
            elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
                low, high, inner = value
                ends = self._repeated(low, high, list(inner), position, greedy=op is sre.MAX_REPEAT)
                yield from self._then(ends, nodes, index)
                return
            else:
                raise NotImplementedError(op)
        yield position

    def _then(self, ends: Iterator[int], nodes: Nodes, index: int) -> Iterator[int]:
        for end in ends:
            yield from self._walk(nodes, index, end)

    def _possessive(self, low: int, high: int, inner: Any, position: int) -> int | None:
        count, nodes = 0, list(inner)
        while count < high:
            stop = next(self._walk(nodes, 0, position), None)
            if stop is None or (stop == position and count >= low):
                break
            position, count = stop, count + 1
        return position if count >= low else None

    def _repeated(self, low: int, high: int, inner: Nodes, position: int, *, greedy: bool) -> Iterator[int]:
        if len(inner) == 1 and inner[0][0] in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            yield from self._run(low, high, inner[0], position, greedy=greedy)
            return
        if not greedy and low == 0:
            yield position
        if high:
            for stop in self._walk(inner, 0, position):
                if stop != position or low:
                    yield from self._repeated(max(low - 1, 0), high - 1, inner, stop, greedy=greedy)
        if greedy and low == 0:
            yield position

    def _run(self, low: int, high: int, node: tuple[Any, Any], position: int, *, greedy: bool) -> Iterator[int]:
        """Characters of one kind, in a row: without a call for each."""
        count = 0
        if not greedy:
            while count <= high:
                if count >= low:
                    yield position + count
                self.steps.looks += 1
                if not self._fits(*node, position + count):
                    return
                count += 1
            return
        while count < high and self._fits(*node, position + count):
            self.steps.looks += 1
            count += 1
        for less in range(count, low - 1, -1):
            self.steps.looks += 1
            yield position + less

    def _at(self, where: Any, position: int) -> bool:
        if where in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
            return position == 0
        if where is sre.AT_END_STRING:
            return position == self._end
        if where is sre.AT_END:
            return position == self._end or (position == self._end - 1 and self._code(position) == 10)
        word = self._word(position - 1) != self._word(position)
        return word == (where is sre.AT_BOUNDARY)

    def _word(self, position: int) -> bool:
        return 0 <= position < self._end and _category("WORD", self._code(position), self.flags)

    def _code(self, position: int) -> int:
        each = self._text[position]
        return each if isinstance(each, int) else ord(each)

    def _fits(self, op: Any, value: Any, position: int) -> bool:
        if position >= self._end:
            return False
        code = self._code(position)
        key = (id(value) if op is sre.IN else hash((op, value)), code)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._is_one(op, value, code)
        return known

    def _is_one(self, op: Any, value: Any, code: int) -> bool:
        codes = {code}
        if self.flags & re.IGNORECASE:
            codes |= {ord(each) for each in (chr(code).lower(), chr(code).upper()) if len(each) == 1}
        match op:
            case sre.LITERAL:
                return value in codes
            case sre.NOT_LITERAL:
                return value not in codes
            case sre.ANY:
                return code != 10 or bool(self.flags & re.DOTALL)
        items = list(value)
        negated = items[0][0] is sre.NEGATE
        found = any(self._in(item, each) for item in items[negated:] for each in codes)
        return found != negated

    def _in(self, item: tuple[Any, Any], code: int) -> bool:
        kind, value = item
        if kind is sre.LITERAL:
            return bool(value == code)
        if kind is sre.RANGE:
            return bool(value[0] <= code <= value[1])
        name = str(value).removeprefix("CATEGORY_")
        return _category(name.removeprefix("NOT_"), code, self.flags) != name.startswith("NOT_")


def _category(name: str, code: int, flags: int) -> bool:
    each = chr(code)
    if code > 127 and not flags & re.UNICODE:
        return False
    match name:
        case "DIGIT":
            return each.isdecimal()
        case "SPACE":
            return each.isspace()
        case _:
            return each.isalnum() or each == "_"
