"""Mail as bytes: written into Email.Source, read from it, and sent from a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible
from courriel.wlangage.structures.constants import SendOption

if TYPE_CHECKING:
    from courriel import ReadyMessage
    from courriel.wlangage.structures.email import EmailVariable


@email_call(False)
def build_source(email: EmailVariable, options: int = 0) -> bool:
    """Write the mail into its `Source`, for EmailConstruitSource and the method of variables."""
    email.Source = source_of(email, options)
    return True


def source_of(email: EmailVariable, options: int) -> str:
    """The complete mail as it would be sent: header, an empty line, body. Needs no session."""
    from courriel.session.encoding import IN_SEVEN_BITS, submission_of
    from courriel.wlangage.sending.message import message_of

    chosen = send_options(options)
    message = message_of(email)
    source = bytes(submission_of(message, IN_SEVEN_BITS).content).decode("utf-8", "replace")
    if SendOption.HEADER_BCC in chosen and message.bcc:
        shown = ",\r\n ".join(address.wire(utf8=True) for address in message.bcc)
        source = f"Bcc: {shown}\r\n{source}"
    return source


def send_options(options: int) -> SendOption:
    """The options as SendOption. Raises ErreurWLangage for an unknown number."""
    try:
        return SendOption(options)
    except ValueError:
        raise ErreurWLangage(
            f"option d'envoi inconnue : {options!r}", f"unknown option for sending: {options!r}"
        ) from None


def ready_file(path: str | os.PathLike[str]) -> ReadyMessage:
    """A complete mail from a file."""
    from courriel import ReadyMessage

    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would be imported for this alone
            raw = file.read()
    except OSError as missing:
        raise Impossible(
            f"Le fichier « {os.fspath(path)} » ne peut pas être lu : {missing.strerror or missing}.",
            f'The file "{os.fspath(path)}" cannot be read: {missing.strerror or missing}.',
            hint_id="FILE-NOT-FOUND",
        ) from missing
    return ReadyMessage.parse(raw)
