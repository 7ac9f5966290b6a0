"""Fake IMAP server with settable answers to commands, and usual ones for the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from session.stranger import Act, Phone

Answer: TypeAlias = "str | bytes | Callable[[Phone, str, str], None] | None"
"""What is said, `{tag}` being the command's; what does the talking; or None for hanging up."""

GREETING = "* OK [CAPABILITY IMAP4rev1 UIDPLUS MOVE IDLE LITERAL+ AUTH=PLAIN SASL-IR] ready"
SELECTED = """\
* 3 EXISTS
* OK [UIDVALIDITY 7] ok
* OK [UIDNEXT 4] ok
{tag} OK [READ-WRITE] selected"""

USUAL: dict[str, Answer] = {
    "CAPABILITY": "* CAPABILITY IMAP4rev1 UIDPLUS MOVE IDLE LITERAL+ AUTH=PLAIN SASL-IR\n{tag} OK ok",
    "AUTHENTICATE": "{tag} OK logged in",
    "LOGIN": "{tag} OK logged in",
    "SELECT": SELECTED,
    "EXAMINE": SELECTED.replace("WRITE", "ONLY"),
    "UID SEARCH": "* SEARCH 1 2 3\n{tag} OK found",
    "UID FETCH": "* 1 FETCH (UID 1 RFC822.SIZE 40 FLAGS () BODY[HEADER] {16}\nSubject: one\n\n)\n{tag} OK ok",
    "NOOP": "{tag} OK ok",
    "LOGOUT": "* BYE bye\n{tag} OK bye",
}


def imap_server(greeting: str = GREETING, **answers: Answer) -> Act:
    """A server that greets and gives these answers: `UID_FETCH="…"` is the one to UID FETCH."""
    told = USUAL | {name.replace("_", " "): answer for name, answer in answers.items()}

    def serve(phone: Phone) -> None:
        if greeting:
            phone.say(greeting)
        while line := phone.receive().decode("utf-8", "replace"):
            tag, _, command = line.partition(" ")
            found = re.match(r"(UID )?[A-Z]+", command)
            answer = told.get(found[0], "{tag} BAD what?") if found else "{tag} BAD what?"
            if answer is None:
                return
            if callable(answer):
                answer(phone, tag, command)
            elif isinstance(answer, bytes):
                phone.line.sendall(answer.replace(b"{tag}", tag.encode()))
            else:
                phone.say(answer.replace("{tag}", tag))
            if command == "LOGOUT" and answer is USUAL["LOGOUT"]:
                return  # the server hangs up (RFC 9051 6.1.3): who waits for that need not wait in vain

    return serve


def heard_by(answer: Answer, heard: list[str]) -> Answer:
    """The same answer, which notes the command first."""

    def act(phone: Phone, tag: str, command: str) -> None:
        heard.append(command.rstrip())
        if callable(answer):
            answer(phone, tag, command)
        else:
            phone.say(str(answer).replace("{tag}", tag))

    return act
