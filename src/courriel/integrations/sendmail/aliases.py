"""Aliases of local names, as in /etc/aliases: `root: ada@example.org`. Commands and files in it are never used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

LARGEST = 1024 * 1024  # octets of one file
_DEPTH = 10
_MOST = 1000  # addresses of one alias, with those of its aliases


def read_aliases(files: Sequence[Path]) -> dict[str, list[str]]:
    """Aliases of these files, by name in lower case; an earlier file counts before a later one."""
    found: dict[str, list[str]] = {}
    for file in files:
        try:
            with file.open("rb") as lines:
                text = lines.read(LARGEST).decode("utf-8", "replace")
        except OSError:
            continue  # there is none, or it is not for us
        for name, values in _entries(text):
            found.setdefault(name, values)
    return found


def expand(address: str, aliases: dict[str, list[str]]) -> list[str]:
    """Addresses that a local name stands for; itself where it has no alias that is an address."""
    return list(dict.fromkeys(_expanded(address, aliases, _DEPTH)))[:_MOST]


# The steps.


def _expanded(address: str, aliases: dict[str, list[str]], depth: int) -> Iterable[str]:
    targets = aliases.get(address.lower()) if "@" not in address and depth else None
    if not targets:
        return [address]
    found: list[str] = []
    for target in targets:
        found += [target] if target.lower() == address.lower() else _expanded(target, aliases, depth - 1)
        if len(found) > _MOST:
            break
    return found


def _entries(text: str) -> Iterable[tuple[str, list[str]]]:
    entries: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t" and entries:
            entries[-1] += line
        else:
            entries.append(line)
    for entry in entries:
        name, colon, targets = entry.partition(":")
        values = [value.strip().strip('"') for value in targets.split(",")]
        # A pipe, a file or a list would be a program, or a file of somebody else, in our hands.
        addresses = [value for value in values if value and value[0] not in "|/:\\" and " " not in value]
        if colon and addresses:
            yield name.strip().strip('"').lower(), addresses
