"""One line for a session of the bridge that has ended: who, where to, what came of it, cause and remedy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from courriel.cli.headlines import remedy
from courriel.cli.i18n import label, say, visible
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel.errors import CourrielError
    from courriel.types import RelayedSession


def session_line(ended: RelayedSession) -> str:
    """The line for people."""
    session = ended.session
    account = session.account
    who = f"{visible(account.user)} → {account.server}" if account is not None else session.peer
    parts = [time.strftime("%H:%M:%S"), ended.protocol.value, who, _result(ended), f"{ended.seconds:.1f} s"]
    problem = session.error or session.last_refusal
    return "  ".join(parts) + (f"  {problem_words(problem)}" if problem is not None else "")


def session_object(ended: RelayedSession) -> dict[str, object]:
    """JSON object of one ended session, for `--json`; the fields are those of `session_line`."""
    session = ended.session
    problem = session.error or session.last_refusal
    return {
        "event": "session",
        "protocol": ended.protocol.value,
        "user": session.user or None,
        "server": str(session.account.server) if session.account is not None else None,
        "taken": session.taken,
        "refused": session.refused,
        "letters": session.letters,
        "octets_up": session.up,
        "octets_down": session.down,
        "seconds": round(ended.seconds, 3),
        "wrong_passwords": session.refused_logins,
        "in_doubt": problem is not None and problem.in_doubt,
        "message": str(problem) if problem is not None else None,
        "failure": problem.failure.id if problem is not None and problem.failure else None,
        "cause": (problem.cause or None) if problem is not None else None,
        "hint": (remedy(problem) or None) if problem is not None else None,
    }


def problem_words(problem: CourrielError) -> str:
    """Error with its cause and its remedy, in one line and in the current language."""
    words = [visible(spoken(problem.detail))]
    if problem.in_doubt:
        words.append(
            say("le message est peut-être pris : la ligne du programme a été coupée sans réponse",
                "the mail may have been taken: the program's line was closed without an answer")
        )  # fmt: skip
    if problem.cause:
        words.append(f"{label('cause', 'cause')}{problem.cause}")
    if found := remedy(problem):
        words.append(f"{label('à faire', 'fix')}{found}")
    if problem.failure:
        words.append(problem.failure.id)
    return " | ".join(words)


# The steps.


def _result(ended: RelayedSession) -> str:
    session = ended.session
    if session.failures:
        return say("erreur interne", "internal error") + f" ({type(session.failures[0]).__name__})"
    if session.without_login:
        if session.refused_logins:
            return say(f"mots de passe faux : {session.refused_logins}", f"wrong passwords: {session.refused_logins}")
        return say("pas d'authentification", "no login")
    if ended.protocol.value == "smtp":
        taken = say(f"messages pris : {session.taken}", f"mails taken: {session.taken}")
        refused = say(f", refus : {session.refused}", f", refusals: {session.refused}") if session.refused else ""
        return taken + refused
    if ended.protocol.value == "pop3":
        return say(f"messages lus : {session.letters}", f"letters read: {session.letters}")
    return say(f"octets : {session.down:,} reçus, {session.up:,} envoyés",
               f"octets: {session.down:,} received, {session.up:,} sent")  # fmt: skip
