"""Conversations of letters by the rules of RFC 5256, for servers without THREAD: REFERENCES and ORDEREDSUBJECT."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from courriel._dataclass import dataclass
from courriel.model.received.sorting import LetterThread, ThreadedLetter

DEEPEST = 500
"""Answers to answers that are followed; a conversation that goes deeper is parted there."""
_MOST_REFERENCES = 100  # of one letter, the last ones


@dataclass(frozen=True, slots=True)
class ThreadFacts:
    """Properties of a letter by which it is put into a conversation: `subject` is the base subject."""

    uid: int
    date: dt.datetime
    subject: str
    answers: bool
    message_id: str
    references: tuple[str, ...]


def by_subject(letters: Sequence[ThreadFacts]) -> list[LetterThread]:
    """Conversations by subjects alone (ORDEREDSUBJECT): in each the earliest letter first, the others answer it."""
    groups: dict[str, list[ThreadFacts]] = {}
    for facts in sorted(letters, key=_age):
        groups.setdefault(facts.subject, []).append(facts)
    return [
        LetterThread(
            tuple(
                ThreadedLetter(each.uid, first.uid if place else 0, min(place, 1)) for place, each in enumerate(group)
            )
        )
        for group in groups.values()
        for first in group[:1]
    ]


def by_references(letters: Sequence[ThreadFacts]) -> list[LetterThread]:
    """Conversations by the ids that answers refer to, and by subjects where they refer to none (REFERENCES)."""
    roots = [_pruned(node) for node in _linked(letters) if node.parent is None]
    nodes = [node for root in roots for node in root]
    for node in nodes:
        node.sort()
    return [_flat(node) for node in _merged(sorted(nodes, key=_Node.age))]


class _Node:
    """A letter, or one that others refer to and that is not there."""

    __slots__ = ("children", "facts", "parent")

    def __init__(self, facts: ThreadFacts | None = None) -> None:
        self.facts = facts
        self.parent: _Node | None = None
        self.children: dict[_Node, None] = {}  # a set in order

    def first(self) -> ThreadFacts:
        """Facts of the letter, or of the first one below that is there."""
        node = self
        while node.facts is None:
            node = next(iter(node.children))
        return node.facts

    def age(self) -> tuple[dt.datetime, int]:
        return _age(self.first())

    def adopt(self, child: _Node) -> None:
        child.parent = self
        self.children[child] = None

    def leave(self) -> None:
        if self.parent is not None:
            del self.parent.children[self]
            self.parent = None

    def comes_from(self, other: _Node) -> bool:
        """Whether `other` is this letter or one above it, or too far up to be seen."""
        node: _Node | None = self
        for _ in range(DEEPEST):
            if node is None or node is other:
                return node is other
            node = node.parent
        return True

    def sort(self) -> None:
        """Sort all below by date, from the deepest up: the date of one that is not there is that of its first."""
        for node in reversed(list(_walk([self]))):
            node.sort_children()

    def sort_children(self) -> None:
        self.children = dict.fromkeys(sorted(self.children, key=_Node.age))


# The steps.


def _age(facts: ThreadFacts) -> tuple[dt.datetime, int]:
    return facts.date, facts.uid


def _linked(letters: Iterable[ThreadFacts]) -> list[_Node]:
    """Step 1: all letters and those they refer to, each below the one that it answers."""
    named: dict[str, _Node] = {}
    nodes: list[_Node] = []

    def node_of(name: str) -> _Node:
        if name not in named:
            named[name] = _Node()
            nodes.append(named[name])
        return named[name]

    for facts in letters:
        node = node_of(facts.message_id) if facts.message_id else _Node(facts)
        if node.facts is not None:
            # Without an id, or with that of another letter: nobody can refer to it.
            node = _Node(facts)
            nodes.append(node)
        node.facts = facts
        before: _Node | None = None
        for name in facts.references[-_MOST_REFERENCES:]:
            referred = node_of(name)
            if before is not None and referred.parent is None and not before.comes_from(referred):
                before.adopt(referred)
            before = referred
        node.leave()
        if before is not None and not before.comes_from(node):
            before.adopt(node)
    return nodes


def _pruned(root: _Node) -> list[_Node]:
    """Step 3: without letters that are not there, unless several answers to one of them would lose each other."""
    for node in reversed(list(_walk([root]))):
        kept: dict[_Node, None] = {}
        for child in node.children:
            kept.update({child: None} if child.facts is not None else child.children)
        for child in kept:
            child.parent = node
        node.children = kept
    if root.facts is not None or len(root.children) > 1:
        return [root]
    for child in root.children:
        child.parent = None
    return list(root.children)


def _merged(roots: list[_Node]) -> list[_Node]:
    """Step 5: conversations of one subject put together."""
    table: dict[str, _Node] = {}
    for node in roots:
        subject = node.first().subject
        known = table.get(subject)
        if subject and (
            known is None
            or (node.facts is None and known.facts is not None)
            or (_answers(known) and not _answers(node))
        ):
            table[subject] = node
    merged = dict.fromkeys(roots)  # an ordered set
    touched: list[_Node] = []
    for node in roots:
        known = table.get(node.first().subject)
        if known is None or known is node or node.parent is not None:
            continue
        if known.facts is None:
            for child in [node] if node.facts is not None else node.children:
                known.adopt(child)
        elif _answers(node) and not _answers(known):
            known.adopt(node)
        else:
            both = _Node()
            both.adopt(known)
            both.adopt(node)
            table[node.first().subject] = both
            del merged[known]
            merged[both] = None
            known = both
        del merged[node]
        touched.append(known)
    for node in touched:
        node.sort_children()
    return sorted(merged, key=_Node.age)


def _answers(node: _Node) -> bool:
    return node.facts is not None and node.facts.answers


def _walk(nodes: list[_Node]) -> Iterator[_Node]:
    """Letters and all below them, each before those below it."""
    waiting = nodes[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def _flat(root: _Node) -> LetterThread:
    """The conversation as a list; answers to a letter that is not there have no parent, and stand one level below."""
    found: list[ThreadedLetter] = []
    waiting = [(root, 0, 0)]
    while waiting:
        node, parent, level = waiting.pop()
        uid = 0
        if node.facts is not None:
            uid = node.facts.uid
            found.append(ThreadedLetter(uid, parent, level))
        waiting.extend((child, uid, level + 1) for child in reversed(node.children))
    return LetterThread(tuple(found))
