"""`courriel bounces`: takes the reports in a mailbox, and applies one that proved nothing by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say, visible
from courriel.cli.outbox.report_words import line_of, object_of
from courriel.cli.outbox.words import existing_outbox, outbox_option

if TYPE_CHECKING:
    from courriel import ImapSession, Outbox, PopSession
    from courriel.cli.reporting import CommandReport

WORDS = Bilingual(
    "Prend dans une boîte aux lettres les rapports sur les messages de la boîte d'envoi : retours, plaintes, absences. "
    "Un destinataire accepté devient retourné ou plaint quand un jeton signé le prouve ; le reste est noté, et --apply "
    "l'applique à la main. Les messages restent où ils sont. Le code de sortie est l'un de sysexits.h.",
    "Takes the reports about mails of the outbox from a mailbox: bounces, complaints, absences. An accepted recipient "
    "becomes returned or complained where a signed token proves it; the rest is noted, and --apply applies it by hand. "
    "Letters stay where they are. The exit status is one of sysexits.h.",
)
EXAMPLES = (
    "courriel bounces imaps://bounce@imap.example.org",
    "courriel bounces bounce-box --once --json",
    "courriel bounces --apply 019f2c5e bob@example.org",
)
_NOT_POSSIBLE = 69


@click.command(cls=Command, words=WORDS, examples=EXAMPLES, usage=Bilingual("[URL|PROFIL]", "[URL|PROFILE]"))
@click.argument("url", required=False)
@outbox_option
@option("--once", is_flag=True, fr="Prend ce qui est là, puis finit.", en="Takes what is there, then ends.")
@option("--folder", default="INBOX", value=Bilingual("DOSSIER", "FOLDER"),
        fr="Dossier IMAP ; par défaut INBOX.", en="IMAP folder; default: INBOX.")  # fmt: skip
@option("--move-to", default="", value=Bilingual("DOSSIER", "FOLDER"),
        fr="Déplace les rapports dans ce dossier (IMAP).", en="Moves reports to this folder (IMAP).")  # fmt: skip
@option("--flag", default="", value=Bilingual("DRAPEAU", "FLAG"),
        fr="Marque les rapports de ce drapeau (IMAP).", en="Gives reports this flag (IMAP).")  # fmt: skip
@option("--apply", "applied", nargs=2, value=Bilingual("MESSAGE DESTINATAIRE", "MAIL RECIPIENT"),
        fr="Applique à la main le dernier rapport sur ce destinataire.",
        en="Applies the last report about this recipient by hand.")  # fmt: skip
@click.pass_obj
def command(
    manner: GlobalOptions, url: str | None, place: str | None, once: bool, folder: str, move_to: str, flag: str,
    applied: tuple[str, str] | None,
) -> int:  # fmt: skip
    """Watch the mailbox, or apply one report."""
    from courriel.cli.reporting import CommandReport

    manner.doing = "read"
    if (url is None) is (applied is None):
        raise click.UsageError(
            say(
                "une URL imaps:// ou pops://, un profil, ou --apply",
                "an imaps:// or pops:// URL, a profile, or --apply",
            )
        )
    report = CommandReport(manner)
    with existing_outbox(place) as outbox:
        if applied is not None:
            _apply(report, outbox, *applied)
            return report.status
        assert url is not None
        _watch(report, outbox, _mailbox(manner, url), once=once, folder=folder, move_to=move_to, flag=flag)
    return report.status


# The steps.


def _mailbox(manner: GlobalOptions, url: str) -> ImapSession | PopSession:
    from courriel import mailbox
    from courriel.cli.password_prompt import with_password
    from courriel.delivery.open_mailbox import named_route

    route = named_route(url)
    return mailbox(with_password(route, ask=manner.ask) if route.reads else route)


def _watch(
    report: CommandReport,
    outbox: Outbox,
    box: ImapSession | PopSession,
    *,
    once: bool,
    folder: str,
    move_to: str,
    flag: str,
) -> None:
    from courriel.cli.signals import asked_to_end

    taken_ones = 0
    with (
        outbox.watch_bounces(box, folder, once=once, move_to=move_to, flag=flag) as watch,
        asked_to_end(watch.stop),
        box,
    ):
        if not once:
            report.aside(say("En attente de rapports ; Ctrl-C pour finir.", "Waiting for reports; Ctrl-C to end."))
        for taken in watch:
            taken_ones += 1
            if not report.values(object_of(taken)):
                report.line(line_of(taken))
    if once and not taken_ones:
        report.aside(say("Aucun nouveau rapport.", "No new report."))


def _apply(report: CommandReport, outbox: Outbox, mail: str, recipient: str) -> None:
    ticket = outbox.get(mail)
    done = ticket.apply_report(recipient)
    if report.values({"ok": done, "id": ticket.id, "recipient": recipient}):
        report.count(0 if done else _NOT_POSSIBLE)
    elif done:
        report.line(f"{ticket.id}{say(' : appliqué à ', ': applied to ')}{visible(recipient)}")
    else:
        report.failing(
            _NOT_POSSIBLE,
            "NotPossible",
            say(
                f"{ticket.id} : aucun rapport en attente sur {visible(recipient)}",
                f"{ticket.id}: no report about {visible(recipient)} waits to be applied",
            ),
        )
