"""
A newsletter that survives a crash: whoever runs it again goes on where it stopped.

    python examples/newsletter/newsletter.py readers.csv outbox.db smtps://…      after a crash, say the same again

Each reader's mail has a key, the issue and the address: putting it a second time changes nothing. Who was sent is
written down before the next one leaves. A few may have been on their way at the moment of the crash; they are counted
as "in doubt", and sent again, or held for you with `on_unsure="hold"`. Who unsubscribes by the link in the header is
on the suppression list of the outbox from then on; `endpoint` is the web application behind those links.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from courriel import Message, Outbox, State
from courriel.integrations.unsubscribe import UnsubscribeLinks, unsubscribe_wsgi
from courriel.integrations.unsubscribe.wsgi import WsgiApp

ISSUE = "2026-12"


def links() -> UnsubscribeLinks:
    """Links that are sealed with the key in the environment (`courriel unsubscribe new-key` makes one)."""
    return UnsubscribeLinks("https://news.example.org/unsubscribe", "env:UNSUBSCRIBE_KEY")


def endpoint(place: str) -> WsgiApp:
    """The web application behind the links, for gunicorn and its like."""
    return unsubscribe_wsgi(links(), Outbox(place, elsewhere=True), titles={"news": "What is new"})


def mails(readers: Path) -> Iterator[tuple[str, Message]]:
    """The key and the mail of each reader: a line has an address and a name."""
    made = links()
    with readers.open(encoding="utf-8", newline="") as lines:
        for address, name in csv.reader(lines):
            yield (
                f"newsletter/{ISSUE}/{address}",
                Message(
                    sender="news@example.org",
                    to=address,
                    subject="What is new in December",
                    text=f"Hello {name},\n\nthere is news.\n",
                    list_unsubscribe=made.link(address, "news"),
                    one_click=True,
                ),
            )


def send(readers: Path, place: str, via: str) -> int:
    """Put the mails that are not there yet, and send what is due; returns how many are not sent."""
    listed = list(mails(readers))
    with Outbox(place) as outbox:
        outbox.put_many(
            [mail for _, mail in listed], keys=[key for key, _ in listed], via=via, stream="news", priority="low"
        )
        outbox.run_once()
        return sum(count.mails for count in outbox.stats() if count.state is not State.SENT)


if __name__ == "__main__":
    sys.exit(1 if send(Path(sys.argv[1]), sys.argv[2], sys.argv[3]) else 0)
