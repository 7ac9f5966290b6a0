"""`courriel explain`: cause and remedy of a pasted reply, error or traceback; no connection is made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions
from courriel.cli.i18n import Bilingual, say

if TYPE_CHECKING:
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.urls.providers import Provider
    from courriel.failures import Failure
    from courriel.failures.explain import Explanation

DATA = 65
_LONGEST_INPUT = 1 << 24
"""Characters of standard input that are read; the end of a text counts, not its beginning."""


@click.command(
    cls=Command,
    words=Bilingual(
        "Explique la réponse d'un serveur, une erreur de n'importe quel programme (Python, Node, PHP, Java, .NET, "
        "curl, openssl), ce que courriel a affiché, le nom d'une panne ou d'un fournisseur : cause, remède, ce qu'il "
        "faut éviter. Sans argument, ou avec « - », lit l'entrée standard. Aucune connexion n'est établie.",
        "Explains a server's reply, an error of any program (Python, Node, PHP, Java, .NET, curl, openssl), what "
        "courriel printed, the name of a failure or of a provider: cause, fix, what to avoid. Without an argument, or "
        "with -, it reads standard input. No connection is made.",
    ),
    examples=[
        'courriel explain "550 5.1.1 no such user"',
        "courriel explain TLS-PORT-MIXUP",
        "courriel explain orange",
        "courriel explain - < traceback.txt",
    ],
    usage=Bilingual("[TEXTE]", "[TEXT]"),
)
@click.argument("words", nargs=-1)
@click.pass_obj
def command(manner: GlobalOptions, words: tuple[str, ...]) -> int:
    """Look the text up in the table of failures and in that of the providers."""
    from courriel.cli.providers import facts
    from courriel.cli.reporting import CommandReport
    from courriel.failures.explain import explain
    from courriel.failures.pasted import server_in

    text = _text_to_explain(manner, words)
    report = CommandReport(manner)
    is_word = len(text.split()) == 1 and len(text) < 300
    if is_word and (provider := facts.find(text)):
        _show_provider(report, provider)
        return 0
    found = explain(text)
    if found.failure is None:
        return _report_unknown(report, found, facts.nearest(text) if is_word else "")
    if found.mistyped:
        report.aside(
            say(
                f"Aucune panne ne s'appelle « {text.strip()} » ; la plus proche est {found.failure.id} :",
                f'No failure is called "{text.strip()}"; the nearest is {found.failure.id}:',
            )
        )
    _show(report, found.failure, server_in(text), mistyped=found.mistyped)
    return 0


# The steps.


def _text_to_explain(manner: GlobalOptions, words: tuple[str, ...]) -> str:
    """The text to explain: the arguments, or standard input."""
    text = "" if words == ("-",) else " ".join(words)
    if not text and sys.stdin is not None:
        if sys.stdin.isatty() and manner.ask:
            print(say("Collez la réponse ou l'erreur, puis Ctrl-D :", "Paste the reply or the error, then Ctrl-D:"),
                  file=sys.stderr)  # fmt: skip
        if manner.ask or not sys.stdin.isatty():
            text = sys.stdin.read(_LONGEST_INPUT)
    if not text.strip():
        raise click.UsageError(
            say(
                'rien à expliquer : courriel explain "550 5.1.1 no such user", ou l\'entrée standard',
                'there is nothing to explain: courriel explain "550 5.1.1 no such user", or standard input',
            )
        )
    return text


def _show(report: CommandReport, known: Failure, host: str, *, mistyped: bool) -> None:
    cause, fix, dont = (each.in_(host=host) for each in (known.cause, known.fix, known.dont))
    if not report.values(
        {"ok": True, "failure": known.id, "mistyped": mistyped, "cause": cause, "hint": fix, "not": dont or None,
         "retry": known.retry, "stage": known.stage, "meant_sysexit": known.sysexit, "sysexit": 0}
    ):  # fmt: skip
        report.explained(cause, fix, dont, known.id)


def _show_provider(report: CommandReport, provider: Provider) -> None:
    from courriel.cli.providers import facts

    if not report.values({"ok": True, "provider": facts.as_object(provider), "sysexit": 0}):
        facts.show(report, provider)


def _report_unknown(report: CommandReport, found: Explanation, near: str) -> int:
    """Say that the text is not known, what its codes mean, and which provider has nearly this name."""
    parts = [f"{code}{say(' : ', ': ')}{meaning.in_()}" for code, meaning in found.code_meanings]
    if near:
        parts.append(say(f"vouliez-vous dire {near} ?", f"did you mean {near}?"))
    sentence = say("je ne connais pas cette erreur", "I do not know this one")
    report.failing(DATA, "NotKnown", say(" ; ", "; ").join([sentence, *parts]))
    report.aside(
        say(
            "  Collez aussi les lignes autour, ou cherchez la cause sur place : courriel doctor ada@example.org "
            "(ou une URL, un profil, un serveur)",
            "  Paste the lines around it as well, or look for the cause on the spot: courriel doctor ada@example.org "
            "(or a URL, a profile, a server)",
        )
    )
    return report.status
