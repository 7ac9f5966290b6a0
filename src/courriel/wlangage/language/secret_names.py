"""Names and values of a program that are secret, found in its text: they are not shown in a trace."""

from __future__ import annotations

import re

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
    """Folded names of variables and properties whose values are secret: by their name, or because they are passed as a
    password, or assigned from one that is.
    """
    names = set(_PROPERTIES)
    tree = list(walk([program.procedures, program.launch]))
    names |= {
        folded(node.name) for node in tree if isinstance(node, nodes.Identifier) and _TELLING.search(folded(node.name))
    }
    names |= {folded(node.name) for node in tree if isinstance(node, nodes.Identifier) and _is_password(node, tree)}
    for node in tree:
        if isinstance(node, nodes.Assign) and _last_name(node.target) in names:
            names |= {folded(each.name) for each in walk(node.value) if isinstance(each, nodes.Identifier)}
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


def _is_password(name: nodes.Identifier, tree: list[nodes.Node]) -> bool:
    return any(name is each for argument in _passwords(tree) for each in walk(argument))


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
