"""The command `courriel`: which commands there are, and what becomes of everything that can go wrong in one."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module

import click

from courriel import __version__
from courriel.cli.command import Group, Manner, Option
from courriel.cli.speaking import Words, choose, say

OK, USAGE, SOFTWARE, INPUT_OUTPUT, INTERRUPTED = 0, 64, 70, 74, 130

_COMMANDS = {
    "send": Words("Envoie un message, et dit ce qu'il en est advenu.", "Sends a message, and says what became of it."),
    "worker": Words("Envoie ce qui attend dans la boîte d'envoi.", "Sends what waits in the outbox."),
    "outbox": Words(
        "La boîte d'envoi : ce qui attend, et ce qu'il en est advenu.", "The outbox: what waits, and what became of it."
    ),
    "inbox": Words("Lit une boîte aux lettres.", "Reads a mailbox."),
    "sandbox": Words("Ouvre un serveur d'entraînement sur cette machine.", "Opens a practice server on this machine."),
    "demo": Words("Montre la bibliothèque à l'œuvre.", "Shows the library at work."),
    "config": Words("Montre les réglages, et d'où ils viennent.", "Shows the settings, and where they come from."),
    "explain": Words("Explique la réponse d'un serveur ou une erreur.", "Explains a server's reply, or an error."),
}


def _load(name: str) -> click.Command:
    # One file a command: whoever asks for the version does not pay for the server.
    command: click.Command = import_module(f"courriel.cli.{name}").command
    return command


def _tell_version(ctx: click.Context, parameter: click.Parameter, wished: bool) -> None:
    if wished:
        click.echo(f"courriel {__version__}")
        ctx.exit()


program = Group(
    "courriel",
    words=Words(
        "Ouvrir une session, envoyer, savoir ce qu'il en est advenu.", "Open a session, send, know what became of it."
    ),
    examples=[
        Words(
            "courriel send --via smtps://ada@smtp.example.org --from ada@example.org \\\n"
            '      --to bob@example.org --subject "Les chiffres" --text "Ci-joint." --attach figures.pdf',
            "courriel send --via smtps://ada@smtp.example.org --from ada@example.org \\\n"
            '      --to bob@example.org --subject "The figures" --text "Enclosed." --attach figures.pdf',
        ),
        "courriel demo",
    ],
    table=_COMMANDS,
    load=_load,
    params=[
        Option(
            ["--version"],
            words=Words("Affiche la version.", "Shows the version."),
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_tell_version,
        )
    ],
)


def run(arguments: list[str]) -> int:
    """Run the command, and return its exit status, one of sysexits.h (130 after Ctrl-C). Nothing is ever raised."""
    choose(arguments)
    _never_fail_to_print()
    manner = Manner(json="--json" in arguments)
    config = os.environ.get("COURRIEL_CONFIG")
    try:
        status = program.main(arguments, "courriel", standalone_mode=False, obj=manner)
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the outermost edge: a user sees a sentence, never a traceback
        return _told(error, manner)
    except KeyboardInterrupt:
        return _interrupted()
    finally:
        if "courriel.cli.logs" in sys.modules:
            sys.modules["courriel.cli.logs"].hide_warnings()
        _put_back("COURRIEL_CONFIG", config)  # --config counts for one call
    return status if isinstance(status, int) else OK


# The steps.


def _told(error: Exception, manner: Manner) -> int:
    """Say what went wrong, and return the status to end with."""
    if isinstance(error, click.Abort):
        return _interrupted()
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has gone; so must what is still in the buffer, or Python complains at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INPUT_OUTPUT
    from courriel.cli.reporting import Report
    from courriel.errors import CourrielError

    report = Report(manner)
    if isinstance(error, click.UsageError):
        from courriel.cli.misuse import sentence

        path = error.ctx.command_path if error.ctx else "courriel"
        report.misuse(sentence(error), say(f"Pour l'aide : {path} --help", f"For help: {path} --help"))
    elif isinstance(error, CourrielError):
        report.failed(error)
    elif isinstance(error, OSError):
        report.system(error)
    else:
        report.our_fault(error)
    return report.status


def _put_back(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _interrupted() -> int:
    print(say("Interrompu.", "Interrupted."), file=sys.stderr)
    return INTERRUPTED


def _never_fail_to_print() -> None:
    """A terminal that has no sign for a character gets an escape in its place; the mail was sent all the same."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
