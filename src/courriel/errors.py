"""
Every error courriel raises, as one tree:

* CourrielError
    * UsageError (ValueError)       the call cannot be carried out as it stands; nothing was sent
        * InvalidAddress
        * InvalidMessage
        * InvalidServer
        * InvalidUrl
        * KeyReused                     another mail was put into the outbox under this key
        * LetterTooLarge
        * MissingExtra (ImportError)    a part that is installed apart; the text holds the command
    * ConnectionFailed (ConnectionError)    no answer from the server, or the connection was lost
        * NameNotFound
        * TimedOut (TimeoutError)
        * TlsFailed
    * ProtocolError                 a violation of the protocol; the session is closed
        * LocalProtocolError            by the client, noticed in time; nothing was sent
        * RemoteProtocolError           by the server
    * Refused                       the server refused a command; the session stays usable
        * AuthenticationRefused
        * SenderRefused
        * RecipientsRefused
        * MessageRefused
        * MailboxRefused
        * LetterRefused
        * CommandRefused
    * NotSupported                  the server lacks a capability that the call needs
    * TokenRefused                  the authorization server (OAuth 2) gave no token
    * NotPermitted                  the end of the message was held back by the caller; nothing was delivered
    * FolderRenumbered              the folder has another UIDVALIDITY: UIDs known from before are invalid
    * OutboxError                   the outbox could not store a mail, or act on it
        * OutboxFull                    too little disk space; nothing was written
        * OutboxUnreachable             the database server of the outbox does not answer; nothing was written
        * OutboxUncertain               unknown whether the mail was written: put it again with the same key
        * TicketNotFound (LookupError)
        * LeaseLost                     the lease of the mail has passed to another worker
        * NotYet (TimeoutError)         a mail has not reached its end within the time that was waited

Each error answers three questions: may the mail be sent again (`retryable`)? is the session still usable
(`session_usable`)? may the message have been delivered all the same (`in_doubt`)? `hint` is the remedy, for people.

The text of an error names the server. Cause, remedy and what not to do are its notes (PEP 678), so that a traceback, a
test report or a log with `exc_info` shows them; they are looked up when they are first read, and cost nothing before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from courriel.reply import Reply

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from courriel.failures import Facts, Failure, Text

_CAUSE, _FIX, _DONT = ("Cause : ", "Cause: "), ("À faire : ", "Fix: "), ("À éviter : ", "Avoid: ")

Stage: TypeAlias = """Literal[
    "", "compose", "connect", "secure", "greeting", "hello", "authenticate", "sender", "recipient", "data", "message",
    "mailbox", "letter", "goodbye",
]"""
"""The stages of a conversation, in order: ten when mail is sent; when mail is read, "mailbox" and "letter" stand in
place of those from "sender" to "message". "compose" is before any connection, and "" means no particular stage."""


class _Note(str):
    """A note made by this library, told by its type from those that a program added."""

    __slots__ = ()


class _Notes:
    """`__notes__` of an error, looked up in the failure table at the first access.

    The list is kept in the error from then on, where `add_note` finds it.
    """

    def __get__(self, error: CourrielError | None, kind: type) -> object:
        if error is None:
            return self
        notes = [*error._made_notes(), *error.__dict__.pop("_notes_added", ())]  # noqa: SLF001 - a part of that class
        error.__dict__["__notes__"] = notes
        return notes


class CourrielError(Exception):
    """Base class of all errors of this library, with the facts as attributes.

    `stage` is the stage of the conversation, `server` the server ("host:port"), `reply` the server's reply, `refused`
    the recipients refused so far, `in_doubt` whether the message may have been delivered all the same, and `message_id`
    the Message-ID of the mail being sent ("" when there is none).
    """

    session_usable: bool = False
    __notes__ = _Notes()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - a list, when it is read

    def __init__(
        self,
        message: str,
        *,
        stage: Stage = "",
        server: str = "",
        reply: Reply | None = None,
        refused: Mapping[str, Reply] | None = None,
        in_doubt: bool = False,
        hint_id: str = "",
    ) -> None:
        super().__init__(message)
        self.stage: Stage = stage
        self.server = server
        self.reply = reply
        self.refused: dict[str, Reply] = dict(refused or {})
        self.in_doubt = in_doubt
        self.hint_id = hint_id
        self.user = ""
        self.protocol = ""
        self.message_id = ""

    def __str__(self) -> str:
        """Error text with the server, and with the Message-ID while the mail may have been delivered."""
        text = self.detail
        more = [self.server] if self.server and not _names_server(text, self.server) else []
        if self.in_doubt and self.message_id and self.message_id not in text:
            more.append(f"Message-ID {self.message_id}")
        return _with_bracket(text, more, self._ends_with_bracket(text)) if more else text

    @property
    def detail(self) -> str:
        """Error text in one English sentence, without the server."""
        return str(self.args[0]) if self.args else ""

    @property
    def retryable(self) -> bool:
        """Whether the same mail may be sent again later, unchanged; False while it may have been delivered already."""
        if self.in_doubt:
            return False
        known = self.failure
        if known is not None:
            # Some codes contradict their class: the table has a 550 that means "later", and a 421 that means "never".
            return known.retry in ("later", "reconnect")
        return self.reply is not None and self.reply.kind == 4

    @property
    def failure(self) -> Failure | None:
        """Best matching record of the failure table, or None."""
        from courriel import failures  # noqa: PLC0415 - most programs never ask

        return failures.find(self._facts())

    @property
    def hint(self) -> str:
        """Remedy for people, in the language of `failures.language()`; "" when the failure table has none."""
        known = self.failure
        if known is None:
            return ""
        return self._with_names_filled_in(known.fix)

    @property
    def cause(self) -> str:
        """Cause in one sentence for people; "" when the failure table has none."""
        known = self.failure
        if known is None:
            return ""
        return self._with_names_filled_in(known.cause)

    @property
    def advice_against(self) -> str:
        """Common advice that makes the failure worse; often ""."""
        known = self.failure
        return self._with_names_filled_in(known.dont) if known else ""

    @property
    def sysexit(self) -> int:
        """Exit status for a command that ends with this error (sysexits.h)."""
        if self.in_doubt:
            return 69
        return self.failure.sysexit if self.failure else 70

    def _made_notes(self) -> Iterator[_Note]:
        """Cause, remedy and what not to do, a note each, in the language of `failures.language()`."""
        try:
            from courriel.failures import language  # noqa: PLC0415
        except ImportError:  # pragma: no cover - the interpreter is going down, and shows its last traceback
            return
        french = language() == "fr"
        for (fr, en), text in ((_CAUSE, self.cause), (_FIX, self.hint), (_DONT, self.advice_against)):
            if text:
                yield _Note((fr if french else en) + text)

    def _ends_with_bracket(self, text: str) -> bool:
        """Whether the text ends with a bracket of this class, to which the server can be added."""
        return False

    def _with_names_filled_in(self, text: Text) -> str:
        from courriel.failures import language  # noqa: PLC0415

        host, colon, port = self.server.rpartition(":")
        host, port = (host, port) if colon else (self.server, "")
        return text.in_(language(), host=host.strip("[]"), port=port or None, user=self.user, protocol=self.protocol)

    def _facts(self) -> Facts:
        """Facts for the look-up in the failure table."""
        from courriel.failures import Facts  # noqa: PLC0415

        # A server's reply is better evidence than a connection error before or after it.
        chain = list(_chain(self)) if self.reply is None else [self]
        return Facts(
            stage=self.stage,
            # A POP3 or IMAP status word has no code of its own: the tables of SMTP codes do not apply.
            code=self.reply.code if self.reply and not self.reply.word else None,
            enhanced=str(self.reply.enhanced or "") if self.reply else "",
            text=str(self.reply) if self.reply else self.detail,
            exceptions=tuple(name for error in chain for name in _names(error)),
            errno=next(
                (error.errno for error in chain if isinstance(error, OSError) and error.errno is not None), None
            ),
            ssl_reason=next((str(why) for error in chain if (why := getattr(error, "reason", None))), ""),
            verify_code=next((int(code) for error in chain if (code := getattr(error, "verify_code", None))), None),
            hint_id="UNCERTAIN-RESULT" if self.in_doubt and not self.hint_id.endswith("IN-DOUBT") else self.hint_id,
            server=self.server,
        )

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel between worker processes and into the outbox, so they must survive pickling. Pickling drops the
        # cause, so the record that was found through it is stored by its id.
        state = _state_of(self)
        if not state["hint_id"] and self.failure is not None:
            state["hint_id"] = self.failure.id
        return _revive, (type(self), self.args, state)


class UsageError(CourrielError, ValueError):
    """A call that cannot be carried out as it stands; nothing was sent, and the session is unchanged."""

    session_usable = True

    @property
    def retryable(self) -> bool:
        """False: the call or the message has to be changed first."""
        return False

    @property
    def sysexit(self) -> int:
        """65 for an error in the message, 64 for one in the call, unless the failure table says otherwise."""
        return self.failure.sysexit if self.failure else 64


class InvalidAddress(UsageError):
    """Text that is no e-mail address, or an address that cannot be written in this place."""


class InvalidMessage(UsageError):
    """A message that cannot be sent as it is."""


class InvalidServer(UsageError):
    """An invalid value in a server, a trust, a time limit or credentials."""


class InvalidUrl(UsageError):
    """The URL of a mail server that cannot be parsed; the text quotes the part at fault."""


class KeyReused(UsageError):
    """Outbox key that was used before for another mail; nothing of this mail was stored.

    `key` is the key, `ticket` the id of the mail that was put before, `differs` the parts in which the two mails differ
    ("recipients", "Subject", "text", …).
    """

    key: str = ""
    ticket: str = ""
    differs: tuple[str, ...] = ()


class LetterTooLarge(UsageError):
    """A letter above the session's limit for letters in memory; it was not fetched, and can be saved to a file."""


class MissingExtra(UsageError, ImportError):
    """An optional dependency that is not installed; the text holds the command that installs it."""


class ConnectionFailed(CourrielError, ConnectionError):
    """No answer from the server, or a connection that was lost."""

    @property
    def retryable(self) -> bool:
        """True, unless the message may have been delivered, or the failure table says that a setting must change."""
        return not self.in_doubt and (self.failure is None or self.failure.retry != "never")


class NameNotFound(ConnectionFailed):
    """Host name that DNS does not know."""


class TimedOut(ConnectionFailed, TimeoutError):
    """Silence of the server beyond the time limit of the stage, or the end of a deadline."""


class TlsFailed(ConnectionFailed):
    """TLS that could not be negotiated, or a certificate that was not accepted."""


class ProtocolError(CourrielError):
    """Violation of the protocol; the session is closed."""


class LocalProtocolError(ProtocolError):
    """Violation of the protocol by this client, noticed before anything of it was sent."""


class RemoteProtocolError(ProtocolError):
    """Violation of the protocol by the server; its further replies cannot be trusted."""


class Refused(CourrielError):
    """A command that the server understood and refused. The session remains usable."""

    session_usable = True
    reply: Reply

    def __init__(
        self,
        reply: Reply,
        *,
        stage: Stage = "",
        server: str = "",
        refused: Mapping[str, Reply] | None = None,
        about: str = "",
    ) -> None:
        text = f"{reply} ({about})" if about else str(reply)
        super().__init__(text, stage=stage, server=server, reply=reply, refused=refused)
        self.about = about

    def _ends_with_bracket(self, text: str) -> bool:
        return bool(self.about) and text.endswith(")")


class AuthenticationRefused(Refused):
    """Login that the server refused with these credentials.

    `tried` are the mechanisms that were tried, in order, of those that the server `offered`; `judged` are those whose
    proof (password, digest, token) it refused, the others it could not do. `final` says that the refusal ended the
    login at once, because another mechanism would not help or would not be safe.
    """

    tried: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    final: bool = False

    @property
    def untried(self) -> tuple[str, ...]:
        """Mechanisms that the server offered and that were not tried, in its order."""
        return tuple(name for name in self.offered if name not in self.tried)

    @property
    def mechanisms(self) -> Text:
        """The mechanisms that were tried, and those that were offered and not tried, for people in both languages."""
        from courriel.failures import Text  # noqa: PLC0415

        tried, untried = ", ".join(self.tried), ", ".join(self.untried)
        if not untried:
            return Text(f"{tried} ; aucun autre n'est proposé", f"{tried}; no other is offered")
        return Text(f"{tried} ; proposés mais non essayés : {untried}", f"{tried}; offered but not tried: {untried}")

    def _made_notes(self) -> Iterator[_Note]:
        if self.tried:
            from courriel.failures import language  # noqa: PLC0415

            french, mechanisms = language() == "fr", self.mechanisms
            yield _Note(f"Essayé : {mechanisms.fr}" if french else f"Tried: {mechanisms.en}")
        yield from super()._made_notes()


class SenderRefused(Refused):
    """Sender that the server does not accept mail from (MAIL)."""


class RecipientsRefused(Refused):
    """No recipient accepted by the server, or not all of them when all or none was asked for (RCPT)."""


class MessageRefused(Refused):
    """Message that the server refused after it had accepted the envelope."""


class MailboxRefused(Refused):
    """Mailbox that cannot be opened although the login was right: in use by another client, or opened too recently."""


class LetterRefused(Refused):
    """Letter that the server did not hand out, or did not mark for deletion."""


class CommandRefused(Refused):
    """Any other command that the server refused."""


class NotSupported(CourrielError):
    """A capability that the server lacks (`capability` is its name). Nothing was sent."""

    session_usable = True

    def __init__(
        self, message: str, *, capability: str, stage: Stage = "", server: str = "", hint_id: str = ""
    ) -> None:
        super().__init__(message, stage=stage, server=server, hint_id=hint_id)
        self.capability = capability

    @property
    def retryable(self) -> bool:
        """False: the same server will lack the same capability tomorrow."""
        return False


class TokenRefused(CourrielError):
    """Refusal of an authorization server (OAuth 2) to give a token; `code` is its error, as "invalid_grant"."""

    code: str = ""


class NotPermitted(CourrielError):
    """End of a message that the caller's guard did not permit; the connection was cut, and nothing was delivered."""


class FolderRenumbered(CourrielError):
    """Folder whose letters were renumbered (another UIDVALIDITY): it is unknown which of them are new."""

    session_usable = True


class OutboxError(CourrielError):
    """Failure of the outbox to store a mail or to act on it; sessions are not affected."""

    session_usable = True
    _status = 74

    @property
    def sysexit(self) -> int:
        """74 for a disk error, 73 for no room, 66 for a mail or an outbox that is not there, 65 for damage."""
        return self.failure.sysexit if self.failure else self._status

    def _facts(self) -> Facts:
        """Facts for the look-up: an outbox names its record itself, because the others tell of servers and mails."""
        from courriel.failures import Facts  # noqa: PLC0415

        return Facts(hint_id=self.hint_id)


class OutboxFull(OutboxError):
    """No room for this mail in the outbox; nothing of it was written, and it can be put again once there is room."""

    _status = 73

    @property
    def retryable(self) -> bool:
        """True: the mail can be put once there is room."""
        return True


class OutboxUncertain(OutboxError):
    """Disk error during the write, which leaves unknown whether the mail was stored.

    Reopen the outbox and put the mail again with the same key: then it is stored once, in either case.
    """

    @property
    def retryable(self) -> bool:
        """True, with the same key."""
        return True


class OutboxUnreachable(OutboxError):
    """The database server of an outbox cannot be reached, or is not ready yet; nothing was written."""

    _status = 75

    @property
    def retryable(self) -> bool:
        """True: the database server may be back later."""
        return True


class TicketNotFound(OutboxError, LookupError):
    """Ticket id without a mail in this outbox; it may have been pruned."""

    _status = 66


class LeaseLost(OutboxError):
    """Lease of a mail that has passed to another worker or was taken back: the former holder must stop."""


class NotYet(OutboxError, TimeoutError):
    """A mail without a final state at the end of the wait; its delivery goes on all the same."""


def copy(error: CourrielError) -> CourrielError:
    """Copy of an error, with the same cause, for another message that failed by the same event."""
    twin = _revive(type(error), error.args, _state_of(error))
    twin.__cause__, twin.__suppress_context__ = error.__cause__ or error.__context__, True
    return twin


# The steps.


def _state_of(error: CourrielError) -> dict[str, object]:
    """Attributes of an error for a copy: of its notes only those that a program added, for the others are looked up."""
    state = dict(error.__dict__)
    notes = state.pop("__notes__", None)
    if isinstance(notes, list) and (added := [note for note in notes if type(note) is not _Note]):
        state["_notes_added"] = added
    return state


def _names_server(text: str, server: str) -> bool:
    return server in text or text.startswith(f"{server.rpartition(':')[0] or server}:")


def _with_bracket(text: str, more: list[str], is_open: bool) -> str:
    names = ", ".join(more)
    return f"{text[:-1]}, {names})" if is_open else f"{text} ({names})"


def _revive(kind: type[CourrielError], args: tuple[object, ...], state: dict[str, object]) -> CourrielError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, most recent first, at most ten in case the chain is a cycle."""
    seen = 0
    link: BaseException | None = error
    while link is not None and seen < 10:
        yield link
        seen += 1
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _names(error: BaseException) -> Iterator[str]:
    """Names by which the failure table may know an error: its class and its base classes."""
    for kind in type(error).__mro__:
        if kind in (Exception, BaseException, object):
            break
        yield kind.__name__
        if kind.__module__ in ("ssl", "socket"):
            yield f"{kind.__module__}.{kind.__name__}"
