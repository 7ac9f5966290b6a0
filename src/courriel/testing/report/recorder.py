"""
Recorder of mails: each process of a run writes its own into the folder of the report, the main one makes the page.

    DIR/index.html      the page
    DIR/mails/          the mails of the last whole run, one file of JSON for each
    DIR/incoming/       those of the run that goes on
    DIR/.mail-report    says that the folder is a report: nothing is written into a folder of something else

The tests of one run may be a part of the suite: mails of tests that did not run stay as they are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from courriel.testing.report.record import MailRecord

if TYPE_CHECKING:
    from courriel.types import CapturedMessage

_INCOMING, _MAILS, _SIGN = "incoming", "mails", ".mail-report"
_OURS = "[0-9a-f]" * 32 + ".json"


class Recorder:
    """Plugin object of one process of the run. Raises UsageError of pytest for a folder that cannot be the report."""

    def __init__(self, config: pytest.Config, folder: str) -> None:
        self._is_main = not hasattr(config, "workerinput")
        self._folder = config.rootpath / folder if not Path(folder).is_absolute() else Path(folder)
        self._numbers: Counter[str] = Counter()
        self._ran: set[str] = set()
        self._changed = ""
        if self._is_main:
            _prepare(self._folder)

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
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare with the last run, write the page, and keep the mails for the next run."""
        if not self._is_main:
            return
        try:
            self._changed = self._write()
        except OSError as broken:
            # The results of the tests are not to be lost with it; but nobody shall take the old page for the new one.
            self._changed = f"not written: {broken}"
            session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell where the page is."""
        if self._changed:
            terminalreporter.section("mail report")
            terminalreporter.line(self._changed)

    # The steps.

    def _write(self) -> str:
        from courriel.testing.report.page import compared, page

        before = _read(self._folder / _MAILS)
        now = _read(self._folder / _INCOMING)
        tests = self._ran | {record.test for record in now.values()}
        results = compared(before, now, tests)
        (self._folder / "index.html").write_text(page(results), encoding="utf-8")
        kept = {name: record for name, record in before.items() if record.test not in tests} | now
        _empty(self._folder / _MAILS)
        (self._folder / _MAILS).mkdir(exist_ok=True)
        for name, record in kept.items():
            (self._folder / _MAILS / f"{name}.json").write_text(json.dumps(record.as_json()), encoding="utf-8")
        _empty(self._folder / _INCOMING)
        different = sum(result.verdict != "same" for result in results)
        count = "1 mail" if len(results) == 1 else f"{len(results)} mails"
        return f"{count}, {different} of them not as before: {self._folder / 'index.html'}"


# The steps.


def _prepare(folder: Path) -> None:
    """Make the folder of the report, or take that of the last run; another one is left as it is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _SIGN).exists():
            # `--mail-report .` in a project must neither remove its folder of mails nor overwrite its index.html.
            if any(folder.iterdir()):
                raise pytest.UsageError(f"--mail-report: {folder} holds something else; name a new or an empty folder")
            (folder / _SIGN).touch()
        _empty(folder / _INCOMING)
        (folder / _INCOMING).mkdir(exist_ok=True)
        (folder / _INCOMING / _SIGN).touch()  # a folder that cannot be written is told now, not after the tests
        (folder / _INCOMING / _SIGN).unlink()
    except OSError as broken:
        raise pytest.UsageError(f"--mail-report: {broken}") from None


def _empty(folder: Path) -> None:
    """Remove the records in a folder, and then the folder unless it holds something else."""
    for file in folder.glob(_OURS):
        file.unlink()
    with suppress(OSError):
        folder.rmdir()


def _name(record: MailRecord) -> str:
    return sha256(f"{record.test}\n{record.number}".encode()).hexdigest()[:32]


def _read(folder: Path) -> dict[str, MailRecord]:
    if not folder.is_dir():
        return {}
    records = {}
    for file in sorted(folder.glob(_OURS)):
        try:
            record = MailRecord.from_json(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, RecursionError):
            record = None  # of a run that was killed: the mail is new again
        if record is not None:
            records[file.stem] = record
    return records
