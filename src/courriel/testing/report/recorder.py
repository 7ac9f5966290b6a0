"""
Recorder of mails: each process of a run writes its own into the folder of the report, the main one makes the page.

    DIR/index.html      the page
    DIR/mails/          the mails of the last whole run, one file of JSON for each
    DIR/incoming/       those of the run that goes on

The tests of one run may be a part of the suite: mails of tests that did not run stay as they are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

import pytest

from courriel.testing.report.record import MailRecord

if TYPE_CHECKING:
    from courriel.types import CapturedMessage

_INCOMING, _MAILS = "incoming", "mails"


class Recorder:
    """Plugin object of one process of the run."""

    def __init__(self, config: pytest.Config, folder: str) -> None:
        self._is_main = not hasattr(config, "workerinput")
        self._folder = config.rootpath / folder if not Path(folder).is_absolute() else Path(folder)
        self._numbers: Counter[str] = Counter()
        self._ran: set[str] = set()
        self._changed = ""
        if self._is_main:
            rmtree(self._folder / _INCOMING, ignore_errors=True)
            (self._folder / _INCOMING).mkdir(parents=True)

    def add(self, test: str, letters: Iterable[CapturedMessage]) -> None:
        """Write the mails of a test. Raises OSError."""
        for letter in letters:
            self._numbers[test] += 1
            record = MailRecord.of(test, self._numbers[test], letter)
            # No word of a mail or a test becomes a path.
            place = self._folder / _INCOMING / f"{_name(record)}.json"
            place.write_text(json.dumps(record.as_json()), encoding="utf-8")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which tests ran, in the main process."""
        if self._is_main:
            self._ran.add(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Compare with the last run, write the page, and keep the mails for the next run."""
        if not self._is_main:
            return
        from courriel.testing.report.page import compared, page

        before = _read(self._folder / _MAILS)
        now = _read(self._folder / _INCOMING)
        tests = self._ran | {record.test for record in now.values()}
        results = compared(before, now, tests)
        (self._folder / "index.html").write_text(page(results), encoding="utf-8")
        kept = {name: record for name, record in before.items() if record.test not in tests} | now
        rmtree(self._folder / _MAILS, ignore_errors=True)
        (self._folder / _MAILS).mkdir()
        for name, record in kept.items():
            (self._folder / _MAILS / f"{name}.json").write_text(json.dumps(record.as_json()), encoding="utf-8")
        rmtree(self._folder / _INCOMING, ignore_errors=True)
        different = sum(result.verdict != "same" for result in results)
        self._changed = f"{len(results)} mails, {different} of them not as before: {self._folder / 'index.html'}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell where the page is."""
        if self._changed:
            terminalreporter.section("mail report")
            terminalreporter.line(self._changed)


# The steps.


def _name(record: MailRecord) -> str:
    return sha256(f"{record.test}\n{record.number}".encode()).hexdigest()[:32]


def _read(folder: Path) -> dict[str, MailRecord]:
    if not folder.is_dir():
        return {}
    records = {}
    for file in sorted(folder.glob("*.json")):
        record = MailRecord.from_json(json.loads(file.read_text(encoding="utf-8")))
        if record is not None:
            records[file.stem] = record
    return records
