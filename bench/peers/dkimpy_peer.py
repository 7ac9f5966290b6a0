"""dkimpy as its documentation shows it, `dkim.sign`, relaxed/relaxed, by Debian's Python (python3-dkim)."""

from __future__ import annotations

import dkim  # type: ignore[import-not-found]

from ..player import Clock, Job, play, timed


def sign(job: Job) -> dict[str, float]:
    mails, key = list(job.ready()), (job.material.folder / "dkim.pem").read_bytes()
    with Clock() as clock:
        for mail in mails:
            dkim.sign(mail, b"s1", b"example.org", key, canonicalize=(b"relaxed", b"relaxed"))
    return timed(clock, job.count)


if __name__ == "__main__":
    play({"sign": sign})
