"""The command `courriel`: table of its commands, and handling of all errors."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module

import click

from courriel import __version__
from courriel.cli.command import GlobalOptions, Group, Option
from courriel.cli.i18n import Bilingual, choose, say

OK, USAGE, SOFTWARE, INPUT_OUTPUT, INTERRUPTED = 0, 64, 70, 74, 130

_COMMANDS = {
    "send": Bilingual("Envoie un message, et affiche le résultat.", "Sends a message, and prints the result."),
    "worker": Bilingual("Envoie les messages de la boîte d'envoi.", "Sends the mails in the outbox."),
    "outbox": Bilingual(
        "Montre et modifie les messages de la boîte d'envoi.", "Shows and changes the mails in the outbox."
    ),
    "bounces": Bilingual(
        "Prend les retours et les plaintes dans une boîte aux lettres.", "Takes bounces and complaints from a mailbox."
    ),
    "sendmail": Bilingual(
        "Prend les messages de cron, PHP et autres, comme sendmail(8).",
        "Takes mails of cron, PHP and others, as sendmail(8) does.",
    ),
    "inbox": Bilingual("Lit une boîte aux lettres.", "Reads a mailbox."),
    "sandbox": Bilingual(
        "Lance un serveur d'entraînement sur cette machine.", "Starts a practice server on this machine."
    ),
    "demo": Bilingual("Montre la bibliothèque en action.", "Demonstrates the library."),
    "wlangage": Bilingual(
        "Exécute un programme WLangage, ou le traduit en Python.",
        "Runs a WLangage program, or translates it to Python.",
    ),
    "login": Bilingual("Se connecte chez Microsoft ou Google.", "Logs in at Microsoft or Google."),
    "oauth-bridge": Bilingual(
        "Relie à OAuth les programmes qui ne connaissent qu'un mot de passe.",
        "Connects programs that know a password only to OAuth.",
    ),
    "unsubscribe": Bilingual(
        "Fait des liens de désabonnement en un clic, et les essaie.",
        "Makes links for one-click unsubscribe, and tries them.",
    ),
    "config": Bilingual("Montre les réglages, et d'où ils viennent.", "Shows the settings, and where they come from."),
    "providers": Bilingual(
        "Montre les fournisseurs connus, leurs serveurs et leurs limites.",
        "Shows the known providers, their servers and their limits.",
    ),
    "doctor": Bilingual(
        "Examine un serveur et un domaine, étape par étape.", "Examines a server and a domain, step by step."
    ),
    "probe": Bilingual(
        "Regarde les ports d'un serveur, sans s'authentifier.", "Looks at the ports of a server, without a login."
    ),
    "dkim": Bilingual(
        "Fait les clés qui signent le courrier, et vérifie des signatures.",
        "Makes the keys that sign mail, and verifies signatures.",
    ),
    "explain": Bilingual("Explique la réponse d'un serveur ou une erreur.", "Explains a server's reply, or an error."),
}


_IN_FOLDERS = (
    "bounces", "config", "dkim", "doctor", "inbox", "login", "oauth_bridge", "outbox", "providers", "sandbox", "send",
    "sendmail", "unsubscribe", "wlangage", "worker",
)  # fmt: skip


def _load(name: str) -> click.Command:
    # One module for each command, imported on use.
    name = name.replace("-", "_")
    command: click.Command = import_module(
        f"courriel.cli.{name}.command" if name in _IN_FOLDERS else f"courriel.cli.{name}"
    ).command
    return command


def _tell_version(ctx: click.Context, parameter: click.Parameter, requested: bool) -> None:
    if requested:
        click.echo(f"courriel {__version__}")
        ctx.exit()


program = Group(
    "courriel",
    words=Bilingual(
        "Ouvrir une session, envoyer, savoir ce qu'il en est advenu.", "Open a session, send, know what became of it."
    ),
    examples=[
        Bilingual(
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
            words=Bilingual("Affiche la version.", "Shows the version."),
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_tell_version,
        )
    ],
)


def run(arguments: list[str]) -> int:
    """Run the command; return its exit status as in sysexits.h (130 after Ctrl-C). Never raises."""
    choose(arguments)
    _never_fail_to_print()
    manner = GlobalOptions(json="--json" in arguments)
    config = os.environ.get("COURRIEL_CONFIG")
    try:
        status = program.main(arguments, "courriel", standalone_mode=False, obj=manner)
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - outermost handler: users see a sentence, never a traceback
        return _print_error(error, manner)
    except KeyboardInterrupt:
        return _interrupted()
    finally:
        if "courriel.cli.logs" in sys.modules:
            sys.modules["courriel.cli.logs"].hide_warnings()
        _put_back("COURRIEL_CONFIG", config)  # --config applies to one call
    return status if isinstance(status, int) else OK


# The steps.


def _print_error(error: Exception, manner: GlobalOptions) -> int:
    """Print the error, and return the exit status."""
    if isinstance(error, click.Abort):
        return _interrupted()
    if isinstance(error, BrokenPipeError):
        # The reader of our output is gone: discard the buffer, or Python prints an error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INPUT_OUTPUT
    from courriel.cli.reporting import CommandReport
    from courriel.errors import CourrielError

    report = CommandReport(manner)
    if isinstance(error, click.UsageError):
        from courriel.cli.usage_errors import sentence

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
    """Escape characters that the terminal cannot show: an encoding error would hide that the mail was sent."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
