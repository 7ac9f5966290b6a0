"""Sending of one mail, when it was asked for by name."""

from __future__ import annotations

from time import monotonic

from courriel import errors
from courriel.doctor.step import Step, in_both, with_error
from courriel.failures import Text, language
from courriel.model.address import Address
from courriel.model.messages.message import Message
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Server
from courriel.network.transcripts.transcript import Transcript
from courriel.session.smtp import SmtpSession
from courriel.wire.dkim.key_record import name_of

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.dkim.signer import Signer


def send_one(
    server: Server,
    credentials: Credentials | None,
    sender: Address,
    recipient: Address,
    transcript: Transcript,
    signer: Signer | None = None,
    word: str = "",
) -> tuple[Step, str]:
    """Send a short mail; the step, and the server's answer when it was accepted. `word` stands in its subject.

    With a `signer` it is signed, as all mail of that setting is.
    """
    began = monotonic()
    try:
        with SmtpSession(server, credentials, transcript=transcript) as session:
            message = _message(sender, recipient, server, word)
            receipt = session.send(message) if signer is None else session.submit(signer.signed(message))
    except errors.CourrielError as failed:
        step = Step("send", "failed", in_both(failed.detail), monotonic() - began)
        return with_error(step, failed), ""
    answer = str(receipt.reply)
    finding = Text(f"{recipient} : accepté par {server} ({answer})", f"{recipient}: accepted by {server} ({answer})")
    if signer is not None:
        names = ", ".join(name_of(each, signer.domain) for each in signer.selectors)
        finding = Text(f"{finding.fr}, signé par {names}", f"{finding.en}, signed by {names}")
    return Step("send", "ok", finding, monotonic() - began), answer


# The steps.


def _message(sender: Address, recipient: Address, server: Server, word: str) -> Message:
    if language() == "fr":
        subject = "Essai de courriel doctor"
        text = f"Ce message a été envoyé par « courriel doctor --send », par {server}. Rien n'est à faire."
    else:
        subject = "Trial by courriel doctor"
        text = f'This mail was sent by "courriel doctor --send", by {server}. There is nothing to do.'
    return Message(sender=sender, to=recipient, subject=f"{subject} {word}".rstrip(), text=text)
