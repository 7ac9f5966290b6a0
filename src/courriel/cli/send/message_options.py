"""Options of `courriel send` for one message, and the message made of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import click

from courriel import errors
from courriel._dataclass import dataclass
from courriel.cli.i18n import say

if TYPE_CHECKING:
    from courriel import Address, Message, ReadyMessage
    from courriel.types import SendArguments

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class MessageOptions:
    """The options of `courriel send`; None where one is not given."""

    sender: str | None = None
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str = ""
    text: str | None = None
    text_file: str | None = None
    html: str | None = None
    html_file: str | None = None
    attach: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    priority: str | None = None
    notify: tuple[str, ...] = ()
    on_refused: Literal["deliver", "abandon"] = "deliver"
    ask: bool = False
    """Whether to ask for a missing text at the terminal."""

    def message(self, usual_sender: Address | None) -> Message:
        """Make the message. Raises InvalidMessage, InvalidAddress, OSError for an unreadable file."""
        from courriel import Message

        sender = self.sender or usual_sender
        if not sender:
            raise errors.InvalidMessage("sender: none was given", stage="compose", hint_id="NO-SENDER")
        if not (self.to or self.cc or self.bcc):
            raise errors.InvalidMessage("no recipient was given", stage="compose", hint_id="NO-RECIPIENT")
        html, page = self.html, self.html_file
        if page == STANDARD_INPUT:
            html, page = read_text(page), None
        return Message(
            sender=sender,
            to=typed_addresses(self.to),
            cc=typed_addresses(self.cc),
            bcc=typed_addresses(self.bcc),
            reply_to=typed_addresses(self.reply_to),
            subject=self.subject,
            text=self._text(),
            html=html or "",
            html_file=page,
            attachments=self.attach,
            priority=self.priority or "normal",
            headers=self.headers,
        )

    def send_arguments(self) -> SendArguments:
        """Send options of the command line, as `send` and `put` take them."""
        from courriel import Notify

        return {
            "notify": [Notify(word.upper()) for word in self.notify],
            "on_refused": self.on_refused,
        }

    # The steps.

    def _text(self) -> str:
        if self.text_file is not None:
            return read_text(self.text_file)
        if self.text is not None and self.text != STANDARD_INPUT:
            return self.text
        if self.text is None and (self.html is not None or self.html_file is not None):
            return ""  # it is made from the HTML
        if self.text is None and _is_terminal():
            if self.attach:
                return ""
            self._ask_for_text()
        text = read_text(STANDARD_INPUT)
        if not text.strip() and not (self.attach or self.html is not None or self.html_file is not None):
            raise click.UsageError(
                say(
                    "aucun texte : l'entrée standard est vide ; --text, --text-file, --html, "
                    'ou --text "" pour un message sans texte',
                    "there is no text: standard input is empty; --text, --text-file, --html, "
                    'or --text "" for a message without text',
                )
            )
        return text

    def _ask_for_text(self) -> None:
        """Ask for the text, read from standard input afterwards. Raises UsageError without a terminal."""
        if not (self.ask and sys.stdin is not None and sys.stderr.isatty()):
            raise click.UsageError(
                say(
                    "aucun texte : --text, --text-file, --html, ou l'entrée standard",
                    "there is no text: --text, --text-file, --html, or standard input",
                )
            )
        print(say("Texte du message, puis Ctrl-D :", "Text of the message, then Ctrl-D:"), file=sys.stderr)


def typed_addresses(texts: Iterable[str]) -> list[Address]:
    """Parse addresses of options such as `--to`, each of which may have several, separated by commas.

    An empty option is an error, for example from an empty variable. Raises InvalidAddress.
    """
    from courriel import Address

    return [each for text in texts for each in Address.parse_list(text) or (Address.parse(text),)]


def read_file(path: str) -> bytes:
    """The bytes of a file, or of standard input for "-". Raises OSError."""
    if path == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib would be imported for this alone
        return file.read()


def read_text(path: str) -> str:
    """The text of a UTF-8 file. Raises OSError, and InvalidMessage for invalid UTF-8."""
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        name = say("l'entrée standard", "standard input") if path == STANDARD_INPUT else path
        raise errors.InvalidMessage(
            say(f"{name} n'est pas en UTF-8 (octet {broken.start})", f"{name} is not UTF-8 (octet {broken.start})"),
            stage="compose",
            hint_id="NON-ASCII-TEXT",
        ) from None


def read_message(path: str) -> ReadyMessage:
    """Parse a complete message from a file. Raises OSError and InvalidMessage."""
    from courriel import ReadyMessage

    octets = read_file(path)
    if path == STANDARD_INPUT and not octets.strip():
        raise click.UsageError(
            say(
                "l'entrée standard est vide : un message complet (.eml) y est attendu",
                "standard input is empty: a whole message (.eml) is expected there",
            )
        )
    return ReadyMessage.parse(octets)


def _is_terminal() -> bool:
    # Under some supervisors there is no standard input at all.
    stdin: object = sys.stdin
    return stdin is None or sys.stdin.isatty()
