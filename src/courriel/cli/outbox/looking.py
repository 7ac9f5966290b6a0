"""Commands that read an outbox: list, show, stats, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, Whole, option
from courriel.cli.i18n import Bilingual, say, visible
from courriel.cli.outbox.duration import counted, number, span
from courriel.cli.outbox.figures import figures_object, figures_of
from courriel.cli.outbox.lane_words import LOOKED_UP, lane_line, lanes_of, no_way, unknown_line
from courriel.cli.outbox.report_words import entry_object, history_line
from courriel.cli.outbox.words import (
    STATES,
    StateName,
    details_of,
    existing_outbox,
    hands_line,
    hands_object,
    line_of,
    moment,
    object_of,
    outbox_option,
    state_named,
)

if TYPE_CHECKING:
    from courriel.cli.reporting import CommandReport
    from courriel.errors import UsageError
    from courriel.types import Count, LaneInfo

_MOST = 100  # lines, unless more are asked for
_ALL_FR = ", ".join(words.fr for words in STATES.values())
_ALL_EN = ", ".join(words.en for words in STATES.values())


@click.command(
    "list",
    cls=Command,
    words=Bilingual("Énumère les messages, les plus anciens d'abord.", "Lists the mails, oldest first."),
    examples=[
        "courriel outbox list",
        Bilingual(
            'courriel outbox list --state "en attente" --via billing',
            "courriel outbox list --state waiting --via billing",
        ),
    ],
)
@outbox_option
@option("--state", type=StateName(), value=Bilingual("ÉTAT", "STATE"), fr=f"Seulement dans cet état : {_ALL_FR}.",
        en=f"Only in this state: {_ALL_EN}.")  # fmt: skip
@option("--via", value=Bilingual("VOIE", "LANE"), fr="Cette voie seulement.", en="This lane only.")
@option("--unsure", is_flag=True, default=None, fr="Seulement ceux dont l'envoi est incertain.",
        en="Only mails in doubt.")  # fmt: skip
@option("--most", type=Whole(1), default=_MOST, value=Bilingual("NOMBRE", "COUNT"),
        fr="Nombre maximal de lignes (100).", en="Largest number of lines (100).")  # fmt: skip
@click.pass_obj
def list_(
    manner: GlobalOptions, place: str | None, state: str | None, via: str | None, unsure: bool | None, most: int
) -> int:
    """Print one line for each mail."""
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    shown = 0
    with existing_outbox(place) as outbox:
        for info in outbox.list(state_named(state), lane=via, unsure=unsure, most=most + 1):
            if shown == most:
                report.aside(say(f"… et d'autres (--most {most})", f"… and more (--most {most})"))
                break
            shown += 1
            if not report.values(object_of(info)):
                report.line(line_of(info))
    if not shown:
        report.aside(say("Aucun message.", "No mail."))
    return report.status


@click.command(
    "show",
    cls=Command,
    words=Bilingual(
        "Montre un message en détail, et la réponse du serveur pour chaque destinataire.",
        "Shows a mail in detail, and the server's reply for each recipient.",
    ),
    examples=["courriel outbox show 019f2c5e", "courriel outbox show --key invoice-42"],
    usage=Bilingual("[MESSAGE]", "[MAIL]"),
)
@click.argument("mail", required=False)
@outbox_option
@option("--key", value=Bilingual("CLÉ", "KEY"), fr="Le message déposé avec cette clé.",
        en="The mail put with this key.")  # fmt: skip
@click.pass_obj
def show_(manner: GlobalOptions, mail: str | None, place: str | None, key: str | None) -> int:
    """Print one mail in detail."""
    from courriel.cli.reporting import CommandReport

    if (mail is None) is (key is None):
        raise click.UsageError(say("lequel ? un identifiant, ou --key", "which one? an id, or --key"))
    report = CommandReport(manner)
    with existing_outbox(place) as outbox:
        ticket = outbox.get(mail, key=key)
        info, history = ticket.info, ticket.history
        taken = outbox.in_hand(info.id) if info.holder else ()
        lanes = lanes_of(outbox)
    told = {"in_hand": [hands_object(each) for each in taken], "history": [entry_object(each) for each in history]}
    if not report.values(object_of(info) | told):
        for line in details_of(info, taken):
            report.line(line)
        if any(entry.found_by for entry in history):
            report.line(say("ce qui en a été dit", "what was said of it"))
            for entry in history:
                report.line(history_line(entry))
        for waiting in dict.fromkeys(row.lane for row in info.parts or (info,) if row.state.name == "READY"):
            _tell_lane(report, waiting, lanes.get(waiting))
    return report.status


@click.command(
    "stats",
    cls=Command,
    words=Bilingual(
        "Compte les messages par voie et par état, et indique les voies en pause, le débit, la dernière erreur et les "
        "processus d'envoi en vie.",
        "Counts the mails by lane and state, and shows paused lanes, the rate, the last error and the workers alive.",
    ),
    examples=["courriel outbox stats", "courriel outbox stats --json"],
)
@outbox_option
@click.pass_obj
def stats_(manner: GlobalOptions, place: str | None) -> int:
    """Print the counts."""
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    with existing_outbox(place) as outbox:
        found, lanes = outbox.metrics(), outbox.lanes()
    values: dict[str, object] = {
        **figures_object(found),
        "counts": [_count(each) for each in found.counts],
        "lanes": [_lane(each) for each in lanes],
        "unknown": [{"via": lane, "why": why.detail} for lane, why in _unknown(list(found.counts)).items()],
        "in_hand": [hands_object(each) for each in found.taken],
    }
    if not report.values(values):
        _tell(report, list(found.counts), list(lanes))
        for line in [*map(hands_line, found.taken), *figures_of(found)]:
            report.line(line)
    return report.status


@click.command(
    "export",
    cls=Command,
    words=Bilingual(
        "Écrit un message dans un fichier .eml, exactement comme il est envoyé.",
        "Writes a mail to an .eml file, exactly as it is sent.",
    ),
    examples=["courriel outbox export 019f2c5e mail.eml"],
    usage=Bilingual("MESSAGE FICHIER", "MAIL FILE"),
)
@click.argument("mail")
@click.argument("file")
@outbox_option
@click.pass_obj
def export_(manner: GlobalOptions, mail: str, file: str, place: str | None) -> int:
    """Write it into a new file; an existing file is never overwritten."""
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    with existing_outbox(place) as outbox:
        ticket = outbox.get(mail)
        with Path(file).open("xb") as out:
            out.writelines(ticket.blocks())
            size = out.tell()
    if not report.values({"ok": True, "file": file, "size": size}):
        report.line(visible(file))
    return report.status


# The steps.


def _tell_lane(report: CommandReport, name: str, lane: LaneInfo | None) -> None:
    """Say why a mail waits, where its lane is the reason."""
    if lane is not None and (line := lane_line(lane)):
        report.line(line)
    if not name.startswith("session:") and (unknown := no_way(name)) is not None:
        report.line(unknown_line(name, unknown))


def _tell(report: CommandReport, counts: list[Count], lanes: list[LaneInfo]) -> None:
    from time import time

    if not counts:
        report.line(say("La boîte d'envoi est vide.", "The outbox is empty."))
    for each in counts:
        state = str(STATES[each.state.name])
        oldest = span(time() - each.oldest) if each.oldest is not None else ""
        since = say(f"depuis {oldest}", f"for {oldest}")
        doubt = (
            say(
                f", dont {counted(each.unsure, 'incertain', 'incertains')}", f", {number(each.unsure)} of them in doubt"
            )
            if each.unsure
            else ""
        )
        waits = f"  ({since})" if not each.state.final else ""
        report.line(f"{visible(each.lane):24}  {state:20}  {number(each.mails):>8}{doubt}{waits}")
    for lane in lanes:
        if line := lane_line(lane):
            report.line(line)
    for name, unknown in _unknown(counts).items():
        report.line(unknown_line(name, unknown))


def _unknown(counts: list[Count]) -> dict[str, UsageError]:
    """Lanes with waiting mails by which no worker of this machine sends; none of sessions, which programs have."""
    waiting = [each for each in counts if each.state.name == "READY" and not each.lane.startswith("session:")]
    most = sorted(waiting, key=lambda each: (-each.mails, each.lane))[:LOOKED_UP]
    return {each.lane: unknown for each in most if (unknown := no_way(each.lane)) is not None}


def _count(count: Count) -> dict[str, object]:
    return {"via": count.lane, "state": count.state.name.lower(), "mails": count.mails, "unsure": count.unsure,
            "oldest": None if count.oldest is None else moment(count.oldest)}  # fmt: skip


def _lane(lane: LaneInfo) -> dict[str, object]:
    return {"via": lane.name, "stopped": lane.stopped, "paused": lane.paused, "why": lane.why or None,
            "cap": lane.cap, "gap": lane.gap}  # fmt: skip
