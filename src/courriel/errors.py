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
    * ConnectionFailed (ConnectionError)    nobody answered, or the line broke
        * NameNotFound
        * TimedOut (TimeoutError)
        * TlsFailed
    * ProtocolError                 somebody broke the rules; the session is finished
        * LocalProtocolError            we were about to; nothing was sent
        * RemoteProtocolError           the server did
    * Refused                       the server understood, and said no; the session goes on
        * AuthenticationRefused
        * SenderRefused
        * RecipientsRefused
        * MessageRefused
        * MailboxRefused
        * LetterRefused
        * CommandRefused
    * NotSupported                  the server cannot do what was asked
    * NotPermitted                  we held the end of the message back; nothing was delivered
    * FolderRenumbered              letters of a folder have other numbers now: nothing known of them holds
    * OutboxError                   the outbox could not keep a mail, or do what was asked with it
        * OutboxFull                    there is no room for it; nothing was written
        * OutboxUnreachable             the server of an outbox does not answer; nothing was written
        * OutboxUncertain               nobody knows whether it was written: put it again with the same key
        * TicketNotFound (LookupError)
        * LeaseLost                     somebody else has the mail by now
        * NotYet (TimeoutError)         a mail has not reached its end within the time that was waited

Each one answers three questions: may I retry (`retryable`)? is the session still good (`session_usable`)?
could the message have left anyway (`in_doubt`)? And it says what a person can do (`hint`).

The text of an error names the server. Cause, remedy and what not to do are its notes (PEP 678), so that a traceback, a
test report or a log with `exc_info` shows them; they are looked up when somebody reads them, and cost nothing before.
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
"""The moments of a conversation, in their order: ten of them when mail is sent, and "mailbox" and "letter" in place of
those from "sender" to "message" when it is read. "compose" is before them, and "" is nowhere in particular."""


class _Note(str):
    """A note of our own making, told apart from those that a program added."""

    __slots__ = ()


class _Notes:
    """`__notes__` of an error, looked up in the failure table when somebody reads them for the first time.

    The list is kept in the error from then on, where `add_note` finds it.
    """

    def __get__(self, error: CourrielError | None, kind: type) -> object:
        if error is None:
            return self
        notes = [*error._notes_made(), *error.__dict__.pop("_notes_added", ())]
        error.__dict__["__notes__"] = notes
        return notes


class CourrielError(Exception):
    """Something went wrong with mail, and here are the facts.

    `stage` is the moment of the conversation, `server` whom we spoke to ("host:port"), `reply` the server's own words,
    `refused` the recipients that had been refused by then, `in_doubt` whether the message may have left all the same,
    and `message_id` the Message-ID of the mail that was being sent ("" when there was none).
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
        """What happened, and to whom we spoke; while the mail may have left, its Message-ID as well."""
        text = self.detail
        more = [self.server] if self.server and not _names_server(text, self.server) else []
        if self.in_doubt and self.message_id and self.message_id not in text:
            more.append(f"Message-ID {self.message_id}")
        return _with_place(text, more, self._place_open(text)) if more else text

    @property
    def detail(self) -> str:
        """What happened, in one sentence of English: the text of the error without the server."""
        return str(self.args[0]) if self.args else ""

    @property
    def retryable(self) -> bool:
        """Whether the same mail may be sent again later, unchanged; never so while it may have left already."""
        if self.in_doubt:
            return False
        known = self.failure
        if known is not None:
            # Some codes lie about their kind: the table knows a 550 that means "later", and a 421 that means "never".
            return known.retry in ("later", "reconnect")
        return self.reply is not None and self.reply.kind == 4

    @property
    def failure(self) -> Failure | None:
        """The record of the failure table that this error matches best."""
        from courriel import failures  # noqa: PLC0415 - most programs never ask

        return failures.find(self._facts())

    @property
    def hint(self) -> str:
        """What a person can do about it, in the language of `failures.language()`; empty when nobody knows."""
        known = self.failure
        if known is None:
            return ""
        return self._filled(known.fix)

    @property
    def cause(self) -> str:
        """What is really wrong, in one sentence for people; empty when nobody knows."""
        known = self.failure
        if known is None:
            return ""
        return self._filled(known.cause)

    @property
    def advice_against(self) -> str:
        """The advice found everywhere that makes it worse; often empty."""
        known = self.failure
        return self._filled(known.dont) if known else ""

    @property
    def sysexit(self) -> int:
        """The exit status a command should end with (sysexits.h)."""
        if self.in_doubt:
            return 69
        return self.failure.sysexit if self.failure else 70

    def _notes_made(self) -> Iterator[_Note]:
        """Cause, remedy and what not to do, a note each, in the language of `failures.language()`."""
        try:
            from courriel.failures import language  # noqa: PLC0415
        except ImportError:  # pragma: no cover - the interpreter is going down, and shows its last traceback
            return
        french = language() == "fr"
        for (fr, en), text in ((_CAUSE, self.cause), (_FIX, self.hint), (_DONT, self.advice_against)):
            if text:
                yield _Note((fr if french else en) + text)

    def _place_open(self, text: str) -> bool:
        """Whether the text ends with a bracket of ours, in which the server may stand as well."""
        return False

    def _filled(self, text: Text) -> str:
        from courriel.failures import language  # noqa: PLC0415

        host, colon, port = self.server.rpartition(":")
        host, port = (host, port) if colon else (self.server, "")
        return text.in_(language(), host=host.strip("[]"), port=port or None, user=self.user, protocol=self.protocol)

    def _facts(self) -> Facts:
        """What the failure table is asked with."""
        from courriel.failures import Facts  # noqa: PLC0415

        # What the server said counts for more than what the line did before or after.
        chain = list(_chain(self)) if self.reply is None else [self]
        return Facts(
            stage=self.stage,
            # Where there is a word in place of a code, no table of codes holds.
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
        )

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel between worker processes and into the outbox: they must survive pickling. The cause does not
        # survive it by itself, so the record that it pointed to is named outright.
        state = _state_of(self)
        if not state["hint_id"] and self.failure is not None:
            state["hint_id"] = self.failure.id
        return _revive, (type(self), self.args, state)


class UsageError(CourrielError, ValueError):
    """The call cannot be carried out as it stands; nothing was sent, and the session is as it was."""

    session_usable = True

    @property
    def retryable(self) -> bool:
        """Never: something has to be changed first."""
        return False

    @property
    def sysexit(self) -> int:
        """65 for what the message says, 64 for how the call was made, unless the failure table knows better."""
        return self.failure.sysexit if self.failure else 64


class InvalidAddress(UsageError):
    """This is not an e-mail address, or not one that can be written here."""


class InvalidMessage(UsageError):
    """The message cannot be sent as it is."""


class InvalidServer(UsageError):
    """A server, a trust or a time limit that cannot be meant."""


class InvalidUrl(UsageError):
    """The URL of a mail server cannot be read; the text quotes the part at fault."""


class KeyReused(UsageError):
    """Another mail was put into the outbox under this key before; nothing of this one was kept.

    `key` is the key, `ticket` the id of the mail that was put before, `differs` what the two do not have in common
    ("recipients", "Subject", "text", …).
    """

    key: str = ""
    ticket: str = ""
    differs: tuple[str, ...] = ()


class LetterTooLarge(UsageError):
    """A letter is larger than what the session takes into memory; it was not asked for, and can be saved to a file."""


class MissingExtra(UsageError, ImportError):
    """A part of courriel that is installed apart is missing; the text holds the command that installs it."""


class ConnectionFailed(CourrielError, ConnectionError):
    """Nobody answered, or the line broke."""

    @property
    def retryable(self) -> bool:
        """Yes, unless the message may have left, or the failure table says that something must be changed first."""
        return not self.in_doubt and (self.failure is None or self.failure.retry != "never")


class NameNotFound(ConnectionFailed):
    """The server's name means nothing to the name service."""


class TimedOut(ConnectionFailed, TimeoutError):
    """The server was silent for longer than we were ready to wait, or the total deadline is over."""


class TlsFailed(ConnectionFailed):
    """The secure channel could not be established, or did not lead to whom it should."""


class ProtocolError(CourrielError):
    """Somebody broke the rules of the protocol; the session is finished."""


class LocalProtocolError(ProtocolError):
    """We were about to break the rules; nothing of it was sent."""


class RemoteProtocolError(ProtocolError):
    """The server broke the rules; nothing it says can be trusted any further."""


class Refused(CourrielError):
    """The server understood, and said no. The session remains usable."""

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

    def _place_open(self, text: str) -> bool:
        return bool(self.about) and text.endswith(")")


class AuthenticationRefused(Refused):
    """The server did not accept these credentials.

    `tried` are the mechanisms that were tried, in order, of those that the server `offered`; `judged` are those whose
    proof (password, digest, token) it refused, the others it could not do. `final` says that the refusal ended the
    login at once, because another mechanism would not help or would not be safe.
    """

    tried: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    final: bool = False


class SenderRefused(Refused):
    """The server does not accept mail from this sender."""


class RecipientsRefused(Refused):
    """The server accepted none of the recipients, or fewer than all where all or none was asked for."""


class MessageRefused(Refused):
    """The server accepted the envelope but not the message."""


class MailboxRefused(Refused):
    """The login was right, but the mailbox cannot be opened now: somebody else has it open, or came too soon again."""


class LetterRefused(Refused):
    """The server did not give this letter, or would not mark it for deletion."""


class CommandRefused(Refused):
    """The server refused a command that is none of the above."""


class NotSupported(CourrielError):
    """The server cannot do what was asked; `capability` names what it lacks. Nothing was sent."""

    session_usable = True

    def __init__(
        self, message: str, *, capability: str, stage: Stage = "", server: str = "", hint_id: str = ""
    ) -> None:
        super().__init__(message, stage=stage, server=server, hint_id=hint_id)
        self.capability = capability

    @property
    def retryable(self) -> bool:
        """No: the same server will lack the same thing tomorrow."""
        return False


class NotPermitted(CourrielError):
    """Whoever had to permit the end of the message did not; the line was cut before it, and nothing was delivered."""


class FolderRenumbered(CourrielError):
    """The letters of a folder have other numbers now (another UIDVALIDITY): which are new cannot be told any more."""

    session_usable = True


class OutboxError(CourrielError):
    """The outbox could not keep a mail, or do what was asked with it; no session is the worse for it."""

    session_usable = True
    _status = 74

    @property
    def sysexit(self) -> int:
        """74 for what the disk refused, 73 when there is no room, 66 for a mail that is not there."""
        return self.failure.sysexit if self.failure else self._status


class OutboxFull(OutboxError):
    """There is no room for this mail, and nothing of it was written; it can be put again when there is."""

    _status = 73

    @property
    def retryable(self) -> bool:
        """Yes, once there is room."""
        return True


class OutboxUncertain(OutboxError):
    """The disk failed in the moment of writing, and nobody knows whether it was written.

    Reopen the outbox and put the mail again with the same key: then there is one of it, whatever happened.
    """

    @property
    def retryable(self) -> bool:
        """Yes, with the same key."""
        return True


class OutboxUnreachable(OutboxError):
    """The database server of an outbox cannot be reached, or is not ready yet; nothing was written."""

    _status = 75

    @property
    def retryable(self) -> bool:
        """Yes, once it is back."""
        return True


class TicketNotFound(OutboxError, LookupError):
    """There is no such mail in this outbox; it may have been pruned."""

    _status = 66


class LeaseLost(OutboxError):
    """Somebody else has this mail by now, or it was taken back: whoever had it must not go on with it."""


class NotYet(OutboxError, TimeoutError):
    """A mail has not reached its end within the time that was waited for it; it goes on all the same."""


def copy(error: CourrielError) -> CourrielError:
    """The same error once more, for another message that it befell; with the same cause."""
    twin = _revive(type(error), error.args, _state_of(error))
    twin.__cause__, twin.__suppress_context__ = error.__cause__ or error.__context__, True
    return twin


# The steps.


def _state_of(error: CourrielError) -> dict[str, object]:
    """The attributes of an error for a copy of it: of its notes those that a program added, for ours are looked up."""
    state = dict(error.__dict__)
    notes = state.pop("__notes__", None)
    if isinstance(notes, list) and (added := [note for note in notes if type(note) is not _Note]):
        state["_notes_added"] = added
    return state


def _names_server(text: str, server: str) -> bool:
    return server in text or text.startswith(f"{server.rpartition(':')[0] or server}:")


def _with_place(text: str, more: list[str], is_open: bool) -> str:
    place = ", ".join(more)
    return f"{text[:-1]}, {place})" if is_open else f"{text} ({place})"


def _revive(kind: type[CourrielError], args: tuple[object, ...], state: dict[str, object]) -> CourrielError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, most recent first; never more than ten, in case somebody tied a knot."""
    seen = 0
    link: BaseException | None = error
    while link is not None and seen < 10:
        yield link
        seen += 1
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _names(error: BaseException) -> Iterator[str]:
    """The names that the failure table may know an error by: its class and those it descends from."""
    for kind in type(error).__mro__:
        if kind in (Exception, BaseException, object):
            break
        yield kind.__name__
        if kind.__module__ in ("ssl", "socket"):
            yield f"{kind.__module__}.{kind.__name__}"
