"""The sandbox's page with a hundred thousand mails: what the core works for each page, of a list, a search, a mail."""

from __future__ import annotations

import random
import time
import urllib.request
from urllib.parse import quote

from courriel import Sandbox

from .measuring import Limit, Pace, Result, Spread
from .receiving import Client

LONGEST = 100.0  # milliseconds of the core's time for one page
_MAILBOXES = 200
_OF_A_SESSION = 1000  # mails
_WORDS = 60  # of each mail, out of twenty thousand

PAGES = {
    "the list": "/",
    "one mailbox": "/?to=b7@example.org",
    "one mail": "/m/1500",
    "a word that two thirds have": "/?search=invoice",
    "!word": "/?search=" + quote("!invoice"),
    "a word with one letter": "/?search=w",
    "a subject without a word": "/?search=" + quote("subject:mail !invoice"),
    "is:unread": "/?search=is:unread",
}


def inbox(throttle: Pace) -> list[Result]:
    """Every page in rounds, when the mails are there and indexed."""
    mails = 5_000 if throttle.quick else 100_000
    with Sandbox(web_port=0, keep=mails, keep_octets=2 * 1024**3) as sandbox:
        for first in range(0, mails, _OF_A_SESSION):
            with Client(sandbox.port) as client:
                for number in range(first, first + _OF_A_SESSION):
                    client.send(_letter(number), b"b%d@example.org" % (number % _MAILBOXES))
        results: list[Result] = []
        for name, address in PAGES.items():
            _milliseconds(sandbox, address)  # indexes what is not indexed yet, and is not counted
            rounds = [_milliseconds(sandbox, address) for _ in range(throttle.rounds)]
            results.append(Limit("inbox", f"{name}, of {mails:,} mails", Spread.of(rounds), "ms", LONGEST))
        return results


# The steps.


def _letter(number: int) -> bytes:
    chance = random.Random(number)
    words = " ".join(f"w{chance.randrange(20_000):x}" for _ in range(_WORDS))
    return (
        f"From: a{number % 50}@example.org\r\nTo: b{number % _MAILBOXES}@example.org\r\nSubject: Mail {number}\r\n"
        f"Message-ID: <{number}@example.org>\r\n\r\n{words}{' invoice' if number % 3 else ''}\r\n"
    ).encode()


def _milliseconds(sandbox: Sandbox, address: str) -> float:
    """What this process worked for one page, the asking included."""
    begun = time.process_time()
    with urllib.request.urlopen(sandbox.web_url.rstrip("/") + address) as answer:  # noqa: S310 - our own, on loopback
        answer.read()
    return (time.process_time() - begun) * 1000
