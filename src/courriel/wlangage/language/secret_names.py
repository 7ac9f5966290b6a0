"""Names and values of a program that are secret, found in its text: they are not shown in a trace."""

from __future__ import annotations

import re
from collections.abc import Iterator

from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.program import Program
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded

_TELLING = re.compile(r"passe|password|passwd|pwd|mdp|secret|jeton|token|cle(f|$)")
_OPENING = frozenset(
    map(folded, ("EmailOuvreSessionSMTP", "EmailStartSMTPSession", "EmailOuvreSessionPOP3", "EmailStartPOP3Session",
                 "EmailOuvreSessionIMAP", "EmailStartIMAPSession", "EmailOuvreSession", "EmailStartSession"))
)  # fmt: skip
_PROPERTIES = frozenset(map(folded, ("MotDePasse", "Password", "JetonAuth", "AuthToken", "ClientSecret")))


def secret_names(program: Program) -> set[str]:
    """Folded names of variables, members and properties whose values are secret: by their name, because they are passed
    as a password, or because a secret is copied to them or from them, also through parameters of procedures.
    """
    tree = list(walk([program.procedures, program.launch]))
    names = set(_PROPERTIES)
    names |= {
        folded(node.name) for node in tree if isinstance(node, nodes.Identifier) and _TELLING.search(folded(node.name))
    }
    for argument in _passwords(tree):
        names |= _copied(argument) | {
            folded(each.name) for each in walk(argument) if isinstance(each, nodes.Identifier)
        }
    copies = list(_copies(tree))
    while True:
        before = len(names)
        for target, sources in copies:
            if target in names:
                names |= sources
            elif sources & names:
                names.add(target)
        if len(names) == before:
            return names


def secret_values(program: Program) -> set[str]:
    """Texts that stand in the program where a password stands."""
    tree = list(walk([program.procedures, program.launch]))
    names = secret_names(program)
    found = {each.value for argument in _passwords(tree) for each in walk(argument) if isinstance(each, nodes.String)}
    for node in tree:
        if (
            (isinstance(node, nodes.Assign) and _last_name(node.target) in names)
            or (
                isinstance(node, nodes.Declare)
                and node.value
                and any(folded(each.name) in names for each in node.names)
            )
            or (isinstance(node, nodes.Let) and folded(node.name.name) in names)
        ):
            found |= {each.value for each in walk(node.value) if isinstance(each, nodes.String)}
    return {value for value in found if len(value) > 2}


def _copies(tree: list[nodes.Node]) -> Iterator[tuple[str, set[str]]]:
    """Names that get a value, each with the names that it comes from."""
    procedures = {folded(node.name): node for node in tree if isinstance(node, nodes.Procedure)}
    for node in tree:
        match node:
            case nodes.Assign() | nodes.Update():
                yield _last_name(node.target), _copied(node.value)
            case nodes.Declare() if node.value is not None:
                yield from ((folded(each.name), _copied(node.value)) for each in node.names)
            case nodes.Let():
                yield folded(node.name.name), _copied(node.value)
            case nodes.Call() if isinstance(node.function, nodes.Identifier):
                procedure = procedures.get(folded(node.function.name))
                for parameter, given in zip(procedure.parameters if procedure else (), node.arguments, strict=False):
                    if given is not None:
                        yield folded(parameter.name), _copied(given)
            case _:
                pass


def _copied(value: nodes.Expression) -> set[str]:
    """Names whose values are a part of this one; what a function makes of its arguments is another value."""
    found: set[str] = set()
    waiting: list[nodes.Expression] = [value]
    while waiting:
        match waiting.pop():
            case nodes.Parenthesized(inside=inside):
                waiting.append(inside)
            case nodes.Operation(operator="+", left=left, right=right):
                waiting += [left, right]
            case nodes.Conditional(yes=yes, no=no):
                waiting += [yes, no]
            case nodes.Identifier() | nodes.Member() | nodes.Index() | nodes.TextPart() as named:
                found.add(_last_name(named))
            case _:
                pass
    return found - {""}


def _passwords(tree: list[nodes.Node]) -> list[nodes.Expression]:
    """The second arguments of calls that open a session with a password."""
    return [
        argument
        for node in tree
        if isinstance(node, nodes.Call) and isinstance(node.function, nodes.Identifier)
        and folded(node.function.name) in _OPENING and len(node.arguments) > 2
        for argument in node.arguments[1:2]
        if argument is not None and not isinstance(node.arguments[2], nodes.Number)
    ]  # fmt: skip


def _last_name(target: nodes.Expression) -> str:
    match target:
        case nodes.Identifier() | nodes.Member():
            return folded(target.name)
        case nodes.Index() | nodes.TextPart():
            return _last_name(target.of)
        case _:
            return ""
