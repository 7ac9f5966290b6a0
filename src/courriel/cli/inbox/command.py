"""`courriel inbox`: letters of a mailbox, listed, shown, saved, watched, by IMAP or POP3, without changing it."""

from __future__ import annotations

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say

WORDS = Bilingual(
    "Lit une boîte aux lettres par IMAP ou POP3, sans rien y changer. list énumère les messages (les plus récents en "
    "dernier), show en montre un, save les écrit tels quels dans des fichiers .eml, watch attend les nouveaux (IMAP). "
    "part énumère les parties d'un message, ou en écrit une seule, décodée, dans un fichier (IMAP). "
    "folders énumère les dossiers, sync dit ce qui est nouveau, changé ou parti depuis la dernière fois (IMAP). "
    "Les numéros sont ceux que list affiche. Le code de sortie est l'un de sysexits.h.",
    "Reads a mailbox by IMAP or POP3, and changes nothing in it. list lists the letters (the latest ones last), show "
    "shows one, save writes them as they are into .eml files, watch waits for new ones (IMAP). part lists the parts of "
    "a letter, or writes one alone, decoded, into a file (IMAP). folders lists the folders, sync tells what is new, "
    "changed or gone since the last time (IMAP). Numbers are those that list shows. The exit status is one of "
    "sysexits.h.",
)
EXAMPLES = (
    "courriel inbox imaps://ada@imap.example.org list --unseen",
    "courriel inbox imaps://ada@imap.example.org list --sort subject,-date",
    "courriel inbox imaps://ada@imap.example.org list --threads --since 2026-11-01",
    "courriel inbox imaps://ada@imap.example.org show 1204",
    Bilingual(
        "courriel inbox imaps://ada@imap.example.org part 1204 2 --to facture.pdf",
        "courriel inbox imaps://ada@imap.example.org part 1204 2 --to invoice.pdf",
    ),
    Bilingual(
        "courriel inbox pops://ada@pop.example.org save 1 2 3 --to courrier",
        "courriel inbox pops://ada@pop.example.org save 1 2 3 --to letters",
    ),
    'courriel inbox "gmail+imap:ada@gmail.com?auth=xoauth2" watch --json',
    Bilingual(
        "courriel inbox imaps://ada@imap.example.org sync --mark inbox.marque",
        "courriel inbox imaps://ada@imap.example.org sync --mark inbox.mark",
    ),
)
ACTIONS = ("list", "show", "save", "part", "watch", "folders", "sync")
_NUMBERED = ("show", "save", "part")
_KEYS = ("received", "date", "sender", "to", "cc", "subject", "size")


USAGE = Bilingual(
    "URL list|show|save|part|watch|folders|sync [NUMÉRO] …", "URL list|show|save|part|watch|folders|sync [NUMBER] …"
)


@click.command(cls=Command, words=WORDS, examples=EXAMPLES, usage=USAGE)
@click.argument("url")
@click.argument("action", type=click.Choice(ACTIONS), default="list")
@click.argument("numbers", nargs=-1, type=click.IntRange(min=1))
@option(
    "--folder",
    value=Bilingual("DOSSIER", "FOLDER"),
    fr="Dossier IMAP ; par défaut INBOX.",
    en="IMAP folder; default: INBOX.",
)
@option("--unseen", is_flag=True, fr="Seulement les messages non lus.", en="Only unread letters.")
@option("--from", "sender", value=Bilingual("TEXTE", "TEXT"), fr="Seulement ceux de cet expéditeur.",
        en="Only those from this sender.")  # fmt: skip
@option("--subject", value=Bilingual("TEXTE", "TEXT"), fr="Seulement ceux dont l'objet contient cela.",
        en="Only those with this text in the subject.")  # fmt: skip
@option("--since", type=click.DateTime(["%Y-%m-%d"]), value=Bilingual("AAAA-MM-JJ", "YYYY-MM-DD"),
        fr="Seulement ceux arrivés ce jour-là ou après.", en="Only those received on this day or later.")  # fmt: skip
@option("--last", type=click.IntRange(min=1), default=50, value=Bilingual("NOMBRE", "COUNT"),
        fr="Nombre maximal de messages énumérés (50).", en="Largest number of letters to list (50).")  # fmt: skip
@option("--sort", value=Bilingual("CLÉS", "KEYS"),
        fr="Ordre de list : date|received|sender|to|cc|subject|size, ou plusieurs, à virgules ; - l'inverse.",
        en="Order of list: date|received|sender|to|cc|subject|size, or several, with commas; - in front reverses one.",
)  # fmt: skip
@option("--threads", is_flag=True, fr="list par conversations : chaque réponse sous ce à quoi elle répond.",
        en="list by conversations: each answer below what it answers.")  # fmt: skip
@option("--to", "target", value=Bilingual("CHEMIN", "PATH"),
        fr="Dossier où save écrit, par défaut le dossier courant ; nouveau fichier où part écrit.",
        en="Folder for save, by default the current one; new file for part.")  # fmt: skip
@option("--mark", type=click.Path(dir_okay=False), value=Bilingual("FICHIER", "FILE"),
        fr="Fichier où sync garde jusqu'où il est allé ; sans lui, tout est nouveau.",
        en="File in which sync keeps how far it went; without it everything is new.")  # fmt: skip
@option("--timeout", type=click.FloatRange(min=0, min_open=True), value=Bilingual("SECONDES", "SECONDS"),
        fr="Délai maximal sans réponse, en secondes.",
        en="Seconds to wait for a silent server.")  # fmt: skip
@option("--transcript", is_flag=True, fr="Montre la conversation, sans les secrets ni les messages.",
        en="Shows the conversation, without secrets and letters.")  # fmt: skip
@click.pass_obj
def command(
    manner: GlobalOptions,
    url: str,
    action: str,
    numbers: tuple[int, ...],
    folder: str | None,
    unseen: bool,
    sender: str | None,
    subject: str | None,
    since: object,
    last: int,
    sort: str | None,
    threads: bool,
    target: str | None,
    mark: str | None,
    timeout: float | None,
    transcript: bool,
) -> int:
    """Open the mailbox, carry out the action, close it."""
    from courriel.cli.inbox.reading import InboxReader, LetterSelection

    manner.doing = "read"

    if bool(numbers) is not (action in _NUMBERED):
        raise click.UsageError(
            say(f"{action} : quels messages ? donnez leurs numéros", f"{action}: which letters? give their numbers")
            if action in _NUMBERED
            else say(f"{action} ne prend pas de numéro", f"{action} takes no number")
        )
    if action == "part":
        _check_part(numbers, target)
    if mark is not None and action != "sync":
        raise click.UsageError(say("--mark ne va qu'avec sync", "--mark goes with sync alone"))
    if (sort is not None or threads) and action != "list":
        raise click.UsageError(
            say("--sort et --threads ne vont qu'avec list", "--sort and --threads go with list alone")
        )
    if sort is not None and threads:
        raise click.UsageError(say("--sort ou --threads, pas les deux", "--sort or --threads, not both"))
    keys = tuple(key.strip() for key in (sort or "").split(",") if key.strip())
    _check_sort(keys)
    wanted = LetterSelection(
        folder=folder, unseen=unseen, sender=sender, subject=subject, since=since, last=last, sort=keys, threads=threads
    )
    reader = InboxReader(manner, url, wanted, timeout=timeout, transcript=transcript)
    return reader.run(action, numbers, target, mark)


# The steps.


def _check_sort(keys: tuple[str, ...]) -> None:
    """Raise UsageError for an unknown key, before a connection is made."""
    for key in keys:
        if key.removeprefix("-") not in _KEYS:
            listed = ", ".join(_KEYS)
            raise click.UsageError(say(f"--sort : {listed}, et non {key}", f"--sort: {listed}, not {key}"))


def _check_part(numbers: tuple[int, ...], target: str | None) -> None:
    """Raise UsageError unless these are a letter alone, or a letter, a part and a file for it."""
    if len(numbers) > 2 or (len(numbers) == 2) is not (target is not None):
        raise click.UsageError(
            say(
                "part : le numéro d'un message énumère ses parties ; avec le numéro d'une partie et --to FICHIER, "
                "celle-ci est écrite",
                "part: the number of a letter lists its parts; with the number of a part and --to FILE, that one is "
                "written",
            )
        )
