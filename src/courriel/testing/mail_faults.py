"""Faults in tests: what the server does wrong, one test for each of them, and which the program mishandled."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from courriel import Sandbox

_PLACES = {"when", "nth", "times"}


class MailFaults:
    """Faults of the server in this test, as `Sandbox.play`, `answer` and `refuse` take them.

    `name` is the one of this run of the test, by the mark `mail_faults`; "" without it.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.name = ""
        self._sandbox = sandbox

    def begin(self, name: str, **where: Any) -> None:
        """Play the fault of the mark. Raises UsageError."""
        self.name = name
        self.play(name, **where)

    def play(self, name: str, *, when: str = "", nth: int = 1, times: int | None = None) -> None:
        """Play a failure of the table or bad weather by its name; see Sandbox.play. Raises UsageError."""
        self._sandbox.play(name, when=when, nth=nth, times=times)

    def answer(
        self, stage: str, answer: str | bytes, *, when: str = "", nth: int = 1, times: int | None = None
    ) -> None:
        """Set the reply of the server at a stage; see Sandbox.answer. Raises UsageError."""
        self._sandbox.answer(stage, answer, when=when, nth=nth, times=times)

    def refuse(self, recipient: str, reply: str = "550 5.1.1 no such user") -> None:
        """Refuse a recipient, or all that match a pattern such as `*@example.org`."""
        self._sandbox.refuse(recipient, reply)

    @property
    def met(self) -> list[str]:
        """Faults that the program met so far, in order, each as often as it was met."""
        return self._sandbox.faults_met


class FaultHooks:
    """Hooks of tests with the mark; registered with the first of them, so that other suites do not pay for them."""

    def __init__(self, key: pytest.StashKey[MailFaults]) -> None:
        self._key = key

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Have the fixture set up where the test itself does not name it."""
        params = getattr(getattr(item, "callspec", None), "params", ())
        if isinstance(item, pytest.Function) and "mail_faults" in params and "mail_faults" not in item.fixturenames:
            item.fixturenames.append("mail_faults")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Fail a test that passed without meeting its fault: it proved nothing."""
        result = yield
        faults = item.stash.get(self._key, None)
        if faults is not None and not faults.met:
            pytest.fail(
                f"the fault {faults.name} was never met: the program did not come as far, or did not send to "
                "mail_outbox.url",
                pytrace=False,
            )
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Note in the report of a test which fault it had: it travels to the main process of xdist."""
        report = yield
        faults = item.stash.get(self._key, None)
        if faults is not None and call.when == "call":
            report.mail_fault = {"name": faults.name, "met": bool(faults.met)}
        return report


def named(mark: pytest.Mark, test: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Names of a mark, each with where it applies. Raises UsageError of pytest for a name that there is not."""
    from courriel import errors
    from courriel.sandbox.faults import Faults

    unknown = mark.kwargs.keys() - _PLACES
    if not mark.args or unknown:
        raise pytest.UsageError(f"{test}: mail_faults takes names, and {', '.join(sorted(_PLACES))}")
    for name in mark.args:
        try:
            Faults().play(name, **mark.kwargs)
        except errors.UsageError as senseless:
            raise pytest.UsageError(f"{test}: {senseless}") from None
    return [(name, mark.kwargs) for name in mark.args]


def summarise(reporter: pytest.TerminalReporter, reports: Iterable[Any]) -> None:
    """Write which faults were mishandled, test by test."""
    tests: dict[str, list[tuple[str, str]]] = {}
    for report in reports:
        fault = getattr(report, "mail_fault", None)
        if fault is not None:
            verdict = "handled" if report.passed else "mishandled" if fault["met"] else "never met"
            tests.setdefault(report.nodeid.partition("[")[0], []).append((fault["name"], verdict))
    reporter.section("mail faults")
    for test, faults in tests.items():
        wrong = [f"{name} ({verdict})" for name, verdict in faults if verdict != "handled"]
        handled = len(faults) - len(wrong)
        reporter.line(f"{test}: {handled} of {len(faults)} handled" + (f"; not: {', '.join(wrong)}" if wrong else ""))
