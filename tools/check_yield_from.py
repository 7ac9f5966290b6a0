"""
Find steps of a conversation that are named but never taken.

    check_yield_from.py [FOLDER OF THE PACKAGE]

A flow is a generator: calling one does nothing until somebody runs it, and Python says nothing when nobody does. So in
`dialogue/` every call of a function whose return annotation is `Flow[...]` stands in one of these places:

    yield from self._ask("hello", "EHLO")               taken, here and now
    yield from (self._a() if first else self._b())      the same
    yield from bounded(self._ask(...))                  handed to another flow, which takes it
    return self._ask(...)                               handed on, by a function that is no generator itself
    step: Flow[Reply] = self._ask(...)                  kept on purpose: the annotation says so

Anything else is reported; so is a want (`Send(...)`) that stands alone and is never yielded. A call on an object whose
class is not known counts as a flow when any method of that name is one; `# not a flow: reason` on its line disagrees.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "courriel"
EXCUSE = "# not a flow: "
Function = ast.FunctionDef | ast.AsyncFunctionDef
Node = TypeVar("Node", bound=ast.AST)


@dataclass(slots=True)
class Names:
    """Which functions, and which methods of which class, are flows (True) and which are not (False)."""

    functions: dict[str, bool] = field(default_factory=dict)
    methods: dict[str, dict[str, bool]] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)
    wants: set[str] = field(default_factory=set)

    def method_of(self, owner: str, name: str) -> bool | None:
        """Is this method of this class, or of one it inherits from, a flow? None when the class has no such method."""
        if name in self.methods.get(owner, {}):
            return self.methods[owner][name]
        for base in self.bases.get(owner, []):
            found = self.method_of(base, name)
            if found is not None:
                return found
        return None

    def any_flow(self, name: str) -> bool:
        """Is there a flow of this name anywhere, be it a function or a method?"""
        return self.functions.get(name, False) or any(methods.get(name, False) for methods in self.methods.values())


def main(arguments: list[str]) -> int:
    package = Path(arguments[0]) if arguments else PACKAGE
    problems = list(check(package))
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} step(s) named but never taken; write `yield from` before each.", file=sys.stderr)
    return 1 if problems else 0


def check(package: Path) -> Iterator[str]:
    """Report every flow in `dialogue/` that is called but not taken, as `path:line:column: sentence`."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in sorted(package.rglob("*.py"))}
    names = Names()
    for tree in trees.values():
        learn(tree, names)
    for path, tree in trees.items():
        if (package / "dialogue") in path.parents:
            lines = path.read_text(encoding="utf-8").splitlines()
            for call, sentence in untaken(tree, names):
                if EXCUSE not in lines[call.lineno - 1]:
                    yield f"{path}:{call.lineno}:{call.col_offset + 1}: {sentence}"


# The steps.


def learn(tree: ast.Module, names: Names) -> None:
    """Note every function, method and want that this module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            own = [part for part in node.body if isinstance(part, Function)]
            names.methods.setdefault(node.name, {}).update({part.name: returns_flow(part) for part in own})
            names.bases[node.name] = [last_name(base) for base in node.bases]
        elif isinstance(node, ast.AnnAssign) and last_name(node.target) == "Want" and node.value is not None:
            names.wants.update(part.id for part in ast.walk(node.value) if isinstance(part, ast.Name))
    methods = {part for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for part in node.body}
    for node in ast.walk(tree):
        if isinstance(node, Function) and node not in methods:
            names.functions[node.name] = names.functions.get(node.name, False) or returns_flow(node)


def untaken(tree: ast.Module, names: Names) -> Iterator[tuple[ast.Call, str]]:
    """Find the calls of flows that nobody runs, and the wants that nobody yields."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = last_name(call.func)
        if is_flow(call, names, parents):
            if not is_taken(call, names, parents):
                yield call, f"the flow {name}() is called but not taken: `yield from` is missing"
        elif name in names.wants and isinstance(parents[call], ast.Expr):
            yield call, f"the want {name}() is never yielded: `yield` is missing"


def is_flow(call: ast.Call, names: Names, parents: dict[ast.AST, ast.AST]) -> bool:
    match call.func:
        case ast.Name(id=name):
            return names.functions.get(name, False)
        case (
            ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name)
            | ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name)
        ):
            owner = enclosing(call, ast.ClassDef, parents)
            known = names.method_of(owner.name, name) if owner is not None else None
            return names.any_flow(name) if known is None else known
        case ast.Attribute(attr=name):
            return names.any_flow(name)
        case _:
            return False


def is_taken(call: ast.Call, names: Names, parents: dict[ast.AST, ast.AST]) -> bool:
    node: ast.AST = call
    parent = parents[node]
    while isinstance(parent, ast.IfExp) and node is not parent.test:
        node, parent = parent, parents[parent]
    match parent:
        case ast.YieldFrom():
            return True
        case ast.Return():
            function = enclosing(parent, ast.FunctionDef, parents)
            return function is not None and returns_flow(function) and not is_generator(function)
        case ast.AnnAssign(annotation=annotation):
            return is_flow_type(annotation)
        case ast.Call():
            return node is not parent.func and is_flow(parent, names, parents)
        case ast.keyword():
            outer = parents[parent]
            return isinstance(outer, ast.Call) and is_flow(outer, names, parents)
        case _:
            return False


def returns_flow(function: Function) -> bool:
    return function.returns is not None and is_flow_type(function.returns)


def is_flow_type(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Constant(value=str(text)):
            return is_flow_type(ast.parse(text, mode="eval").body)
        case ast.Subscript(value=value):
            return last_name(value) == "Flow"
        case _:
            return last_name(annotation) == "Flow"


def is_generator(function: ast.FunctionDef) -> bool:
    """Does this function itself yield? What functions inside it do does not count."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def enclosing(node: ast.AST, kind: type[Node], parents: dict[ast.AST, ast.AST]) -> Node | None:
    while node in parents:
        node = parents[node]
        if isinstance(node, kind):
            return node
    return None


def last_name(node: ast.expr) -> str:
    """Say `Flow` for `Flow`, for `flow.Flow` and for `Flow[...]`; nothing for what has no name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return last_name(value)
        case _:
            return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
