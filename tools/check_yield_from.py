"""
Find steps of a conversation that are named but never taken.

    check_yield_from.py [FOLDER OF THE PACKAGE]

A flow is a generator: calling one does nothing until somebody runs it, and Python says nothing when nobody does. So in
`dialogue/` every call of a function whose return annotation is `Flow[...]` or `RelayFlow[...]` stands in one of these
places:

    yield from self._ask("hello", "EHLO")               taken, here and now
    yield from (self._a() if first else self._b())      the same
    yield from bounded(self._ask(...))                  handed to another flow, which takes it
    return self._ask(...)                               handed on, by a function that is no generator itself
    step: Flow[Reply] = self._ask(...)                  kept on purpose: the annotation says so
    yield Upstream(self._ask(...))                      run by the driver, on the other connection of a relay

Anything else is reported; so is a want (`Send(...)`) that stands alone and is never yielded.

The class of an object is read from annotations: of parameters, of attributes, of what `__init__` keeps. Where they do
not tell it, the call counts as a flow when every method of that name in the package is one; pyright, which knows all
types, looks after the rest (`reportUnusedCallResult`). `# not a flow: reason` at the end of a line disagrees.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "courriel"
EXCUSE = "# not a flow: "
FLOWS = ("Flow", "RelayFlow")
WANTS = ("Want", "RelayWant")
RUNS_A_FLOW = "Upstream"  # the want whose first argument is a flow
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class Names:
    """Which functions of a module, and which methods of a class, are flows (True) and which are not (False)."""

    functions: dict[str, dict[str, bool]] = field(default_factory=dict)
    methods: dict[str, dict[str, bool]] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)
    wants: set[str] = field(default_factory=set)

    def method_of(self, owner: str, name: str) -> bool | None:
        """Is this method of this class, or of one it inherits from, a flow? None when the class has no such method."""
        if name in self.methods.get(owner, {}):
            return self.methods[owner][name]
        inherited = (self.method_of(base, name) for base in self.bases.get(owner, []))
        return next((found for found in inherited if found is not None), None)

    def class_of_attribute(self, owner: str, name: str) -> str:
        """Name the class of `self.name` in this class, or say nothing."""
        if name in self.attributes.get(owner, {}):
            return self.attributes[owner][name]
        inherited = (self.class_of_attribute(base, name) for base in self.bases.get(owner, []))
        return next((found for found in inherited if found), "")

    def always_a_flow(self, name: str) -> bool:
        """Is every method of this name a flow, and is there one?"""
        known = [methods[name] for methods in self.methods.values() if name in methods]
        return bool(known) and all(known)


@dataclass(frozen=True, slots=True)
class Place:
    """A module under scrutiny: what its names stand for, and which node contains which."""

    names: Names
    module: str
    imported: dict[str, str]
    parents: dict[ast.AST, ast.AST]

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Go outwards from a node, to the module."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def owner(self, node: ast.AST) -> str:
        """Name the class in which this stands, or say nothing."""
        return next((outer.name for outer in self.around(node) if isinstance(outer, ast.ClassDef)), "")


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
    for path, tree in trees.items():
        learn(tree, module_name(package, path), names)
    for path, tree in trees.items():
        if (package / "dialogue") in path.parents:
            parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
            place = Place(names, module_name(package, path), imports(tree), parents)
            lines = path.read_text(encoding="utf-8").splitlines()
            for call, sentence in untaken(tree, place):
                if EXCUSE not in lines[call.lineno - 1]:
                    yield f"{path}:{call.lineno}:{call.col_offset + 1}: {sentence}"


# The steps.


def module_name(package: Path, path: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.Module) -> dict[str, str]:
    """Say for each imported name what it stands for, in full."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found.update({part.asname or part.name: f"{node.module}.{part.name}" for part in node.names})
        elif isinstance(node, ast.Import):
            found.update({part.asname: part.name for part in node.names if part.asname is not None})
    return found


def learn(tree: ast.Module, module: str, names: Names) -> None:
    """Note every function, method, attribute and want that this module defines."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in classes:
        own = [part for part in node.body if isinstance(part, Function)]
        names.methods.setdefault(node.name, {}).update({part.name: returns_flow(part) for part in own})
        names.bases[node.name] = [last_name(base) for base in node.bases]
        names.attributes.setdefault(node.name, {}).update(attributes(node))
    inside = {part for node in classes for part in node.body}
    functions = names.functions.setdefault(module, {})
    for part in ast.walk(tree):
        if isinstance(part, Function) and part not in inside:
            functions[part.name] = functions.get(part.name, False) or returns_flow(part)
        elif isinstance(part, ast.AnnAssign) and last_name(part.target) in WANTS and part.value is not None:
            names.wants.update(name.id for name in ast.walk(part.value) if isinstance(name, ast.Name))


def attributes(owner: ast.ClassDef) -> dict[str, str]:
    """Find the classes of a class's attributes: annotated ones, and those that a method takes over from a parameter."""
    found: dict[str, str] = {}
    for node in ast.walk(owner):
        if isinstance(node, ast.AnnAssign):
            found[last_name(node.target)] = last_name(node.annotation)
        elif isinstance(node, Function):
            given = parameters(node)
            for part in ast.walk(node):
                match part:
                    case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value):
                        kept = value.func if isinstance(value, ast.Call) else value
                        found.setdefault(name, given.get(last_name(kept), last_name(kept)))
    return found


def parameters(function: Function) -> dict[str, str]:
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return {part.arg: last_name(part.annotation) for part in every if part.annotation is not None}


def untaken(tree: ast.Module, place: Place) -> Iterator[tuple[ast.Call, str]]:
    """Find the calls of flows that nobody runs, and the wants that nobody yields."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = last_name(call.func)
        if is_flow(call, place):
            if not is_taken(call, place):
                yield call, f"the flow {name}() is called but not taken: `yield from` is missing"
        elif name in place.names.wants and isinstance(place.parents[call], ast.Expr):
            yield call, f"the want {name}() is never yielded: `yield` is missing"


def is_flow(call: ast.Call, place: Place) -> bool:
    match call.func:
        case ast.Name(id=name):
            full = place.imported.get(name, f"{place.module}.{name}")
            return is_flow_function(full, place.names)
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in place.imported:
            full = f"{place.imported[module]}.{name}"
            return is_flow_function(full, place.names) or bool(place.names.method_of(module, name))
        case ast.Attribute(value=owner, attr=name):
            known = place.names.method_of(class_of(owner, place), name)
            return place.names.always_a_flow(name) if known is None else known
        case _:
            return False


def is_flow_function(full: str, names: Names) -> bool:
    module, _, name = full.rpartition(".")
    if module in names.functions:
        return names.functions[module].get(name, False)
    # Handed on by a package's front door: the name alone must do.
    return any(functions.get(name, False) for home, functions in names.functions.items() if home.startswith(module))


def class_of(node: ast.expr, place: Place) -> str:
    """Name the class of an object as its annotation has it, or say nothing."""
    match node:
        case ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")):
            return place.owner(node)
        case ast.Name(id=name):
            functions = (outer for outer in place.around(node) if isinstance(outer, Function))
            return next((given[name] for given in map(parameters, functions) if name in given), "")
        case ast.Attribute(value=owner, attr=name):
            return place.names.class_of_attribute(class_of(owner, place), name)
        case ast.Call(func=ast.Name(id=name)):
            return name
        case _:
            return ""


def is_taken(call: ast.Call, place: Place) -> bool:
    node: ast.AST = call
    parent = place.parents[node]
    while isinstance(parent, ast.IfExp) and node is not parent.test:
        node, parent = parent, place.parents[parent]
    match parent:
        case ast.YieldFrom():
            return True
        case ast.Return():
            function = next((outer for outer in place.around(parent) if isinstance(outer, Function)), None)
            return function is not None and returns_flow(function) and not is_generator(function)
        case ast.AnnAssign(annotation=annotation):
            return is_flow_type(annotation)
        case ast.Call():
            if last_name(parent.func) == RUNS_A_FLOW:
                return isinstance(place.parents[parent], ast.Yield)
            return node is not parent.func and is_flow(parent, place)
        case ast.keyword():
            outer = place.parents[parent]
            return isinstance(outer, ast.Call) and is_flow(outer, place)
        case _:
            return False


def returns_flow(function: Function) -> bool:
    return function.returns is not None and is_flow_type(function.returns)


def is_flow_type(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Constant(value=str(text)):
            return is_flow_type(ast.parse(text, mode="eval").body)
        case ast.Subscript(value=value):
            return last_name(value) in FLOWS
        case _:
            return last_name(annotation) in FLOWS


def is_generator(function: Function) -> bool:
    """Does this function itself yield? What functions inside it do does not count."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def last_name(node: ast.expr) -> str:
    """Say `Flow` for `Flow`, for `flow.Flow` and for `Flow[...]`; nothing for what has no name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return last_name(value)
        case ast.Constant(value=str(text)):
            return text.partition("[")[0].rpartition(".")[2]
        case _:
            return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
