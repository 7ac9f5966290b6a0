"""The hostile inputs of `hostile.json`, by kind of argument, written out in full."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


@cache
def _lists() -> dict[str, list[object]]:
    return dict(json.loads(Path(__file__).with_name("hostile.json").read_text(encoding="utf-8")))


def hostile(kind: str) -> list[str]:
    """All inputs of one kind, such as `addresses` or `ehlo_names`; KeyError for a kind that is not there."""
    return [_expanded(entry) for entry in _lists()[kind]]


def shown(text: str) -> str:
    """An input as the name of a test case: short, and in ASCII."""
    return ascii(text[:40])[1:-1] + ("..." if len(text) > 40 else "")


def _expanded(entry: object) -> str:
    if isinstance(entry, str):
        return entry
    assert isinstance(entry, dict)
    repeated, times, tail = entry["repeat"]
    return str(entry.get("prefix", "") + repeated * times + tail)
