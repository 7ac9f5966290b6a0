"""Sending by `courriel send`: one route, one session for all messages, one report."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import replace
from courriel.cli.i18n import say, transcript_line
from courriel.cli.password_prompt import with_password
from courriel.cli.reporting import CommandReport
from courriel.cli.send.message_options import MessageOptions, read_message, typed_addresses

if TYPE_CHECKING:
    from courriel import Message, ReadyMessage, Receipt, Route, SmtpSession, Transcript
    from courriel.cli.command import GlobalOptions


class Mailing:
    """Sends the messages of one command line."""

    def __init__(self, manner: GlobalOptions, via: str | None, timeout: float | None, transcript: bool) -> None:
        self._manner = manner
        self._via = via
        self._timeout = timeout
        self._report = CommandReport(manner)
        self._session: SmtpSession | None = None
        self._handing_over = False  # whether the current message may have been sent
        self._transcript = self._new_transcript() if transcript else None

    def run(self, files: tuple[str, ...], wishes: MessageOptions) -> int:
        """Send the files, or the message made of the options, and return the exit status."""
        try:
            route = self._route()
            route.say_warnings()
            messages = self._read(files) if files else [("", wishes.message(route.sender))]
            for name, message in messages:
                self._send_one(route, name, message, wishes, finished=bool(files))
        finally:
            self._close()
        return self._report.status

    # The steps.

    def _route(self) -> Route:
        """The route, with the time limit of the command line."""
        from courriel import Timeouts
        from courriel.delivery.settings.profiles import resolve

        route = with_password(resolve(self._via), ask=self._manner.ask)
        if self._timeout is None:
            return route
        limits = Timeouts.silence(self._timeout)
        return route.changed(
            lambda each: each if each.server is None else replace(each, server=replace(each.server, timeouts=limits))
        )

    def _read(self, files: Iterable[str]) -> Iterator[tuple[str, ReadyMessage]]:
        """Parse the files; an unreadable one is reported, and the others are still sent."""
        for path in files:
            try:
                yield path, read_message(path)
            except errors.CourrielError as error:
                self._report.failed(error, file=path)
            except OSError as error:
                self._report.system(error)

    def _send_one(
        self, route: Route, file: str, message: Message | ReadyMessage, wishes: MessageOptions, *, finished: bool
    ) -> None:
        try:
            to = wishes.to if finished and wishes.to else None
            receipt = self._send(route, message, wishes, sender=wishes.sender if finished else None, to=to)
        except errors.CourrielError as error:
            self._report.failed(
                error,
                file=file,
                to=_recipients(message, wishes),
                message_id=message.message_id,
                setting=route.source,
            )
        except KeyboardInterrupt:
            if self._handing_over:
                self._report.aside(
                    say(
                        f"Interrompu pendant l'envoi : il est peut-être parti ; pas renvoyé ({message.message_id}).",
                        f"Interrupted while sending: it may have left; not resent ({message.message_id}).",
                    )
                )
            raise
        else:
            self._report.accepted(receipt, file)

    def _send(
        self,
        route: Route,
        message: Message | ReadyMessage,
        wishes: MessageOptions,
        *,
        sender: str | None,
        to: tuple[str, ...] | None,
    ) -> Receipt:
        from courriel import send
        from courriel.delivery.signing_routes import signed_by

        self._handing_over = False
        options = wishes.send_arguments()
        if sender is not None:
            options["sender"] = sender
        if to is not None:
            options["to"] = typed_addresses(to)
        if route.ways:
            self._handing_over = route.leaves
            return send(message, via=route, transcript=self._transcript, **options)
        if not route.by_session:
            # A transport that prints the message must not write between two JSON objects.
            with redirect_stdout(sys.stderr) if self._manner.json else nullcontext():
                self._handing_over = route.leaves
                return send(message, via=route, **options)
        if route.pooled:
            # The pool's rate applies to all messages of this command.
            self._handing_over = True
            return send(message, via=route, transcript=self._transcript, **options)
        session = self._open(route)
        self._handing_over = True
        return send(message, via=signed_by(route, session), **options)

    def _open(self, route: Route) -> SmtpSession:
        """The session, opened on first use, and again after an error that ended it."""
        from courriel import SmtpSession

        if self._session is None:
            self._session = SmtpSession(
                route.server_to_reach(),
                route.credentials(),
                max_messages=route.max_messages or None,
                transcript=self._transcript,
            )
        if not self._session.usable:
            self._session.open()
        return self._session

    @staticmethod
    def _new_transcript() -> Transcript:
        from courriel import Transcript

        return Transcript()

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
        if self._transcript is not None:
            for line in self._transcript:
                print(transcript_line(line), file=sys.stderr)


def _recipients(message: Message | ReadyMessage, wishes: MessageOptions) -> list[str]:
    """The recipients, as far as they can be parsed."""
    try:
        addresses = typed_addresses(wishes.to) if wishes.to and not wishes.cc else message.recipients
    except errors.CourrielError:
        return []
    return [address.spec for address in addresses]
