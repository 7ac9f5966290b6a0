"""Commands that maintain an outbox file: backup, restore, check, compact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say, visible
from courriel.cli.outbox.duration import counted
from courriel.cli.outbox.duration import number as counted_number
from courriel.cli.outbox.words import existing_outbox, outbox_option

if TYPE_CHECKING:
    from courriel.types import IntegrityFinding

DATA_WRONG = 65
_FILE = Bilingual("FICHIER", "FILE")

FINDINGS = {
    "damaged": Bilingual("le fichier est abîmé", "the file is damaged"),
    "log": Bilingual(
        "copié sans son journal, ou journal perdu : les derniers messages peuvent manquer",
        "copied without its log, or its log was lost: the last mails may be missing",
    ),
    "incomplete": Bilingual(
        "messages en attente au contenu incomplet", "mails that wait, with a part of their content gone"
    ),
    "orphan": Bilingual("contenus sans message", "contents that are no mail's"),
    "lane": Bilingual(
        "messages d'une voie inconnue, que personne n'envoie", "mails of an unknown way out: nobody sends them"
    ),
    "value": Bilingual(
        "messages dans un état ou une priorité qui n'existe pas", "mails in no state or priority there is"
    ),
    "counters": Bilingual("compteurs faux", "wrong counters"),
}


_WITHOUT_NUMBER = ("damaged", "log")  # the whole file


@click.command(
    "backup",
    cls=Command,
    words=Bilingual(
        "Copie la boîte d'envoi dans un nouveau fichier, même pendant que d'autres processus y écrivent.",
        "Copies the outbox into a new file, even while other processes write to it.",
    ),
    examples=["courriel outbox backup outbox-monday.db"],
    usage=_FILE,
)
@click.argument("file")
@outbox_option
@click.pass_obj
def backup_(manner: GlobalOptions, file: str, place: str | None) -> int:
    """Copy it into a new file; an existing file is never overwritten."""
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    with existing_outbox(place) as outbox:
        outbox.backup(file)
    if not report.values({"ok": True, "file": file}):
        report.line(visible(file))
    return report.status


@click.command(
    "restore",
    cls=Command,
    words=Bilingual(
        "Restaure une boîte d'envoi d'une sauvegarde, là où il n'y en a pas. Les messages en attente ont pu être "
        "envoyés depuis, et deviennent incertains.",
        "Restores an outbox from a backup, where there is none. Waiting mails may have been sent since, and are in "
        "doubt.",
    ),
    examples=["courriel outbox restore outbox-monday.db --outbox outbox.db"],
    usage=_FILE,
)
@click.argument("file")
@outbox_option
@option("--nothing-sent-since", "nothing_sent", is_flag=True,
        fr="Aucun message envoyé depuis la sauvegarde (boîte déplacée) : rien ne devient incertain.",
        en="No mail was sent since the backup (the outbox is moved): nothing is in doubt.")  # fmt: skip
@click.pass_obj
def restore_(manner: GlobalOptions, file: str, place: str | None, nothing_sent: bool) -> int:
    """Restore the backup; mails that may have been sent since are in doubt."""
    from courriel import Outbox
    from courriel.cli.reporting import CommandReport
    from courriel.outbox.default_location import default_location

    report = CommandReport(manner)
    target = place if place is not None else default_location().place
    unsure = Outbox.restore(file, target, nothing_sent_since=nothing_sent)
    if not report.values({"ok": True, "outbox": target, "unsure": unsure}):
        doubt = say(counted(unsure, "message incertain", "messages incertains"),
                    counted(unsure, "mail in doubt", "mails in doubt"))  # fmt: skip
        report.line(f"{visible(target)}{say(' : ', ': ')}{doubt}")
    return report.status


@click.command(
    "check",
    cls=Command,
    words=Bilingual(
        "Vérifie l'intégrité : fichier abîmé, contenus perdus, messages qu'aucun processus n'enverra. Lit tout.",
        "Checks integrity: damaged file, lost contents, mails that no worker will send. Reads everything.",
    ),
    examples=["courriel outbox check"],
)
@outbox_option
@click.pass_obj
def check_(manner: GlobalOptions, place: str | None) -> int:
    """Check it; the status is 65 when something is wrong."""
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    found = _findings(place)
    if not report.values({"ok": not found, "findings": [_object(each) for each in found]}):
        for each in found:
            number = "" if each.kind in _WITHOUT_NUMBER else f"{counted_number(each.number)} "
            report.line(f"{FINDINGS[each.kind]}{say(' : ', ': ')}{number}({visible(each.example)})")
        if not found:
            report.line(say("Tout va bien.", "All is well."))
    return DATA_WRONG if found else report.status


@click.command(
    "compact",
    cls=Command,
    words=Bilingual(
        "Rend au disque la place des messages supprimés. Les autres processus attendent ; refusé s'ils "
        "devaient attendre longtemps.",
        "Gives the space of deleted mails back to the disk. Other processes wait; refused where they would wait long.",
    ),
    examples=["courriel outbox prune && courriel outbox compact"],
)
@outbox_option
@click.pass_obj
def compact_(manner: GlobalOptions, place: str | None) -> int:
    """Compact it, and print the sizes."""
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    with existing_outbox(place) as outbox:
        before, after = outbox.compact()
    if not report.values({"ok": True, "before": before, "after": after}):
        sizes = counted(before, "octet", "octets"), counted(after, "octet", "octets")
        report.line(say("{} avant, {} après", "{} before, {} after").format(*sizes))
    return report.status


# The steps.


def _findings(place: str | None) -> Sequence[IntegrityFinding]:
    """Findings of the check; damage that keeps the outbox from being opened is one as well."""
    from courriel import errors
    from courriel.outbox.store.facts import IntegrityFinding
    from courriel.outbox.store.states import DAMAGED

    try:
        with existing_outbox(place) as outbox:
            return outbox.check()
    except errors.OutboxError as failed:
        if failed.hint_id != DAMAGED:
            raise
        return [IntegrityFinding("damaged", 1, str(failed.__cause__ or failed))]


def _object(found: IntegrityFinding) -> dict[str, object]:
    return {"kind": found.kind, "number": found.number, "example": found.example}
