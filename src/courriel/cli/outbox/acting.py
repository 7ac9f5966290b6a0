"""Commands that change mails or lanes of an outbox: retry, hold, release, forget, cancel, pause, resume, prune."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from courriel import errors
from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say, visible
from courriel.cli.outbox.words import age, counted, existing_outbox, outbox_option, state_of

if TYPE_CHECKING:
    from courriel import Outbox, Ticket

UNAVAILABLE = 69
_IN_HAND = ("LEASED", "IN_FLIGHT")  # a worker tries them already
_MAILS = Bilingual("MESSAGE …", "MAIL …")


def _for_each(
    name: str, words: Bilingual, does: Callable[[Ticket], bool], done: Bilingual, all_in: str, everything: Bilingual
) -> click.Command:
    """A command that applies one action to the given mails, or with --all to every mail in one state."""

    @click.command(name, cls=Command, words=words, usage=_MAILS,
                   examples=[f"courriel outbox {name} 5f2c…", f"courriel outbox {name} --all"])  # fmt: skip
    @click.argument("mails", nargs=-1)
    @outbox_option
    @option("--all", "everything", is_flag=True, fr=everything.fr, en=everything.en)
    @option("--via", value=Bilingual("VOIE", "LANE"), fr="Avec --all : cette voie seulement.",
            en="With --all: this lane only.")  # fmt: skip
    @click.pass_obj
    def act(manner: GlobalOptions, mails: tuple[str, ...], place: str | None, everything: bool, via: str | None) -> int:
        from courriel.cli.reporting import Report

        if bool(mails) is everything:
            raise click.UsageError(say("lesquels ? des identifiants, ou --all", "which ones? ids, or --all"))
        report = Report(manner)
        with existing_outbox(place) as outbox:
            for ident in _meant(outbox, mails, all_in if everything else "", via):
                try:
                    ticket = outbox.get(ident)
                    could = does(ticket)
                    info = ticket.info
                except errors.TicketNotFound as missing:
                    report.failed(missing)  # the others are done all the same
                    continue
                if report.values({"ok": could, "id": info.id, "state": info.state.name.lower()}):
                    continue
                if could:
                    report.line(f"{info.id}{say(' : ', ': ')}{done}")
                else:
                    sentence = say(f"{info.id} : impossible, son état est « {state_of(info)} »",
                                   f'{info.id}: impossible, its state is "{state_of(info)}"')  # fmt: skip
                    report.failing(UNAVAILABLE, "NotPossible", sentence)
        return report.status

    return act


def _meant(outbox: Outbox, mails: tuple[str, ...], state: str, via: str | None) -> Sequence[str]:
    """The ids of those that are meant."""
    if not state:
        return mails
    from courriel import State

    return [info.id for info in outbox.list(State[state], lane=via)]


retry_ = _for_each(
    "retry",
    Bilingual(
        "Essaie maintenant les messages reportés ou retenus. Un message incertain peut alors arriver deux fois.",
        "Retries waiting or held mails now. One that is in doubt may then arrive twice.",
    ),
    lambda ticket: ticket.retry_now() or ticket.release() or ticket.status.name in _IN_HAND,
    Bilingual("sera essayé dès qu'un processus d'envoi tourne", "will be tried as soon as a worker runs"),
    "READY",
    Bilingual("Tous les messages en attente.", "All waiting mails."),
)
hold_ = _for_each(
    "hold",
    Bilingual("Retient des messages jusqu'à release.", "Puts mails on hold until release."),
    lambda ticket: ticket.hold(),
    Bilingual("retenu", "held"),
    "READY",
    Bilingual("Tous les messages en attente.", "All waiting mails."),
)
release_ = _for_each(
    "release",
    Bilingual(
        "Libère des messages retenus : ils sont envoyés. Un message incertain peut alors arriver deux fois.",
        "Releases mails on hold: they are sent. One that is in doubt may then arrive twice.",
    ),
    lambda ticket: ticket.release(),
    Bilingual("relâché", "released"),
    "HELD",
    Bilingual("Tous les messages retenus.", "All mails on hold."),
)


def _forget(ticket: Ticket) -> bool:
    """Cancel a mail on hold; one that was given up before stays so."""
    state = ticket.status.name
    return state == "CANCELED" or (state == "HELD" and ticket.cancel())


forget_ = _for_each(
    "forget",
    Bilingual(
        "Renonce à des messages retenus : ils ne partent plus, et sont supprimés au bout de 7 jours.",
        "Gives up mails on hold: they are not sent any more, and deleted after 7 days.",
    ),
    _forget,
    Bilingual("ne partira plus", "will not be sent any more"),
    "HELD",
    Bilingual("Tous les messages retenus.", "All mails on hold."),
)
cancel_ = _for_each(
    "cancel",
    Bilingual(
        "Annule des messages ; impossible dès que la fin du message a pu être envoyée.",
        "Cancels mails; impossible once the end of the message may have been sent.",
    ),
    lambda ticket: ticket.cancel(),
    Bilingual("annulé", "canceled"),
    "READY",
    Bilingual("Tous les messages en attente.", "All waiting mails."),
)


def _for_lanes(name: str, words: Bilingual, does: Callable[[Outbox, str], object], done: Bilingual) -> click.Command:
    """A command that applies one action to lanes."""

    @click.command(name, cls=Command, words=words, usage=Bilingual("VOIE …", "LANE …"),
                   examples=[f"courriel outbox {name} billing"])  # fmt: skip
    @click.argument("lanes", nargs=-1, required=True)
    @outbox_option
    @click.pass_obj
    def act(manner: GlobalOptions, lanes: tuple[str, ...], place: str | None) -> int:
        from courriel.cli.reporting import Report

        report = Report(manner)
        with existing_outbox(place) as outbox:
            for lane in lanes:
                does(outbox, lane)
                if not report.values({"ok": True, "via": lane}):
                    report.line(f"{visible(lane)}{say(' : ', ': ')}{done}")
        return report.status

    return act


pause_ = _for_lanes(
    "pause",
    Bilingual(
        "Arrête une voie : elle n'envoie plus rien jusqu'à resume ; les envois en cours se terminent.",
        "Stops a lane: it sends nothing more until resume; mails being sent are finished.",
    ),
    lambda outbox, lane: outbox.pause(lane),
    Bilingual("arrêtée", "stopped"),
)
resume_ = _for_lanes(
    "resume",
    Bilingual(
        "Remet une voie en marche, aussi quand elle est en pause après un échec.",
        "Starts a lane again, also when it is paused after a failure.",
    ),
    lambda outbox, lane: outbox.resume(lane),
    Bilingual("en marche", "goes on"),
)


@click.command(
    "prune",
    cls=Command,
    words=Bilingual(
        "Supprime les messages acceptés ou annulés depuis 7 jours, en échec depuis 30 ; la clé est supprimée avec son "
        "message.",
        "Deletes mails accepted or canceled 7 days ago, failed 30 days ago; a key is deleted with its mail.",
    ),
    examples=["courriel outbox prune", "courriel outbox prune --sent 1d --failed 90d"],
)
@outbox_option
@option("--sent", callback=age, value=Bilingual("DURÉE", "AGE"), fr="Âge des messages acceptés : 7d, 12h, 30m.",
        en="Age of accepted mails: 7d, 12h, 30m.")  # fmt: skip
@option(
    "--failed",
    callback=age,
    value=Bilingual("DURÉE", "AGE"),
    fr="Âge des messages en échec.",
    en="Age of failed mails.",
)
@click.pass_obj
def prune_(manner: GlobalOptions, place: str | None, sent: float | None, failed: float | None) -> int:
    """Delete the mails."""
    from courriel.cli.reporting import Report

    report = Report(manner)
    with existing_outbox(place) as outbox:
        gone = outbox.prune(sent=sent, failed=failed)
    if not report.values({"ok": True, "pruned": gone}):
        report.line(
            say(counted(gone, "message oublié", "messages oubliés"), counted(gone, "mail forgotten", "mails forgotten"))
        )
    return report.status
