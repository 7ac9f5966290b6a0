"""Redaction of an examination: what a server says and what repeats the login is not shown, whenever it was said.

A transcript leaves out what repeats the login while the login lasts; here the secrets are known for the whole visit.
"""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import replace
from courriel.dialogue.login_replies import SaidAtLogin
from courriel.doctor.examination import Examination
from courriel.doctor.step import Step, in_both
from courriel.doctor.visit.arrival import Arrival
from courriel.doctor.visit.neighbours import Neighbour
from courriel.failures import Text

NOT_SHOWN = "(not shown: it repeats the login)"
_OURS = ("name", "connection")  # steps without a word of the server


def redacted(examination: Examination, secrets: list[str]) -> Examination:
    """The examination without the words of a server that repeat one of these secrets, in whatever form."""
    known = SaidAtLogin()
    for secret in secrets:
        if secret:
            known.add_secret(secret)
    return replace(
        examination,
        steps=tuple(step if step.name in _OURS else _step(step, known) for step in examination.steps),
        tried=tuple(_neighbour(each, known) for each in examination.tried),
        arrival=_arrival(examination.arrival, known),
        accepted=NOT_SHOWN if known.repeated_in(examination.accepted) else examination.accepted,
        transcript=tuple(
            replace(entry, text=NOT_SHOWN) if entry.who == "S" and known.repeated_in(entry.text) else entry
            for entry in examination.transcript
        ),
    )


# The steps.


def _step(step: Step, known: SaidAtLogin) -> Step:
    return replace(
        step,
        finding=_text(step.finding, known),
        said="" if known.repeated_in(step.said) else step.said,
        raised="" if known.repeated_in(step.raised) else step.raised,
        details=tuple(_text(detail, known) for detail in step.details),
    )


def _arrival(arrival: Arrival | None, known: SaidAtLogin) -> Arrival | None:
    """The arrival without what the host wrote into the mail, and without its folder, where they repeat a secret."""
    if arrival is None:
        return None
    told = [arrival.authserv_id, arrival.sent_from]
    for each in arrival.results:
        told += [each.method, each.result, each.reason, *(value for _, value in each.properties)]
    if any(map(known.repeated_in, told)):
        arrival = replace(arrival, authserv_id="", results=(), sent_from="")
    return replace(arrival, folder=NOT_SHOWN) if known.repeated_in(arrival.folder) else arrival


def _neighbour(each: Neighbour, known: SaidAtLogin) -> Neighbour:
    """Another way: its server may have learnt the secret at an earlier login, and greet with it."""
    if each.error is None or not known.repeated_in(str(each.error)):
        return each
    return replace(each, error=errors.RemoteProtocolError(NOT_SHOWN, stage=each.error.stage, server=each.error.server))


def _text(text: Text, known: SaidAtLogin) -> Text:
    return in_both(NOT_SHOWN) if known.repeated_in(text.fr) or known.repeated_in(text.en) else text
