"""Our sendmail under its names, as processes of a user without settings, and what became of its mails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from courriel import Outbox, Sandbox
from courriel.types import CapturedMessage

SCRIPT = """#!{python}
import sys
from courriel.cli.main import main
sys.exit(main())
"""


@dataclass(frozen=True)
class Sendmail:
    """Our sendmail, mailq and newaliases in a folder; a home, an outbox, and a sandbox behind it."""

    folder: Path
    sandbox: Sandbox
    environment: dict[str, str]

    @property
    def path(self) -> str:
        return str(self.folder / "bin" / "sendmail")

    @property
    def outbox_file(self) -> Path:
        return self.folder / "outbox.db"

    def run(
        self, arguments: Sequence[str] = (), stdin: bytes = b"Subject: x\n\nHello.\n", name: str = "sendmail",
        **environment: str,
    ) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
        return subprocess.run(
            [str(self.folder / "bin" / name), *arguments],
            input=stdin, capture_output=True, env={**self.environment, **environment}, timeout=100, check=False,
            cwd=self.folder / "here",
        )  # fmt: skip

    def contents(self) -> list[tuple[str, tuple[str, ...], str]]:
        """Sender, recipients and text of each mail in the outbox."""
        if not self.outbox_file.exists():
            return []
        with Outbox(self.outbox_file, elsewhere=True) as outbox:
            return [
                (mail.sender, mail.waiting, outbox.get(mail.id).content().decode("utf-8", "replace"))
                for mail in outbox.list()
            ]

    def sent(self) -> list[CapturedMessage]:
        """Send what is in the outbox, and return what arrived."""
        with Outbox(self.outbox_file, ways={"default": self.sandbox.url}) as outbox:
            outbox.run_once()
        return self.sandbox.letters


@pytest.fixture
def sendmail(tmp_path: Path) -> Iterator[Sendmail]:
    for folder in ("bin", "here", "home"):
        (tmp_path / folder).mkdir()
    for name in ("sendmail", "mailq", "newaliases"):
        script = tmp_path / "bin" / name
        script.write_text(SCRIPT.format(python=sys.executable))
        script.chmod(0o755)
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "COVERAGE_PROCESS_START")
    }
    with Sandbox() as sandbox:
        environment = {
            **kept, "HOME": str(tmp_path / "home"), "LANG": "C.UTF-8", "COURRIEL_OUTBOX": str(tmp_path / "outbox.db"),
            "COURRIEL_URL": f"{sandbox.url}&from=box@example.org" if "?" in sandbox.url
            else f"{sandbox.url}?from=box@example.org",
        }  # fmt: skip
        yield Sendmail(tmp_path, sandbox, environment)
