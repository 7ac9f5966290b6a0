"""imap_tools: `fetch(bulk=True)`, all letters by one command, as its documentation advises for many."""

from __future__ import annotations

from imap_tools import MailBoxUnencrypted

from ..player import Clock, Job, play, timed


def imap(job: Job) -> dict[str, float]:
    """Letters with their content; its `obj` is made of each in any case."""
    with MailBoxUnencrypted("127.0.0.1", job.port).login("ada", "secret") as box, Clock() as clock:
        letters = [letter.obj for letter in box.fetch(limit=job.count, bulk=True, mark_seen=False)]
    return timed(clock, len(letters))


def imap_parsed(job: Job) -> dict[str, float]:
    """The same, and subject, text and attachments of each are read."""
    with MailBoxUnencrypted("127.0.0.1", job.port).login("ada", "secret") as box, Clock() as clock:
        letters = [
            (letter.subject, letter.text, letter.attachments)
            for letter in box.fetch(limit=job.count, bulk=True, mark_seen=False)
        ]
    return timed(clock, len(letters))


if __name__ == "__main__":
    play({"imap": imap, "imap-parsed": imap_parsed})
