"""Order and conversations of letters: Dovecot and Cyrus judge ours, on letters with every turn of RFC 5256."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

import inside
from courriel import ImapSession, Password, Security, Server, Trust
from courriel.types import LetterThread
from servers.accounts import BOB, CLEO
from servers.cyrus import Cyrus
from servers.dovecot import Dovecot

pytestmark = pytest.mark.acceptance

SUBJECTS = (
    "Figures", "Re: Figures", "RE : figures", "Fwd: Figures", "[list] Figures", "[list] Re: [other] figures (fwd)",
    "Re[2]: Figures",
    "[Fwd: Figures]", "[a][b]", "Re: [a]", "", "Re:", "École", "ecole", "ÉCOLE", "=?utf-8?q?=C3=89t=C3=A9?=",
    "Zebra", "zebra (fwd)", "  Figures   of  May ",
)  # fmt: skip
SENDERS = (
    "Ada <ada@example.org>",
    "bob@example.org",
    "Zoe <ZOE@a.example>",
    "zoe@b.example",
    "=?utf-8?q?=C3=89va?= <eva@example.org>",
)
ZONES = ("+0000", "+0200", "-0500")
KEYS = ("date", "-date", "received", "sender", "-sender", "to", "cc", "subject", "-subject", "size", "-size")


PLAIN = tuple(subject for subject in SUBJECTS if subject.isascii() and "?=" not in subject)


def letters(chance: random.Random, count: int, subjects: tuple[str, ...]) -> Iterator[bytes]:
    ids: list[str] = []
    for number in range(count):
        known = chance.sample(ids, min(len(ids), chance.randrange(4))) if ids and chance.random() < 0.6 else []
        own = chance.choice(ids) if ids and chance.random() < 0.05 else f"<{number}@example.org>"
        if chance.random() < 0.1:
            known.append(f"<gone{chance.randrange(4)}@example.org>")
        ids.append(own)
        fields = {
            "From": chance.choice(SENDERS),
            "To": chance.choice(SENDERS) if chance.random() < 0.8 else "",
            "Cc": chance.choice(SENDERS) if chance.random() < 0.5 else "",
            "Subject": chance.choice(subjects),
            "Date": f"{chance.randrange(1, 28)} Nov 2026 {chance.randrange(24):02}:00:00 {chance.choice(ZONES)}",
            "Message-ID": own if chance.random() < 0.95 else "",
            chance.choice(("References", "References", "In-Reply-To")): " ".join(known),
        }
        header = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value or name == "Subject")
        yield header.encode() + b"\r\n" + b"x" * chance.randrange(400) + b"\r\n"


@pytest.fixture(params=["dovecot", "cyrus"])
def box(request: pytest.FixtureRequest) -> Iterator[ImapSession]:
    """A mailbox with sixty letters at a real server that sorts."""
    running: Dovecot | Cyrus = request.getfixturevalue(request.param)
    account = CLEO if request.param == "dovecot" else BOB
    server = Server(running.host, running.imaps_port, Security.TLS, trust=Trust.file(running.authority.ca_file))
    with ImapSession(server, Password(account.user, account.password)) as session:
        found = session.search()
        if len(found):
            session.delete(found.uids)
            session.expunge()
        yield session


def fill(box: ImapSession, seed: int, count: int = 60, *, subjects: tuple[str, ...] = SUBJECTS) -> None:
    for letter in letters(random.Random(seed), count, subjects):
        box.append(letter, "INBOX")
    box.noop()


def without(box: Any, capability: str) -> Any:
    """The same session as if the server did not offer that."""
    inside.dialogue_of(box).capabilities.pop(capability)
    return box


@pytest.mark.parametrize("seed", range(3))
def test_letters_are_sorted_here_as_the_server_sorts_them(box: ImapSession, seed: int) -> None:
    # Cyrus does not decompose "É" (RFC 5051 2.1), and has it behind "Z".
    fill(box, seed, subjects=PLAIN if "Cyrus" in inside.dialogue_of(box).greeting else SUBJECTS)
    orders = [(key,) for key in KEYS] + [("subject", "-date"), ("-sender", "subject", "size")]

    theirs = {order: box.search(sort=order) for order in orders}
    ours = {order: without_sort.search(sort=order) for without_sort in [without(box, "SORT")] for order in orders}

    assert {found.sorted_by for found in theirs.values()} == {"server"}
    assert {found.sorted_by for found in ours.values()} == {"here"}
    for order in orders:
        assert subjects(ours[order]) == subjects(theirs[order]), order


def subjects(found: Any) -> list[tuple[int, str]]:
    return [(letter.uid, letter.subject) for letter in found]


@pytest.mark.parametrize("by", ["references", "orderedsubject"])
@pytest.mark.parametrize("seed", range(3))
def test_conversations_are_put_together_here_as_the_server_does(box: ImapSession, by: str, seed: int) -> None:
    fill(box, seed)

    theirs = box.threads(by=by)
    ours = without(box, "THREAD").threads(by=by)

    assert shape(ours) == shape(theirs)


def shape(threads: list[LetterThread]) -> set[tuple[tuple[int, int, int], ...]]:
    return {tuple((each.uid, each.parent, each.level) for each in thread.letters) for thread in threads}
