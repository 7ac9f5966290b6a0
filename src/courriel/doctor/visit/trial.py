"""Trial mail: sent when it was asked for, and looked for in a mailbox that was opened before it left."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from time import monotonic

from courriel import errors
from courriel._dataclass import dataclass
from courriel.delivery.urls.route import Route
from courriel.doctor.step import Step, in_both, with_error
from courriel.doctor.visit.arrival import Arrival, AwaitingMailbox
from courriel.doctor.visit.result_steps import result_steps
from courriel.doctor.visit.sending import send_one
from courriel.model.address import Address
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Server
from courriel.network.transcripts.transcript import Transcript

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.dkim.signer import Signer

WAIT = 120.0
"""Seconds that the mail may take; greylisting makes it take more, and nothing else should."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Trial that is wished for: the recipient, and the mailbox in which the mail is looked for (None: nowhere)."""

    recipient: Address
    mailbox: Route | None = None
    wait: float = WAIT
    remove: bool = False


@dataclass(frozen=True, slots=True)
class TrialResult:
    """Steps of a trial, the answer of the server that took the mail, and the mail's arrival."""

    steps: tuple[Step, ...] = ()
    accepted: str = ""
    arrival: Arrival | None = None


def run_trial(
    trial: Trial,
    sender: Address,
    send: tuple[Server, Credentials | None, Transcript, Signer | None],
    hurried: Callable[[Server], Server],
    kept: Callable[[Credentials | None], Credentials | None],
) -> TrialResult:
    """Send the mail and follow it. `hurried` gives a server the doctor's time limits, `kept` remembers its secrets."""
    server, credentials, transcript, signer = send
    if trial.mailbox is None:
        step, accepted = send_one(server, credentials, sender, trial.recipient, transcript, signer)
        return TrialResult((step,), accepted)
    began = monotonic()
    try:
        mailbox = AwaitingMailbox(hurried(trial.mailbox.server_to_reach()), kept(trial.mailbox.credentials()))
    except errors.CourrielError as unreadable:
        failed = Step("mailbox", "failed", in_both(unreadable.detail), monotonic() - began)
        return TrialResult((with_error(failed, unreadable),))
    opened = mailbox.open()
    if opened.status == "failed":
        return TrialResult((opened,))  # nothing is sent that nobody could look for
    try:
        word = secrets.token_hex(8)
        sent, accepted = send_one(server, credentials, sender, trial.recipient, transcript, signer, word)
        if not accepted:
            return TrialResult((opened, sent))
        arrived, arrival = mailbox.wait(word, trial.wait, remove=trial.remove)
    finally:
        mailbox.close()
    checked = result_steps(arrival, sender.domain) if arrival else ()
    return TrialResult((opened, sent, arrived, *checked), accepted, arrival)
