"""Variables of loops: for which of them Python's `for` would count otherwise than the program."""

from __future__ import annotations

from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Statement
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded


def changed_variables(tree: object) -> set[str]:
    """Variables that some statement assigns to, by folded name; loops do not count."""
    return {
        folded(node.target.name)
        for node in walk(tree)
        if isinstance(node, nodes.Assign | nodes.Update) and isinstance(node.target, nodes.Identifier)
    }


def followed_variables(tree: object) -> set[str]:
    """Variables of counting loops, by folded name, for which Python's `for` would count otherwise.

    Those are changed in the body of such a loop, or looked at elsewhere: behind it they are one step further.
    """
    loops = [node for node in walk(tree) if isinstance(node, nodes.ForRange)]
    found: set[str] = set()
    within: dict[str, int] = {}
    counted: set[int] = set()
    for loop in loops:
        key = folded(loop.name.name)
        if _assigns(loop.body, key):
            found.add(key)
        for node in walk([loop.name, *loop.body]):
            if isinstance(node, nodes.Identifier) and folded(node.name) == key and id(node) not in counted:
                counted.add(id(node))
                within[key] = within.get(key, 0) + 1
    everywhere: dict[str, int] = {}
    for node in walk(tree):
        if isinstance(node, nodes.Identifier):
            everywhere[folded(node.name)] = everywhere.get(folded(node.name), 0) + 1
    return found | {key for key, count in within.items() if everywhere[key] > count}


def _assigns(body: list[Statement], key: str) -> bool:
    """Whether a block assigns to a variable, or has a loop over it."""
    for node in walk(body):
        match node:
            case nodes.Assign() | nodes.Update() if isinstance(node.target, nodes.Identifier):
                changed = node.target.name
            case nodes.ForRange() | nodes.ForAll() | nodes.ForParts():
                changed = node.name.name
            case _:
                continue
        if folded(changed) == key:
            return True
    return False
