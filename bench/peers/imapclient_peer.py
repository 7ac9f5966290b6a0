"""IMAPClient: all letters by one `fetch`."""

from __future__ import annotations

from imapclient import IMAPClient

from ..player import Clock, Job, compared, play, timed


def imap(job: Job) -> dict[str, float]:
    """Letters as octets."""
    with IMAPClient("127.0.0.1", job.port, ssl=False) as box:
        box.login("ada", "secret")
        box.select_folder("INBOX", readonly=True)
        with Clock() as clock:
            told = box.fetch(box.search()[: job.count], ["BODY.PEEK[]"])
            letters = [told[number][b"BODY[]"] for number in sorted(told)]
    return timed(clock, compared(job, letters))


if __name__ == "__main__":
    play({"imap": imap})
