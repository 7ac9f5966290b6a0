"""
A job of cron, its mail, and what becomes of it, on this machine alone.

    python examples/cron/run.py

A practice server takes the place of the provider. The job is run as cron runs it, its output goes to sendmail as cron
hands it over, into a drop folder, from where a worker takes it and sends it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from courriel import Sandbox

JOB = Path(__file__).with_name("backup.sh")
HEADER = "From: root (Cron Daemon)\nTo: ada@example.org\nSubject: Cron <root> /opt/backup.sh\n\n"


def main() -> None:
    """Run the job, hand its output over, send it, and show what arrived."""
    with TemporaryDirectory() as folder, Sandbox() as provider:
        drop = Path(folder, "drop")
        drop.mkdir()
        drop.chmod(0o3733)
        printed = subprocess.run(
            ["/bin/sh", JOB], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )

        courriel("sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "ada@example.org",
                 stdin=HEADER + printed.stdout, COURRIEL_DROP=str(drop), COURRIEL_OUTBOX="")  # fmt: skip
        print(f"in the drop folder: {len(list(drop.iterdir()))}")
        url = f"{provider.url}{'&' if '?' in provider.url else '?'}from=box@example.org"
        courriel("worker", "--once", "--drop", str(drop),
                 COURRIEL_URL=url, COURRIEL_OUTBOX=f"{folder}/outbox.db")  # fmt: skip

        (letter,) = provider.letters
        print(f"arrived: {letter.subject}, from {letter.sender} to {letter.recipients[0]}\n\n{letter.text}", end="")


def courriel(*words: str, stdin: str = "", **environment: str) -> None:
    """Run the command courriel."""
    command = [sys.executable, "-m", "courriel", *words]
    subprocess.run(
        command, input=stdin, text=True, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment}
    )


if __name__ == "__main__":
    main()
