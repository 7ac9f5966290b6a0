"""A stage for WLangage programs: a folder with their files, servers that they know, and both ways of running them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from courriel.cli.main import main
from courriel.session import server_memory
from wlangage.post_office import PostOffice

PROGRAMS = Path(__file__).with_name("programs")
Reach = Callable[[str, int, PostOffice], None]


@dataclass(frozen=True)
class Result:
    """What a run leaves behind."""

    status: int
    out: list[str]
    err: list[str]
    mails: list[tuple[str, list[str], EmailMessage]]

    def comparable(self) -> tuple[object, ...]:
        """Everything but what differs by nature: identifiers, times, boundaries."""
        return self.status, self.out, self.err, self.mails_alone()

    def mails_alone(self) -> list[tuple[object, ...]]:
        """The mails, without what differs by nature."""
        return [(sender, recipients, str(mail["Subject"]), _parts(mail)) for sender, recipients, mail in self.mails]


def _parts(mail: EmailMessage) -> list[tuple[str, str | None, object]]:
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    return [(part.get_content_type(), part.get_filename(), part.get_content()) for part in leaves]


@dataclass
class Stage:
    """A folder with a program's files, and the servers it knows."""

    folder: Path
    capsys: Any
    monkeypatch: pytest.MonkeyPatch
    offices: list[PostOffice]

    def run(self, name: str, *options: str) -> Result:
        """Run it by the command."""
        status = main(["wlangage", "run", str(self.folder / name), "--lang", "fr", *options])
        return self._result(status)

    def run_translated(self, name: str, *options: str) -> Result:
        """Translate it, and run the Python."""
        assert main(["wlangage", "translate", str(self.folder / name), "--lang", "fr", *options]) == 0
        code = self.capsys.readouterr().out
        file = self.folder / f"{Path(name).stem}.py"
        file.write_text(code, encoding="utf-8")
        self.monkeypatch.setattr(sys, "argv", [str(file)])
        self.monkeypatch.chdir(self.folder)
        with pytest.raises(SystemExit) as ended:
            exec(compile(code, str(file), "exec"), {"__name__": "__main__"})
        return self._result(int(ended.value.code or 0))

    def both(self, name: str, *options: str) -> Result:
        """Run it both ways; both must leave the same behind. Options after `--only-run` are for `run`."""
        translating = [each for each in options if not each.startswith(("--via=", "--answer="))]
        ran = self.run(name, *options)
        translated = self.run_translated(name, *translating)
        assert translated.comparable() == ran.comparable()
        return ran

    def conversation(self) -> list[str]:
        """What was said to the servers since the last time, without sizes; the next run knows nothing of them."""
        said = []
        for office in self.offices:
            for _ in range(office.visitors):
                office.wait_until_somebody_left()
            said += [re.sub(r" SIZE=\d+", "", line) for line in office.said]
            office.said.clear()
            office.visitors = 0
        server_memory.forget()
        return said

    def _result(self, status: int) -> Result:
        shown = self.capsys.readouterr()
        mails = [
            (letter.sender, letter.recipients, message_from_bytes(letter.raw, policy=policy.default))
            for office in self.offices for letter in office.letters
        ]  # fmt: skip
        for office in self.offices:
            office.letters.clear()
        return Result(status, shown.out.splitlines(), shown.err.splitlines(), mails)  # type: ignore[arg-type]
