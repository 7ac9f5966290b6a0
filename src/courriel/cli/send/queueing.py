"""`courriel send --queue`: put messages into the outbox, for a worker to send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import dataclass
from courriel.cli.i18n import say
from courriel.cli.outbox.words import open_outbox
from courriel.cli.reporting import CommandReport
from courriel.cli.send.message_options import MessageOptions, read_message, typed_addresses

if TYPE_CHECKING:
    from courriel import Message, Outbox, ReadyMessage
    from courriel.cli.command import GlobalOptions


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """Options for the outbox; `key` makes it safe to repeat the command."""

    place: str | None
    key: str | None
    on_unsure: str
    references: bool = False
    elsewhere: bool = False
    """Whether `--via` may be a name that only the workers of another machine know."""


def queue(
    manner: GlobalOptions, via: str | None, files: tuple[str, ...], wishes: MessageOptions, terms: QueueOptions
) -> int:
    """Put the messages into the outbox; returns the exit status: 0 when they are on disk."""
    if not terms.elsewhere:
        from courriel.delivery.settings.profiles import resolve

        resolve(via)  # a name that is unknown here is a slip of the pen
    report = CommandReport(manner)
    with open_outbox(terms.place, references=terms.references) as outbox:
        for name, message in _read(report, files) if files else _composed_messages(wishes, via):
            try:
                _put(report, outbox, name, message, via, wishes if files else None, wishes, terms)
            except errors.CourrielError as error:
                report.failed(error, file=name, message_id=message.message_id)
    return report.status


# The steps.


def _composed_messages(wishes: MessageOptions, via: str | None) -> Iterator[tuple[str, Message]]:
    from courriel.delivery.settings.profiles import resolve

    yield "", wishes.message(None if wishes.sender else resolve(via).sender)


def _read(report: CommandReport, files: Iterable[str]) -> Iterator[tuple[str, ReadyMessage]]:
    for path in files:
        try:
            yield path, read_message(path)
        except errors.CourrielError as error:
            report.failed(error, file=path)
        except OSError as error:
            report.system(error)


def _put(
    report: CommandReport,
    outbox: Outbox,
    file: str,
    message: Message | ReadyMessage,
    via: str | None,
    envelope: MessageOptions | None,
    wishes: MessageOptions,
    terms: QueueOptions,
) -> None:
    options = wishes.send_arguments()
    if envelope is not None:
        options["sender"] = envelope.sender
        options["to"] = typed_addresses(envelope.to) if envelope.to else None
    ticket = outbox.put(
        message, via=via, key=terms.key, on_unsure=terms.on_unsure, priority=wishes.priority or "normal", **options
    )
    info = ticket.info
    document: dict[str, object] = {"ok": True, "ticket": info.id, "key": info.key, "state": info.state.name.lower(),
            "existed": ticket.existed, "message_id": info.message_id, "file": file or None, "sysexit": 0}  # fmt: skip
    if report.values(document):
        return
    where = f"{file}{say(' : ', ': ')}" if file else ""
    if ticket.existed:
        report.line(where + say(f"déjà dans la boîte d'envoi ({info.id})", f"already there ({info.id})"))
        return
    report.line(where + say(f"dans la boîte d'envoi ({info.id})", f"in the outbox ({info.id})"))
