"""Every type of a public signature can be imported from `courriel` or `courriel.types`, and is a type at run time."""

from __future__ import annotations

import ast
import importlib
import inspect
import types
from collections.abc import Iterator
from typing import get_type_hints

import pytest

import courriel
import inside
from courriel import types as public
from courriel.model.envelope import STORED_OPTIONS
from surface.walk import Home, Use, types_of_alias, types_used

EXPORTS = {
    Home(f"courriel.{place}", name) for name, place in (inside.homes_of(courriel) | inside.homes_of(public)).items()
}
RETURNED = {"Ticket", "AsyncTicket"}
"""Classes of `courriel` whose values programs never make."""
INSIDE = {
    "Store": "an outbox takes one from tests of stores; programs name a place",
    "ServerSession": "what the practice server knows of one connection, beside its transcript",
    "NotedLines": "the transcript of that connection, as what the practice server said is made of it",
    "Delivery": "the parameters of MAIL and RCPT as they came, for tests of those",
    "Ask": "wants of a conversation: connections write them into a transcript",
    "Send": "the same",
}
"""Types of signatures that are not for programs, each with the reason why it stands there."""


def uses() -> Iterator[Use]:
    for face in (courriel, public):
        for name, place in inside.homes_of(face).items():
            found = getattr(importlib.import_module(f"courriel.{place}"), name)
            if isinstance(found, str | types.UnionType) or not callable(found):
                yield from types_of_alias(Home(f"courriel.{place}", name))
            else:
                yield from types_used(found, name, made_by_users=face is courriel and name not in RETURNED)


@pytest.mark.slow
def test_every_type_of_a_public_signature_is_exported() -> None:
    found = [use for use in uses() if use.home.name and use.home.name not in INSIDE]

    missing = {f"{use.home.module} {use.home.name}, in {use.where}" for use in found if use.home not in EXPORTS}

    assert len(found) > 500
    assert not missing, "add them to courriel/types.py, or say in INSIDE why not"


@pytest.mark.slow
def test_what_is_said_to_be_inside_occurs() -> None:
    assert INSIDE.keys() <= {use.home.name for use in uses()}


def test_no_name_is_exported_twice() -> None:
    assert not set(inside.homes_of(courriel)) & set(inside.homes_of(public))


@pytest.mark.parametrize("face", [courriel, public], ids=["courriel", "courriel.types"])
def test_type_checkers_see_what_a_program_gets(face: types.ModuleType) -> None:
    seen = {name for name, _ in _type_checking_imports(face)} - {"doctor", "errors", "types"}

    assert seen == set(inside.homes_of(face))
    for name, place in _type_checking_imports(face):
        if name in inside.homes_of(face):
            assert place == f"courriel.{inside.homes_of(face)[name]}"


@pytest.mark.parametrize("name", sorted(inside.homes_of(public)))
def test_each_name_is_a_type_at_run_time(name: str) -> None:
    found = getattr(public, name)

    def taking(value: found | None) -> None: ...  # type: ignore[valid-type]

    hints = get_type_hints(taking, localns={"found": found})
    assert not isinstance(found, str)
    assert hints["value"] is not type(None)


def test_send_takes_the_options_that_there_are() -> None:
    assert list(public.SendArguments.__annotations__) == list(courriel.SendOptions.__match_args__)
    assert set(STORED_OPTIONS) < set(courriel.SendOptions.__match_args__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'courriel\.types' has no attribute 'Nothing'"):
        _ = public.Nothing  # type: ignore[attr-defined]


# The steps.


def _type_checking_imports(face: types.ModuleType) -> list[tuple[str, str]]:
    blocks = [node for node in ast.parse(inspect.getsource(face)).body if isinstance(node, ast.If)]
    return [
        (alias.name, str(line.module))
        for block in blocks
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    ]
