"""Collector of the sentences in the source that users see: errors, warnings, notes and logs, as templates."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import courriel
from courriel import errors

SOURCE = Path(courriel.__file__).parent
NOT_OURS = ("cli", "demo", "wlangage", "sandbox/faults.py")  # they hold their own French
_FORMAT = re.compile(r"%(?:0?\d|\.\d)?[sdrfgo]")
_LOGS = {"info", "warning", "error", "log"}
_DEFECT_REPORTS = {"report_defect", "_report_defect"}  # about a letter
_CLASSES = {
    name
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, BaseException)
}


def sentences() -> dict[str, str]:
    """Each template, and its place in the source."""
    trees = {
        path: list(ast.walk(ast.parse(path.read_text("utf-8"))))
        for path in sorted(SOURCE.rglob("*.py"))
        if not str(path.relative_to(SOURCE)).startswith(NOT_OURS)
    }
    derived = {name for tree in trees.values() for name in _derived(tree)}
    makers = _CLASSES | _DEFECT_REPORTS | derived | {name for tree in trees.values() for name in _makers(tree)}
    found: dict[str, str] = {}
    for path, tree in trees.items():
        for node in tree:
            for text in _said(node, makers):
                found.setdefault(text, f"{path.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}")
    return found


# The steps.


def _derived(tree: list[ast.AST]) -> Iterator[str]:
    """Error classes defined outside `courriel.errors`."""
    for node in tree:
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).rpartition(".")[2] in _CLASSES for base in node.bases
        ):
            yield node.name


def _makers(tree: list[ast.AST]) -> Iterator[str]:
    """Functions that return an error of the package."""
    for node in tree:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            returned = ast.unparse(node.returns).strip("'\"")
            if returned.rpartition(".")[2] in _CLASSES and "|" not in returned:
                yield node.name


def _said(node: ast.AST, makers: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in makers:
            for argument in node.args:
                yield from _templates(argument)
        elif name in _LOGS and "log" in ast.unparse(node.func).lower():
            yield from (_FORMAT.sub("{}", text) for each in node.args[:2] for text in _templates(each))
    elif isinstance(node, ast.FunctionDef) and _gives_reasons(node):
        for step in ast.walk(node):
            if isinstance(step, ast.Return) and step.value is not None:
                yield from (text for text in _templates(step.value) if text.count(" ") > 1)


def _gives_reasons(function: ast.FunctionDef) -> bool:
    """Whether the returned text may become a part of a sentence."""
    return not function.name.startswith("__") and "str" in ast.unparse(function.returns or ast.Constant(None))


def _templates(node: ast.expr) -> Iterator[str]:
    """Texts that this expression may be, inserted parts as {}; a sentence holds a space."""
    match node:
        case ast.Constant(value=str(text)) if " " in text.strip():
            yield text
        case ast.JoinedStr(values=values):
            text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in values)  # type: ignore[misc]
            if re.search(r"[A-Za-z]{2}.* |^[^{]*[a-z]{3}|: ", text.replace("{}", "")):
                yield text
            for part in values:
                if isinstance(part, ast.FormattedValue):
                    yield from _templates(part.value)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _templates(body)
            yield from _templates(orelse)
        case ast.BoolOp(values=values):
            for value in values:
                yield from _templates(value)
        case _:
            pass
