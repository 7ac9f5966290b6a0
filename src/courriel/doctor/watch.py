"""Comparison with the last examination, for schedules: what somebody has to look at before it stops the mail."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias

from courriel._dataclass import dataclass
from courriel.delivery.state_folder import own_folder
from courriel.doctor.examination import Examination
from courriel.failures import Text

SOON = 14
"""Days before the end of a certificate from which it is an alert."""
_LARGEST = 1024 * 1024

AlertKind: TypeAlias = Literal["token refused", "certificate ends", "dmarc changed"]
STATUS: dict[AlertKind, int] = {"token refused": 81, "certificate ends": 82, "dmarc changed": 83}
"""Exit status of each alert, above those of sysexits.h; of several the lowest is given."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Alert for a schedule: its kind, and a sentence."""

    kind: AlertKind
    text: Text


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the last examination of a target: its DMARC record; None when nothing was kept."""

    dmarc: str | None = None


def alerts_of(examination: Examination, before: Memory, now: datetime | None = None) -> list[Alert]:
    """The alerts of an examination; what the name service left open is no change."""
    found: list[Alert] = []
    if examination.token_refused:
        found.append(Alert("token refused", Text("le jeton d'accès est refusé : connectez-vous de nouveau",
                                                 "the access token is refused: log in again")))  # fmt: skip
    ends = examination.certificate_ends
    if ends is not None and (days := (ends - (now or datetime.now(UTC))).days) < SOON:
        until = f"{ends:%Y-%m-%d}"
        found.append(Alert("certificate ends", Text(f"le certificat expire le {until} ({days} jours)",
                                                    f"the certificate ends on {until} ({days} days)")))  # fmt: skip
    if before.dmarc is not None and _knows_dmarc(examination) and examination.dmarc != before.dmarc:
        now_there, was = examination.dmarc or "–", before.dmarc or "–"
        found.append(Alert("dmarc changed", Text(f"l'enregistrement DMARC a changé : {was} → {now_there}",
                                                 f"the DMARC record has changed: {was} → {now_there}")))  # fmt: skip
    return found


def memory_of(examination: Examination, before: Memory) -> Memory:
    """The memory for the next time: what is not known today stays as it was."""
    return Memory(examination.dmarc if _knows_dmarc(examination) else before.dmarc)


def state_file(examination: Examination) -> Path:
    """The file of a target, named by a digest: a target may be longer than a file's name."""
    digest = sha256(f"{examination.target} {examination.domain}".encode()).hexdigest()[:32]
    return own_folder() / "doctor" / f"{digest}.json"


def load(path: Path) -> Memory:
    """The memory in a file; empty where there is no file, or one that is damaged: then the comparison begins anew."""
    try:
        with path.open("rb") as file:
            kept = json.loads(file.read(_LARGEST))
    except (FileNotFoundError, ValueError, RecursionError):
        return Memory()
    dmarc = kept.get("dmarc") if isinstance(kept, dict) else None
    return Memory(dmarc if isinstance(dmarc, str) else None)


def store(path: Path, memory: Memory, examination: Examination) -> None:
    """Replace the file at once; it has mode 0600, and holds no secret. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = {
        "target": examination.target,
        "domain": examination.domain,
        "dmarc": memory.dmarc,
        "examined": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".doctor-")  # 0600, and O_EXCL
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file, ensure_ascii=True, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# The steps.


def _knows_dmarc(examination: Examination) -> bool:
    return any(step.name == "dmarc" and step.status != "unknown" for step in examination.steps)
