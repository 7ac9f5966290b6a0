"""`courriel explain`: cause and remedy of a pasted reply, error or traceback; no connection is made."""

from __future__ import annotations

import sys

import click

from courriel import failures
from courriel.cli.command import Command, GlobalOptions
from courriel.cli.i18n import Bilingual, say
from courriel.failures.facts import LONGEST_TEXT

DATA = 65


@click.command(
    cls=Command,
    words=Bilingual(
        "Explique la réponse d'un serveur, une erreur Python ou le nom d'une panne : cause, remède, "
        "ce qu'il faut éviter. Sans argument, lit l'entrée standard. Aucune connexion n'est établie.",
        "Explains a server's reply, a Python error or the name of a failure: cause, fix, what to avoid. "
        "Without an argument it reads standard input. No connection is made.",
    ),
    examples=['courriel explain "550 5.1.1 no such user"', "courriel explain TLS-PORT-MIXUP"],
    usage=Bilingual("[TEXTE]", "[TEXT]"),
)
@click.argument("words", nargs=-1)
@click.pass_obj
def command(manner: GlobalOptions, words: tuple[str, ...]) -> int:
    """Look the text up in the failure table."""
    from courriel.cli.reporting import Report

    text = " ".join(words)
    if not text and sys.stdin is not None:
        if sys.stdin.isatty() and manner.ask:
            print(say("Collez la réponse ou l'erreur, puis Ctrl-D :", "Paste the reply or the error, then Ctrl-D:"),
                  file=sys.stderr)  # fmt: skip
        if manner.ask or not sys.stdin.isatty():
            text = sys.stdin.read(LONGEST_TEXT)
    if not text.strip():
        raise click.UsageError(
            say(
                'rien à expliquer : courriel explain "550 5.1.1 no such user", ou l\'entrée standard',
                'there is nothing to explain: courriel explain "550 5.1.1 no such user", or standard input',
            )
        )
    report = Report(manner)
    known = failures.by_id(text.strip().upper()) or failures.find(failures.read(text))
    if known is None:
        report.failing(
            DATA,
            "NotKnown",
            say("cette erreur n'est pas dans la table", "this error is not in the table"),
        )
        return report.status
    cause, fix, dont = known.cause.in_(), known.fix.in_(), known.dont.in_()
    if not report.values(
        {"ok": True, "failure": known.id, "cause": cause, "hint": fix, "not": dont or None, "retry": known.retry,
         "stage": known.stage, "meant_sysexit": known.sysexit, "sysexit": 0}
    ):  # fmt: skip
        report.explained(cause, fix, dont, known.id)
    return 0
