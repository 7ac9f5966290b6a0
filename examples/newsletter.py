"""
A newsletter that survives a crash: whoever runs it again goes on where it stopped.

    python examples/newsletter.py                              try it: 300 readers, and a kill -9 in the middle

    python examples/newsletter.py readers.csv outbox.db smtps://…      send it; after a crash, say the same again

Each reader's mail has a key, the issue and the address: putting it a second time changes nothing. Who was sent is
written down before the next one leaves. A few may have been on their way at the moment of the crash; they are counted
as "in doubt", and sent again, or held for you with `on_unsure="hold"`.
"""

from __future__ import annotations

import csv
import logging
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from courriel import Message, Outbox, Sandbox, State

ISSUE = "2026-12"


def mails(readers: Path) -> Iterator[tuple[str, Message]]:
    """The key and the mail of each reader: a line has an address and a name."""
    with readers.open(encoding="utf-8", newline="") as lines:
        for address, name in csv.reader(lines):
            yield (
                f"newsletter/{ISSUE}/{address}",
                Message(
                    sender="news@example.org",
                    to=address,
                    subject="What is new in December",
                    text=f"Hello {name},\n\nthere is news.\n",
                    list_unsubscribe=f"https://news.example.org/leave/{address}",
                    one_click=True,
                ),
            )


def send(readers: Path, place: str, via: str) -> int:
    """Put the mails that are not there yet, and send what is due; returns how many are not sent."""
    listed = list(mails(readers))
    with Outbox(place) as outbox:
        outbox.put_many([mail for _, mail in listed], keys=[key for key, _ in listed], via=via, priority="low")
        outbox.run_once()
        return sum(count.mails for count in outbox.stats() if count.state is not State.SENT)


def main() -> None:
    """Send to 300 readers of a practice server, be killed, send again, and count."""
    logging.getLogger("courriel.outbox").setLevel(logging.ERROR)  # one line for each mail taken over; counted below
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        readers, place = Path(folder) / "readers.csv", f"{folder}/outbox.db"
        readers.write_text("".join(f"reader{number}@example.org,Reader {number}\n" for number in range(300)), "utf-8")
        command = [sys.executable, __file__, str(readers), place, sandbox.url]
        with subprocess.Popen(command) as first:
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
    if len(sys.argv) == 4:
        sys.exit(1 if send(Path(sys.argv[1]), sys.argv[2], sys.argv[3]) else 0)
    main()
