"""Commands that change mails or lanes of an outbox: retry, hold, release, forget, cancel, pause, resume, prune."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from courriel import errors
from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say, visible
from courriel.cli.outbox.duration import counted
from courriel.cli.outbox.lane_words import lanes_of, no_way, when_sent
from courriel.cli.outbox.words import age, existing_outbox, outbox_option, state_of

if TYPE_CHECKING:
    from courriel import Outbox, Ticket
    from courriel.types import LaneInfo, MailInfo

F = TypeVar("F", bound=Callable[..., object])

UNAVAILABLE = 69
_IN_HAND = ("LEASED", "IN_FLIGHT")  # a worker tries them already
_NAMES = 3  # recipients named in one line
_MAILS = Bilingual("MESSAGE …", "MAIL …")


Act = Callable[["Ticket"], bool]
Done = Callable[["LaneInfo | None"], str]
"""What is said of a mail that was changed, by the lane it is in."""


def _for_each(
    name: str, words: Bilingual, does: Act, done: Done, all_in: str, everything: Bilingual, *, failed: bool = False
) -> click.Command:
    """A command that applies one action to the given mails, or with --all to every mail in one state.

    With `failed` it can be applied to every mail that failed as well.
    """

    def all_failed_option(command: F) -> F:
        flag = option("--failed", "all_failed", is_flag=True, fr="Tous les messages en échec.", en="All failed mails.")
        return flag(command) if failed else command

    @click.command(name, cls=Command, words=words, usage=_MAILS,
                   examples=[f"courriel outbox {name} 019f2c5e", Bilingual(f"courriel outbox {name} --key facture-42",
                             f"courriel outbox {name} --key invoice-42"), f"courriel outbox {name} --all"])  # fmt: skip
    @click.argument("mails", nargs=-1)
    @outbox_option
    @option("--key", "keys", multiple=True, value=Bilingual("CLÉ", "KEY"), fr="Le message de cette clé ; se répète.",
            en="The mail with this key; may be repeated.")  # fmt: skip
    @option("--all", "everything", is_flag=True, fr=everything.fr, en=everything.en)
    @all_failed_option
    @option("--via", value=Bilingual("VOIE", "LANE"), fr="Avec --all : cette voie seulement.",
            en="With --all: this lane only.")  # fmt: skip
    @click.pass_obj
    def act(
        manner: GlobalOptions, mails: tuple[str, ...], place: str | None, keys: tuple[str, ...], everything: bool,
        via: str | None, all_failed: bool = False,
    ) -> int:  # fmt: skip
        from courriel.cli.reporting import CommandReport

        if (bool(mails or keys), everything, all_failed).count(True) != 1:
            raise click.UsageError(
                say("lesquels ? des identifiants, --key, --all", "which ones? ids, --key, --all")
                + (say(" ou --failed", " or --failed") if failed else "")
            )
        report = CommandReport(manner)
        with existing_outbox(place) as outbox:
            lanes = lanes_of(outbox)
            state = all_in if everything else "FAILED" if all_failed else ""
            meant = _meant(outbox, mails, keys, state, via)
            for ident, key in meant:
                try:
                    ticket = outbox.get(ident, key=key)
                    could = does(ticket)
                    info = ticket.info
                except (errors.TicketNotFound, errors.UsageError) as missing:
                    report.failed(missing)  # the others are done all the same
                    continue
                lane = lanes.get(info.lane)
                told: dict[str, object] = {
                    "ok": could, "id": info.id, "state": info.state.name.lower(), "via": info.lane,
                    "stopped": lane is not None and lane.stopped, "paused": 0.0 if lane is None else lane.paused,
                    "unsure": info.unsure, "accepted": list(info.accepted),
                }  # fmt: skip
                if report.values(told):
                    report.count(0 if could else UNAVAILABLE)
                elif could:
                    report.line(f"{info.id}{say(' : ', ': ')}{done(lane)}{_known(info)}")
                else:
                    report.failing(UNAVAILABLE, "NotPossible", _impossible(info))
            if not meant:
                report.aside(say("Aucun message.", "No mail."))
        return report.status

    return act


def _known(info: MailInfo) -> str:
    """Sentence on earlier attempts: who has the mail already, and that somebody may have it."""
    names = ", ".join(map(visible, info.accepted[:_NAMES])) + (", …" if len(info.accepted) > _NAMES else "")
    accepted = say(f" ; déjà accepté pour {names}", f"; already accepted for {names}") if info.accepted else ""
    doubt = say(" ; incertain : il est peut-être déjà arrivé", "; in doubt: it may have arrived already")
    return accepted + (doubt if info.unsure else "")


def _impossible(info: MailInfo) -> str:
    """Say that a mail cannot be changed so in its state, and what can be done instead."""
    sentence = say(f"{info.id} : impossible, son état est « {state_of(info)} »",
                   f'{info.id}: impossible, its state is "{state_of(info)}"')  # fmt: skip
    if info.state.name == "FAILED":
        retry = f"courriel outbox retry {info.id}"
        sentence += say(f" ; pour l'envoyer de nouveau : {retry}", f"; to send it again: {retry}")
    elif info.state.name in ("SENT", "CANCELED"):
        sentence += say(" ; pour l'envoyer, déposez-le de nouveau sous une autre clé",
                        "; to send it, put it again with another key")  # fmt: skip
    return sentence


def _meant(
    outbox: Outbox, mails: tuple[str, ...], keys: tuple[str, ...], state: str, via: str | None
) -> Sequence[tuple[str | None, str | None]]:
    """The id or the key of each mail that is meant."""
    if not state:
        return [*((ident, None) for ident in mails), *((None, key) for key in keys)]
    from courriel import State

    return [(info.id, None) for info in outbox.list(State[state], lane=via)]


def _said(fr: str, en: str) -> Done:
    return lambda lane: say(fr, en)


retry_ = _for_each(
    "retry",
    Bilingual(
        "Essaie maintenant les messages reportés, retenus ou en échec, sauf pour les destinataires déjà acceptés. Un "
        "message incertain peut alors arriver deux fois.",
        "Retries waiting, held or failed mails now, but not for recipients that were accepted. One that is in doubt "
        "may then arrive twice.",
    ),
    lambda ticket: ticket.retry_now() or ticket.release() or ticket.retry_failed() or ticket.status.name in _IN_HAND,
    when_sent,
    "READY",
    Bilingual("Tous les messages en attente.", "All waiting mails."),
    failed=True,
)
hold_ = _for_each(
    "hold",
    Bilingual("Retient des messages jusqu'à release.", "Puts mails on hold until release."),
    lambda ticket: ticket.hold(),
    _said("retenu", "held"),
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
    lambda lane: say("relâché, ", "released, ") + when_sent(lane),
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
    _said("ne partira plus", "will not be sent any more"),
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
    _said("annulé", "canceled"),
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
        from courriel.cli.reporting import CommandReport

        report = CommandReport(manner)
        with existing_outbox(place) as outbox:
            for lane in lanes:
                try:
                    _check_known(outbox, lane)
                    does(outbox, lane)
                except errors.UsageError as unknown:
                    report.failed(unknown)  # the others are done all the same
                    continue
                if not report.values({"ok": True, "via": lane}):
                    report.line(f"{visible(lane)}{say(' : ', ': ')}{done}")
        return report.status

    return act


def _check_known(outbox: Outbox, lane: str) -> None:
    """Refuse the name of a lane that this outbox has never had, and that no profile has. Raises UsageError."""
    if "://" in lane:
        return  # a URL names its lane itself
    known = lanes_of(outbox)
    if lane in known or no_way(lane) is None:
        return
    from difflib import get_close_matches

    names = [name for name in known if "://" not in name]
    close = get_close_matches(lane, names, n=1)
    also = f" (did you mean {close[0]!r}?)" if close else ""
    raise errors.UsageError(f"this outbox has no lane {lane!r}, and no profile has that name{also}")


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
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    with existing_outbox(place) as outbox:
        gone = outbox.prune(sent=sent, failed=failed)
    if not report.values({"ok": True, "pruned": gone}):
        report.line(
            say(counted(gone, "message oublié", "messages oubliés"), counted(gone, "mail forgotten", "mails forgotten"))
        )
    return report.status
