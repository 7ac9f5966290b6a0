"""The group `courriel wlangage`, and its commands `run` and `translate`."""

from __future__ import annotations

import click

from courriel.cli.command import Command, GlobalOptions, Group, option
from courriel.cli.i18n import Bilingual, say

_FILE = Bilingual("FICHIER", "FILE")
_PROGRAM = Bilingual("PROGRAMME.wl", "PROGRAM.wl")

_set = option("--set", "given", multiple=True, value=Bilingual("NOM=VALEUR", "NAME=VALUE"),
              fr="Valeur d'une variable ou d'un champ de fenêtre, donnée de l'extérieur ; se répète.",
              en="Value of a variable or a field of a window, given from outside; may be repeated.")  # fmt: skip
_define = option("--define", "defined", multiple=True, value=_FILE,
                 fr="Fichier de procédures que le programme appelle et n'écrit pas ; se répète.",
                 en="File of procedures that the program calls and does not write; may be repeated.")  # fmt: skip


@click.command(
    "run",
    cls=Command,
    words=Bilingual(
        "Exécute un programme WLangage tel quel. Les noms sont vérifiés avant la première instruction ; les fichiers "
        "restent sous le dossier du programme. Le code de sortie est l'un de sysexits.h : 0 mené à bien, 65 le texte "
        "n'est pas compris, 70 une erreur que le programme n'attrape pas, 130 interrompu.",
        "Runs a WLangage program as it is. Names are checked before the first statement; files stay below the folder "
        "of the program. The exit status is one of sysexits.h: 0 done, 65 the text is not understood, 70 an error that "
        "the program does not catch, 130 interrupted.",
    ),
    examples=[
        Bilingual("courriel wlangage run relance.wl --sandbox", "courriel wlangage run reminder.wl --sandbox"),
        Bilingual(
            "courriel wlangage run envoi.wl --set sNomUser=ada --set sMotDePasse=env:MAIL_PASSWORD --define email.wl",
            "courriel wlangage run send.wl --set sNomUser=ada --set sMotDePasse=env:MAIL_PASSWORD --define email.wl",
        ),
    ],
    usage=_PROGRAM,
)
@click.argument("file")
@_set
@_define
@option("--via", multiple=True, value="URL",
        fr="Serveur à la place de ceux du programme, par son URL ou un profil ; pour envoyer aussi plusieurs voies, ou "
           "un fournisseur HTTP ; se répète pour POP3 et IMAP.",
        en="Server in the place of the program's own, by its URL or a profile; for sending also several ways, or an "
           "HTTP provider; may be repeated for POP3 and IMAP.")  # fmt: skip
@option("--sandbox", is_flag=True,
        fr="Lance un serveur d'entraînement à la place de ceux du programme, et montre ce qui est arrivé.",
        en="Starts a practice server in the place of the program's own, and shows what arrived.")  # fmt: skip
@option("--answer", "answers", multiple=True, value=Bilingual("TEXTE", "TEXT"),
        fr="Réponse à la prochaine question (OuiNon, Saisie) ; se répète.",
        en="Answer to the next question (OuiNon, Saisie); may be repeated.")  # fmt: skip
@option("--allow-path", "allowed", multiple=True, value=Bilingual("DOSSIER", "FOLDER"),
        fr="Autorise aussi les fichiers de ce dossier ; se répète.",
        en="Allows the files of this folder too; may be repeated.")  # fmt: skip
@option("--trace", is_flag=True, fr="Montre chaque instruction et ses valeurs, sans les secrets.",
        en="Shows each statement and its values, without secrets.")  # fmt: skip
@option("--check", "only_check", is_flag=True, fr="Lit et vérifie seulement ; rien n'est exécuté.",
        en="Only reads and checks; nothing is executed.")  # fmt: skip
@click.pass_obj
def run(
    manner: GlobalOptions,
    file: str,
    given: tuple[str, ...],
    defined: tuple[str, ...],
    via: tuple[str, ...],
    sandbox: bool,
    answers: tuple[str, ...],
    allowed: tuple[str, ...],
    trace: bool,
    only_check: bool,
) -> int:
    """Run the program, and return the exit status."""
    from courriel.cli.wlangage.running import Task, run_program

    if via and sandbox:
        raise click.UsageError(say("--via ou --sandbox, pas les deux", "--via or --sandbox, not both"))
    task = Task(file, values_of(given), defined, via, sandbox, answers, allowed, trace, only_check)
    return run_program(manner, task)


@click.command(
    "translate",
    cls=Command,
    words=Bilingual(
        "Traduit un programme WLangage en Python qui fait la même chose. Les commentaires restent à leur place ; une "
        "remarque (# WLangage : …) dit où le sens diffère.",
        "Translates a WLangage program to Python that does the same. Comments stay in their places; a remark "
        "(# WLangage: …) tells where the meaning differs.",
    ),
    examples=[
        Bilingual("courriel wlangage translate relance.wl > relance.py",
                  "courriel wlangage translate reminder.wl > reminder.py"),
    ],
    usage=_PROGRAM,
)  # fmt: skip
@click.argument("file")
@_set
@_define
@click.pass_obj
def translate(manner: GlobalOptions, file: str, given: tuple[str, ...], defined: tuple[str, ...]) -> int:
    """Print the Python program."""
    from courriel.cli.wlangage.translation import translate_program

    return translate_program(manner, file, values_of(given), defined)


def values_of(given: tuple[str, ...]) -> dict[str, str]:
    """Return the values of `--set`, by name. Raises UsageError for what is not NAME=VALUE."""
    values: dict[str, str] = {}
    for each in given:
        name, equal, value = each.partition("=")
        if not equal or not name.strip().replace("_", "a").isalnum():
            # The text may be a password: it is not quoted.
            raise click.UsageError(say("--set se lit NOM=VALEUR", "--set is written NAME=VALUE"))
        values[name.strip()] = value
    return values


command = Group(
    "wlangage",
    words=Bilingual(
        "Exécute un programme WLangage tel quel, ou le traduit en Python.",
        "Runs a WLangage program as it is, or translates it to Python.",
    ),
    examples=[
        Bilingual("courriel wlangage run relance.wl --sandbox", "courriel wlangage run reminder.wl --sandbox"),
        Bilingual("courriel wlangage translate relance.wl", "courriel wlangage translate reminder.wl"),
    ],
    table={
        "run": Bilingual("Exécute un programme.", "Runs a program."),
        "translate": Bilingual("Traduit un programme en Python.", "Translates a program to Python."),
    },
    load={"run": run, "translate": translate}.__getitem__,
)
