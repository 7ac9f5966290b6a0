"""
The newsletter to 300 readers of a practice server, with a kill -9 in the middle.

    python examples/newsletter/run.py
"""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from newsletter import send

from courriel import Outbox, Sandbox


def main() -> None:
    """Send, be killed, send again, and count."""
    os.environ["UNSUBSCRIBE_KEY"] = secrets.token_urlsafe(32)
    logging.getLogger("courriel.outbox").setLevel(logging.ERROR)  # one line for each mail taken over; counted below
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        readers, place = Path(folder) / "readers.csv", f"{folder}/outbox.db"
        readers.write_text("".join(f"reader{number}@example.org,Reader {number}\n" for number in range(300)), "utf-8")
        script = Path(__file__).with_name("newsletter.py")
        with subprocess.Popen([sys.executable, str(script), str(readers), place, sandbox.url]) as first:
            sandbox.wait_for(to="reader100@example.org", timeout=60)
            first.kill()
        print("killed, when", len(sandbox.letters), "mails had arrived")
        left = send(readers, place, sandbox.url)
        got = Counter(letter.recipients[0] for letter in sandbox.letters)
        with Outbox(place, elsewhere=True) as outbox:
            doubtful = {mail.recipients[0] for mail in outbox.list(unsure=True)}
        twice = {address for address, copies in got.items() if copies > 1}
        print("readers with the mail:", len(got), "of 300; not sent:", left)
        print("with two copies:", len(twice), "all of them known as in doubt:", twice <= doubtful)


if __name__ == "__main__":
    main()
