"""Before anything is timed: what the sink received, compared with what was to be sent, for everybody in every row.

Ready-made mails have to arrive byte for byte: as many, and a sum over their hashes that is the one we expect.
Mails that everybody builds in his own way are read again with the standard `email` package: same subject,
same recipient, same texts, same file.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path

from .contestants import OURS, Cannot, Contestant
from .material import Material, person
from .measuring import Ground, Rival, Row
from .processes import Listener, keeping_sink
from .slow_sink import MASK, fnv

COUNT = 50
READY = ("ready", "from-bytes", "single", "many", "session", "waiting", "async-single", "async-tasks", "async-ready")
READING = {
    "pop": "pop",
    "async-pop": "pop",
    "imap": "imap",
    "imap-each": "imap",
    "imap-parsed": "imap",
    "imap-part": "imap-part",
    "imap-part-whole": "imap-part",
    "imap-sync": "imap-sync",
    "imap-flags": "imap-sync",
    "imap-heads": "imap",
    "imap-heads-read": "imap",
}
SIZE = 200_000  # of the file that is attached here

Read = tuple[str, str, str, str, str]
"""Subject, recipient, text, HTML, and the hash of a file."""


def check(row: Row, ground: Ground, contestants: Mapping[str, Contestant], material: Material) -> dict[str, str]:
    """Who sent something else than was wanted in this row, and what; empty when all is well."""
    if not row.sink:
        return {}
    wrong: dict[str, str] = {}
    for rival in (Rival(OURS, None, row.work), *row.rivals):
        if rival.name not in contestants:
            continue
        work = rival.work or row.work
        with contextlib.suppress(Cannot):
            if work in READING:
                told = _check_read(row, rival, work, ground, contestants)
            else:
                judge = _check_ready if work in READY else _check_built
                told = judge(row, rival, work, ground, contestants, material)
            if told:
                wrong[rival.label or rival.name] = told
    return wrong


# The steps.


def _check_ready(
    row: Row, rival: Rival, work: str, ground: Ground, contestants: Mapping[str, Contestant], material: Material
) -> str:
    count = 5 if work == "session" else COUNT
    options = {"sink": row.sink.partition(" ")[0], **row.options, **rival.options}
    with ground.sink(f"{row.sink} check") as sink:
        assert isinstance(sink, Listener)
        if work == "session":
            # It speaks to strangers only after a handshake: its mails are counted by what the session was told.
            contestants[rival.name].do(work, sink.port, count, **options)
            return ""
        done = contestants[rival.name].do(work, sink.port, count, **options)
        mails, octets, hashes = sink.received()
    extra = int(done.more.get("extra", 0))
    ready = material.ready()
    expected = sum(fnv(mail) for mail in ready[:count]) + extra * fnv(ready[0])
    if rival.name == "smtp-source":
        # It adds an empty line, and numbers nothing.
        return "" if mails == count else f"{mails} mails instead of {count}"
    if (mails, hashes) != (count + extra, f"{expected & MASK:016x}"):
        return f"{mails} mails, {octets} octets, hash {hashes}, instead of {count + extra}, {expected & MASK:016x}"
    return ""


def _check_read(row: Row, rival: Rival, work: str, ground: Ground, contestants: Mapping[str, Contestant]) -> str:
    """Whoever reads compares himself, once the clock has stopped; a letter that is wrong is an error."""
    count = min(COUNT, row.most)
    with ground.sink(READING[work]) as sink:
        done = contestants[rival.name].do(work, getattr(sink, "port", 0), count, **row.options)
    return "" if done.sent == count else f"{done.sent} letters instead of {count}"


def _check_built(
    row: Row, rival: Rival, work: str, ground: Ground, contestants: Mapping[str, Contestant], material: Material
) -> str:
    options: dict[str, object] = {"sink": row.sink, **row.options, **rival.options}
    count = 3 if work == "attachment" else 10
    if work == "attachment":
        options["file"] = material.file(SIZE)
    with tempfile.TemporaryDirectory(prefix="courriel-bench-") as kept:
        with keeping_sink(Path(kept), *([] if row.sink == "chunking" else ["-c"])) as sink:
            done = contestants[rival.name].do(work, sink.port, count, **options)
        arrived = [_read(path.read_bytes()) for path in sorted(Path(kept).glob("*.eml"))]
    # The mail that opened its pool.
    arrived = arrived[int(done.more.get("extra", 0)) :]
    missing = Counter(_expected(work, count, material)) - Counter(arrived)
    if missing or len(arrived) != count:
        return f"{len(arrived)} mails of {count}; not there: {list(missing)[:1]}"
    return ""


def _expected(work: str, count: int, material: Material) -> Iterator[Read]:
    for number in range(count):
        if work in ("merge", "merge-built"):
            name, address, order = person(number)
            text, html = (
                material.text(file).format(name=name, number=order).strip() for file in ("merge.txt", "merge.html")
            )
            yield f"Commande {order} prête", address, text, html, ""
        elif work == "attachment":
            file = sha256(material.file(SIZE).read_bytes()).hexdigest()
            yield "A mail that was built", "someone@example.org", "Attached.", "", file
        else:
            yield "A mail that was built", "someone@example.org", material.text("text.txt").strip(), "", ""


def _read(raw: bytes) -> Read:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    texts = {"text/plain": "", "text/html": ""}
    file = ""
    for part in mail.walk():
        if part.is_attachment():
            file = sha256(part.get_payload(decode=True)).hexdigest()  # type: ignore[arg-type]
        elif part.get_content_type() in texts:
            texts[part.get_content_type()] = str(part.get_content()).replace("\r\n", "\n").strip()
    return str(mail["subject"]), str(mail["to"]), texts["text/plain"], texts["text/html"], file
