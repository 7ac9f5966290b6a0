"""Commands for the suppression list of an outbox: suppressed, suppress, lift."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say, visible
from courriel.cli.outbox.duration import counted
from courriel.cli.outbox.words import existing_outbox, moment, outbox_option

if TYPE_CHECKING:
    from courriel import Suppression

REASONS = {
    "bounce": Bilingual("adresse inexistante", "no such mailbox"),
    "complaint": Bilingual("plainte", "complaint"),
    "unsubscribe": Bilingual("désinscription", "unsubscription"),
    "manual": Bilingual("à la main", "by hand"),
}
_ADDRESSES = Bilingual("ADRESSE …", "ADDRESS …")
_NOT_THERE = 69


@click.command(
    "suppressed",
    cls=Command,
    words=Bilingual(
        "Énumère les adresses qui ne reçoivent plus rien, et pourquoi ; ou les écrit dans un fichier CSV.",
        "Lists the addresses that get no more mail, and why; or writes them to a CSV file.",
    ),
    examples=["courriel outbox suppressed", "courriel outbox suppressed --csv list.csv"],
)
@outbox_option
@option("--reason", type=click.Choice(list(REASONS)), fr="Pour cette raison seulement.", en="For this reason only.")
@option("--csv", "file", value=Bilingual("FICHIER", "FILE"), fr="Écrit la liste dans un nouveau fichier CSV.",
        en="Writes the list to a new CSV file.")  # fmt: skip
@click.pass_obj
def suppressed_(manner: GlobalOptions, place: str | None, reason: str | None, file: str | None) -> int:
    """Print one line for each entry."""
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    shown = 0
    with existing_outbox(place) as outbox:
        if file is not None:
            number = outbox.suppressions.export(file)
            if not report.values({"ok": True, "file": file, "entries": number}):
                report.line(visible(file))
            return report.status
        for entry in outbox.suppressions.list(reason):  # type: ignore[arg-type]  # one of REASONS
            shown += 1
            if not report.values(_object(entry)):
                report.line(_line(entry))
    if not shown:
        report.aside(say("Aucune adresse.", "No address."))
    return report.status


@click.command(
    "suppress",
    cls=Command,
    words=Bilingual(
        "Met des adresses sur la liste de suppression : elles ne reçoivent plus rien.",
        "Puts addresses on the suppression list: they get no more mail.",
    ),
    examples=[
        "courriel outbox suppress bob@example.org --note 'by phone'",
        "courriel outbox suppress --csv bounces.csv --reason bounce",
    ],
    usage=_ADDRESSES,
)
@click.argument("addresses", nargs=-1)
@outbox_option
@option("--reason", type=click.Choice(list(REASONS)), default="manual", fr="Pourquoi (manual).", en="Why (manual).")
@option("--stream", default="", value=Bilingual("FLUX", "STREAM"),
        fr="D'une désinscription : le flux qu'elle vise ; sans lui, tout sauf « transactional ».",
        en='Of an unsubscription: the stream that it is from; without it all but "transactional" mail.')  # fmt: skip
@option("--note", default="", value=Bilingual("TEXTE", "TEXT"), fr="Une note pour qui lira la liste.",
        en="A note for who reads the list.")  # fmt: skip
@option("--csv", "file", value=Bilingual("FICHIER", "FILE"), fr="Les adresses d'un fichier CSV.",
        en="The addresses of a CSV file.")  # fmt: skip
@click.pass_obj
def suppress_(
    manner: GlobalOptions, addresses: tuple[str, ...], place: str | None, reason: str, stream: str, note: str,
    file: str | None,
) -> int:  # fmt: skip
    """Add the addresses; those that are there stay as they are."""
    from courriel import Suppression
    from courriel.cli.reporting import CommandReport

    if bool(addresses) is (file is not None):
        raise click.UsageError(say("lesquelles ? des adresses, ou --csv", "which ones? addresses, or --csv"))
    report = CommandReport(manner)
    with existing_outbox(place) as outbox:
        if file is not None:
            new = outbox.suppressions.load(Path(file), reason)  # type: ignore[arg-type]
        else:
            entries = [Suppression(address, reason, stream, note) for address in addresses]  # type: ignore[arg-type]
            new = outbox.suppressions.add_many(entries)
    if not report.values({"ok": True, "new": new}):
        report.line(
            say(counted(new, "adresse ajoutée", "adresses ajoutées"), counted(new, "address added", "addresses added"))
        )
    return report.status


@click.command(
    "lift",
    cls=Command,
    words=Bilingual(
        "Retire des adresses de la liste de suppression : elles reçoivent de nouveau du courrier.",
        "Takes addresses off the suppression list: they get mail again.",
    ),
    examples=["courriel outbox lift bob@example.org", "courriel outbox lift bob@example.org --reason bounce"],
    usage=_ADDRESSES,
)
@click.argument("addresses", nargs=-1, required=True)
@outbox_option
@option("--reason", type=click.Choice(list(REASONS)), fr="Cette raison seulement.", en="This reason only.")
@click.pass_obj
def lift_(manner: GlobalOptions, addresses: tuple[str, ...], place: str | None, reason: str | None) -> int:
    """Lift the addresses; one that is not on the list is said to be none."""
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    with existing_outbox(place) as outbox:
        for address in addresses:
            number = outbox.suppressions.lift(address, reason)  # type: ignore[arg-type]
            if report.values({"ok": number > 0, "address": address, "lifted": number}):
                report.count(0 if number else _NOT_THERE)
            elif number:
                report.line(f"{visible(address)}{say(' : retirée', ': lifted')}")
            else:
                report.failing(_NOT_THERE, "NotPossible", say(f"{visible(address)} : n'est pas sur la liste",
                                                              f"{visible(address)}: not on the list"))  # fmt: skip
    return report.status


# The steps.


def _line(entry: Suppression) -> str:
    day = datetime.fromtimestamp(entry.added, UTC).date()
    of = say(f" de {entry.stream}", f" from {entry.stream}") if entry.stream else ""
    note = f"  {entry.note}" if entry.note else ""
    return f"{day}  {visible(entry.address):32}  {REASONS[entry.reason]}{visible(of)}{visible(note)}"


def _object(entry: Suppression) -> dict[str, object]:
    return {
        "address": entry.address,
        "reason": entry.reason,
        "stream": entry.stream,
        "note": entry.note,
        "ticket": entry.ticket,
        "added": moment(entry.added),
    }
