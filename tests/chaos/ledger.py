"""An append-only file of facts outside the outbox, one JSON object a line, written by one process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

Fact: TypeAlias = dict[str, Any]


class Ledger:
    """Writes facts; the time of each (CLOCK_MONOTONIC, the same for every process of a machine) is added as `at`.

    `durable`: a fact is on the disk when `write` returns, as the records of a caller are who was told that a mail is
    kept.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._durable = durable

    def write(self, what: str, **facts: object) -> None:
        """Append one fact, in one piece: who is killed leaves whole lines."""
        os.write(self._file, json.dumps({"what": what, "at": monotonic(), **facts}).encode() + b"\n")
        if self._durable:
            os.fdatasync(self._file)


def facts(folder: Path, name: str = "*") -> Iterator[Fact]:
    """Every fact of the ledgers whose names fit, in the order of their times; `source` is the name of its ledger."""
    found = [
        json.loads(line) | {"source": path.stem}
        for path in folder.glob(f"{name}.ledger")
        for line in path.read_bytes().splitlines()
    ]
    yield from sorted(found, key=lambda fact: fact["at"])
