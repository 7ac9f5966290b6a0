"""The types that occur in public signatures: names in annotations, each resolved to the module that defines it."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import NamedTuple

INTERNAL = frozenset([
    "Transcript.sent", "Transcript.received",  # called by connections
    "ImapSession.fetch_in_batches", "ImapSession.fetch_data",  # called by Letters
    "CapturedMessage.of", "Rate.of",
])  # fmt: skip
"""Methods without an underscore that only courriel calls."""


class Home(NamedTuple):
    """Where a name is defined."""

    module: str
    name: str


class Use(NamedTuple):
    """A type in the signature of something public."""

    home: Home
    where: str


def types_used(thing: object, said: str, *, made_by_users: bool = True) -> Iterator[Use]:
    """Types of courriel in the signatures of a function, or of a class and its bases.

    The `__init__` of a class counts where programs make its values themselves.
    """
    if isinstance(thing, FunctionType):
        yield from _of_function(thing, said)
    elif isinstance(thing, type):
        yield from _of_class(thing, said, made_by_users)


def types_of_alias(home: Home) -> Iterator[Use]:
    """Types of courriel in the value of a type alias, or in the fields of a TypedDict that only type checkers see."""
    for node in _definitions(home.module):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == home.name:
            assert node.value is not None
            yield from _in_expression(_unquoted(node.value), home.module, home.name)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == home.name:
            yield from _in_expression(node.value, home.module, home.name)
        if isinstance(node, ast.ClassDef) and node.name == home.name:
            for line in node.body:
                if isinstance(line, ast.AnnAssign):
                    yield from _in_expression(line.annotation, home.module, home.name)


@cache
def exists_at_run_time(home: Home) -> bool:
    return hasattr(importlib.import_module(home.module), home.name)


# The steps.


def _of_class(kind: type, said: str, made_by_users: bool) -> Iterator[Use]:
    constructors = [each for each in kind.__mro__ if isinstance(vars(each).get("__init__"), FunctionType)]
    if made_by_users and constructors and constructors[0].__module__.startswith("courriel"):
        yield from _of_function(vars(constructors[0])["__init__"], f"{said}.__init__")
    for each in kind.__mro__:
        if not each.__module__.startswith("courriel"):
            continue
        for name, annotation in vars(each).get("__annotations__", {}).items():
            if not name.startswith("_"):
                yield from _in_text(annotation, each.__module__, f"{said}.{name}")
        for name, member in vars(each).items():
            if f"{each.__name__}.{name}" in INTERNAL:
                continue
            if not name.startswith("_") or name in ("__enter__", "__iter__", "__getitem__", "__call__"):
                for function in _functions(member):
                    yield from _of_function(function, f"{said}.{name}")


def _functions(member: object) -> Iterator[FunctionType]:
    if isinstance(member, property):
        member = member.fget
    if isinstance(member, classmethod | staticmethod):
        member = member.__func__
    member = inspect.unwrap(member) if callable(member) else member  # type: ignore[arg-type]
    if isinstance(member, FunctionType):
        yield member


def _of_function(function: FunctionType, said: str) -> Iterator[Use]:
    for name, annotation in function.__annotations__.items():
        yield from _in_text(annotation, function.__module__, f"{said}({name})")


def _in_text(annotation: object, module: str, said: str) -> Iterator[Use]:
    if isinstance(annotation, str):
        yield from _in_expression(ast.parse(annotation, mode="eval").body, module, said)


def _in_expression(node: ast.expr, module: str, said: str) -> Iterator[Use]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            home = _home(module, part.id)
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            around = _home(module, part.value.id)
            home = Home(f"{around.module}.{around.name}".rstrip("."), part.attr) if around is not None else None
            if home is not None and home.module not in sys.modules:
                home = None
        else:
            continue
        if home is not None and home.module.partition(".")[0] == "courriel" and not home.name.startswith("_"):
            # Errors are of the package; their files are nobody else's concern.
            module = "courriel.errors" if home.module.startswith("courriel.errors.") else home.module
            yield Use(Home(module, home.name), said)


def _unquoted(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return ast.parse(node.value, mode="eval").body
    return node


def _home(module: str, name: str) -> Home | None:
    """The module that defines a name used in another one; None for built-in names and type variables."""
    for node in _definitions(module):
        match node:
            case ast.ImportFrom(module=str(source), names=names, level=0):
                for alias in names:
                    if (alias.asname or alias.name) == name:
                        return _home_of_import(source, alias.name)
            case ast.ClassDef(name=found) if found == name:
                return Home(module, name)
            case ast.AnnAssign(target=ast.Name(id=found)) if found == name:
                return Home(module, name)
            case ast.Assign(targets=[ast.Name(id=found)]) if found == name and not _is_type_variable(node.value):
                return Home(module, name)
            case _:
                pass
    return None


def _is_type_variable(value: ast.expr) -> bool:
    return isinstance(value, ast.Call)


def _home_of_import(source: str, name: str) -> Home | None:
    if source.partition(".")[0] != "courriel":
        return Home(source, name)
    try:
        if isinstance(importlib.import_module(f"{source}.{name}"), ModuleType):
            return Home(f"{source}.{name}", "")
    except ModuleNotFoundError:
        pass
    return _home(source, name)


@cache
def _definitions(module: str) -> list[ast.stmt]:
    """The top-level statements of a module, with those that only type checkers see."""
    if module.partition(".")[0] != "courriel":
        return []
    source = inspect.getsource(importlib.import_module(module))
    found: list[ast.stmt] = []
    for node in ast.parse(source).body:
        found += node.body if isinstance(node, ast.If) else [node]
    return found
