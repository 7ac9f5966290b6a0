"""Python of sessions: `with wl.SmtpSession(Server(…), Password(…)) as session:` and `session.send(…)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from courriel.wlangage.language.syntax.nodes import Statement
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.translating.code import WIDEST
from courriel.wlangage.language.translating.expressions import ExpressionTranslator
from courriel.wlangage.language.translating.layout import INDENT, Layout
from courriel.wlangage.language.translating.names import Names
from courriel.wlangage.language.translating.session_nodes import Opening, Sending, WithSession

IMPORTED = frozenset(("CourrielError", "Password", "Security", "Server"))
"""Names of `courriel` that a program with sessions imports; its own variables have others."""
RESERVED = frozenset(folded(name) for name in (*IMPORTED, "session", "failure"))
"""Names, folded, that a structure of the program may not have: a class keeps its name."""


class SessionStatements:
    """Translation of the sessions of one program; `block` writes statements, and the comments before a line."""

    def __init__(
        self,
        layout: Layout,
        names: Names,
        expressions: ExpressionTranslator,
        block: Callable[[Sequence[Statement], int], None],
    ) -> None:
        self._layout = layout
        self._names = names
        self._expressions = expressions
        self._block = block
        self._session = ""
        self._failure = ""

    def session(self, statement: WithSession) -> None:
        """Write a session: as one `with` where its block stands before what is done when it cannot be opened."""
        self._session = self._session or self._names.fresh("session")
        opening = self._opening(statement.opening)
        begins = statement.block[0].place.line if statement.block else statement.closed
        self._layout.write("try:")
        with self._layout.deeper():
            if statement.order == "block":
                self._open("with ", opening, f" as {self._session}:", statement.last)
                self._inside(statement)
            else:
                self._open(f"{self._session} = ", opening, "", statement.last)
        self._layout.write("except wl.NotOpened:")
        if statement.order == "failing":
            self._block(statement.failing, self._layout.otherwise(begins, statement.last))
            self._layout.write("else:")
            with self._layout.deeper():
                self._use(statement)
        else:
            self._block(statement.failing, statement.end)
        if statement.order == "guard":
            self._layout.reach(begins)
            self._use(statement)

    def sending(self, statement: Sending) -> None:
        """Write the sending of a mail, and what is done for either result."""
        self._failure = self._failure or self._names.fresh("failure")
        self._expressions.needs.add("CourrielError")
        email, name = (self._expressions.code(each).text for each in (statement.email, statement.session))
        self._layout.write("try:")
        with self._layout.deeper():
            self._layout.write(f'{self._session}.send(wl.message({email}, {name}), on_refused="abandon")')
            self._layout.trail(statement.last)
        first, second = statement.refused, statement.accepted
        if statement.accepted_first:
            first, second = second, first
        between = self._layout.otherwise(second[0].place.line, statement.last) if second else statement.end
        held = self._layout.hold_back(between) if statement.accepted_first and statement.accepted else []
        self._layout.write(f"except CourrielError as {self._failure}:")
        with self._layout.deeper():
            self._layout.write(f"wl.failed({self._failure})")
        if statement.refused:
            self._block(statement.refused, statement.end if statement.accepted_first else between)
        self._layout.give_back(held)
        if statement.accepted:
            self._layout.write("else:")
            self._block(statement.accepted, between if statement.accepted_first else statement.end)

    # The steps.

    def _use(self, statement: WithSession) -> None:
        self._layout.write(f"with {self._session}:")
        self._inside(statement)

    def _inside(self, statement: WithSession) -> None:
        self._block(statement.block, statement.closed)
        self._layout.trail(statement.closed)

    def _open(self, before: str, opening: list[str], behind: str, last: int) -> None:
        """Write the call that opens a session: on one line, or its arguments one below the other."""
        line = f"{before}wl.SmtpSession({', '.join(opening)}){behind}"
        if len(line) + self._layout.depth * len(INDENT) > WIDEST:
            outer, inner = INDENT * self._layout.depth, INDENT * (self._layout.depth + 1)
            line = "\n".join(
                [f"{before}wl.SmtpSession(", *(f"{inner}{each}," for each in opening), f"{outer}){behind}"]
            )
        self._layout.write(line)
        self._layout.trail(last)

    def _opening(self, opening: Opening) -> list[str]:
        """The Python of the server and the login."""
        self._expressions.needs.update(("Security", "Server"))
        clear = ", allow_clear_credentials=True" if opening.password and opening.security == "NONE" else ""
        host = self._expressions.code(opening.host).text
        made = [f"Server({host}, {opening.port}, Security.{opening.security}{clear})"]
        if opening.password is not None:
            name, password = (self._expressions.code(each).text for each in (opening.name, opening.password))
            if opening.is_known:
                self._expressions.needs.add("Password")
            made.append(f"{'Password' if opening.is_known else 'wl.login'}({name}, {password})")
        return made
