"""The base class of all errors: their facts, their look-up in the failure table, their notes."""

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


class Note(str):
    """A note made by this library, told by its type from those that a program added."""

    __slots__ = ()


class Notes:
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

        try:
            courriel.send(message, to="gone@example.org")
        except courriel.CourrielError as error:
            print(error.stage, error.retryable, error.in_doubt)  # recipient False False
            print(error.hint)

    `stage` is the stage of the conversation, `server` the server ("host:port"), `reply` the server's reply, `refused`
    the recipients refused so far, `in_doubt` whether the message may have been delivered all the same, and `message_id`
    the Message-ID of the mail being sent ("" when there is none).
    """

    # Tracebacks and pickles name the package, which programs import; the files of its errors are nobody else's concern.
    __module__ = "courriel.errors"

    session_usable: bool = False
    retry_after: float | None = None
    """Seconds after which the server wants to be asked again; None where it does not say."""
    __notes__ = Notes()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - a list, when it is read

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__.startswith("courriel.errors."):
            cls.__module__ = "courriel.errors"

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

    def _made_notes(self) -> Iterator[Note]:
        """Cause, remedy and what not to do, a note each, in the language of `failures.language()`."""
        try:
            from courriel.failures import language  # noqa: PLC0415
        except ImportError:  # pragma: no cover - the interpreter is going down, and shows its last traceback
            return
        french = language() == "fr"
        for (fr, en), text in ((_CAUSE, self.cause), (_FIX, self.hint), (_DONT, self.advice_against)):
            if text:
                yield Note((fr if french else en) + text)

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
    if isinstance(notes, list) and (added := [note for note in notes if type(note) is not Note]):
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
