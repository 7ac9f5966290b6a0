"""`help()` of each export reads well: real signatures, the names of methods, and a sentence for each of them."""

from __future__ import annotations

import inspect
import json
import pydoc
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum

import pytest

import courriel
import inside
from courriel import types as public

EXPORTS = {name: getattr(face, name) for face in (courriel, public) for name in inside.homes_of(face)}
CALLED = {
    name: found for name, found in EXPORTS.items()
    if (inspect.isclass(found) and found.__module__.startswith("courriel")) or inspect.isfunction(found)
}  # fmt: skip
NEVER_CALLED = {"SendArguments", "SendFields", "PutArguments", "Transport", "AsyncTransport", "Mailbox", "AsyncMailbox",
                "SessionFacts", "Answerable", "Piece"}  # fmt: skip
"""Protocols and TypedDicts."""
MADE = {
    name for name, found in CALLED.items()
    if name not in NEVER_CALLED and not (inspect.isclass(found) and issubclass(found, Enum | BaseException))
}  # fmt: skip

FIRST_LOOK = """
import inspect, json, courriel
from courriel import types
found = {name: getattr(face, name) for face in (courriel, types) for name in face._HOMES}
values = {name: kind for name, kind in found.items() if isinstance(kind, type) and "_value_fields" in vars(kind)}
print(json.dumps({name: list(inspect.signature(kind).parameters) for name, kind in values.items()}))
"""


@pytest.mark.slow
def test_the_first_look_at_a_value_shows_its_fields() -> None:
    shown = subprocess.run([sys.executable, "-c", FIRST_LOOK], capture_output=True, text=True, check=True).stdout
    signatures = json.loads(shown)

    assert len(signatures) > 30
    assert signatures["SendOptions"] == ["sender", "to", "on_refused", "notify", "ret", "envid", "require_tls"]
    assert not [name for name, parameters in signatures.items() if {"given", "named", "args", "kwargs"} & {*parameters}]


@pytest.mark.parametrize("name", sorted(CALLED))
def test_help_reads_well(name: str) -> None:
    text = pydoc.plain(pydoc.render_doc(CALLED[name]))

    assert not [line for line in text.splitlines() if "<locals>" in line or "given: 'object'" in line]


@pytest.mark.parametrize("name", sorted(CALLED.keys() - {"Answerable"}))
def test_every_public_method_says_what_it_does(name: str) -> None:
    assert inspect.getdoc(CALLED[name])
    assert list(_undescribed(CALLED[name])) == []


@pytest.mark.parametrize("name", sorted(MADE))
def test_every_parameter_has_a_type(name: str) -> None:
    for parameter in inspect.signature(CALLED[name]).parameters.values():
        assert parameter.annotation is not parameter.empty, parameter


# The steps.


def _undescribed(found: object) -> Iterator[str]:
    """Public methods and properties of our own without a docstring, their own or that of a base class."""
    if not inspect.isclass(found):
        return
    for name in dir(found):
        member = inspect.getattr_static(found, name)
        if isinstance(member, classmethod | staticmethod):
            member = member.__func__
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        if not inspect.getdoc(member) and not inspect.getdoc(getattr(found, name)):
            yield name
