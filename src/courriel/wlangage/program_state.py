"""State of the WLangage functions: sessions by name, time-out, mode, and the context of each thread or task.

Sessions, time-out and mode belong to the program: every thread sees them. The structure `Email` and the last error
belong to the context: each thread and each asyncio task has its own.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock, allocate_lock, get_ident
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from weakref import WeakSet, ref

from courriel.failures import Language, language
from courriel.wlangage.problem import ErreurWLangage, Problem

if TYPE_CHECKING:
    from asyncio import Task

    from courriel import Route, Server, Signed, SmtpSession, Timeouts, Trust
    from courriel.types import Connected, Credentials
    from courriel.wlangage.mailboxes.open_mailbox import OpenMailbox

Owner: TypeAlias = "int | ref[Task[object]]"
"""A thread id, or a task."""

TEN_MINUTES = 600.0
_CONNECTING = 30.0  # seconds; without a time-out set, so that a blocked port does not look like a hang


class Half(Protocol):
    """A session under a name: for sending, or for reading."""

    def close(self) -> None:
        """Close the session, once no call is using it."""
        ...

    def change_timeouts(self, timeouts: Timeouts) -> None:
        """Replace the time limits from now on."""
        ...

    def renew_turn(self) -> None:
        """Renew the lock, in a process that was just forked."""
        ...


class Redirection(Protocol):
    """Other servers in the place of those that a program names."""

    def place_of(self, request: Any) -> tuple[Server, Credentials | None]:
        """The server and the login in the place of those of a Request."""
        ...

    def route_to_send(self) -> Route | None:
        """The setting by which mail leaves, where it is no server whose session a login of the program may open."""
        ...

    def signed(self, session: SmtpSession) -> SmtpSession | Signed:
        """The transport by which mail leaves: the session, or one that signs around it, where the setting says so."""
        ...


class OpenSession:
    """An open session for sending; threads that share it take turns.

    `way` is the transport by which mail leaves; `smtp` is its session, None where it has none, or several.
    """

    def __init__(self, smtp: SmtpSession | None, way: Connected) -> None:
        self.smtp, self.way = smtp, way
        self.renew_turn()

    def renew_turn(self) -> None:
        """Renew the lock, in a process that was just forked: its holder is a thread of the parent."""
        self.turn = RLock()

    def close(self) -> None:
        """Close the session, once no call is sending."""
        with self.turn:
            (self.smtp or self.way).close()

    def change_timeouts(self, timeouts: Timeouts) -> None:
        """Replace the time limits of the session from now on; without one, those of the setting stay."""
        if self.smtp is not None:
            self.smtp.change_timeouts(timeouts)


@dataclass(slots=True)
class Context:
    """State of one thread or one task."""

    owner: Owner
    email: dict[str, object] = field(default_factory=dict)
    problem: Problem | None = None


class ProgramState:
    """State of the whole program."""

    def __init__(self) -> None:
        self.mode: int | None = None
        """emailParamètreMode; None before the program sets it: the system's store, then the bundled authorities."""
        self.language: Language | None = None
        self.elsewhere: Redirection | None = None
        self.line_end = "\n"
        """What ends the lines of a text that was read: Python's, or RC while a program of the WLangage runs."""
        self._seconds: float | None = None
        self._sending: dict[str, OpenSession] = {}
        self._reading: dict[str, OpenMailbox] = {}
        self._open: WeakSet[Half] = WeakSet()
        self._lock = allocate_lock()

    def after_fork(self) -> None:
        """Renew the locks that another thread of the parent may have held."""
        self._lock = allocate_lock()
        for half in list(self._open):
            half.renew_turn()

    # Sessions.

    def keep(self, half: OpenSession | OpenMailbox, name: str | None = None) -> None:
        """Register a session, so that a new time-out reaches it; with its name, if it has one."""
        with self._lock:
            self._open.add(half)
            if name is None:
                return
            if isinstance(half, OpenSession):
                self._sending[name] = half
            else:
                self._reading[name] = half

    def take(self, name: str, *, sending: bool = True, reading: bool = True) -> list[Half]:
        """Remove and return the sessions of that name, to be closed."""
        with self._lock:
            halves: list[Half | None] = []
            if sending:
                halves.append(self._sending.pop(name, None))
            if reading:
                halves.append(self._reading.pop(name, None))
        return [half for half in halves if half is not None]

    @property
    def names(self) -> set[str]:
        """Names of open sessions."""
        return {*self._sending, *self._reading}

    def sending(self, name: str) -> OpenSession:
        """The session for sending of that name. Raises ErreurWLangage, suggesting a similar name."""
        session = self._sending.get(name)
        if session is not None:
            return session
        hint_fr, hint_en = _similar(name, self._sending)
        raise ErreurWLangage(
            f"aucune session d'envoi n'est ouverte sous le nom « {name} » : ouvrez-la avec EmailOuvreSessionSMTP, et "
            f"vérifiez que le résultat est Vrai.{hint_fr}",
            f'no session for sending is open under the name "{name}": open it with EmailStartSMTPSession, and check '
            f"that the result is True.{hint_en}",
        )

    def reading(self, name: str) -> OpenMailbox:
        """The session for reading of that name. Raises ErreurWLangage, suggesting a similar name."""
        mailbox = self._reading.get(name)
        if mailbox is not None:
            return mailbox
        hint_fr, hint_en = _similar(name, self._reading)
        raise ErreurWLangage(
            f"aucune session de lecture n'est ouverte sous le nom « {name} » : SMTP ne sait qu'envoyer. Ouvrez-la avec "
            f"EmailOuvreSessionPOP3 ou EmailOuvreSessionIMAP, et vérifiez que le résultat est Vrai.{hint_fr}",
            f'no session for reading is open under the name "{name}": SMTP can only send. Open it with '
            f"EmailStartPOP3Session or EmailStartIMAPSession, and check that the result is True.{hint_en}",
        )

    # Settings.

    @property
    def seconds(self) -> float:
        """The time-out in seconds, for each wait."""
        return TEN_MINUTES if self._seconds is None else self._seconds

    @property
    def timeouts(self) -> Timeouts:
        """The time-out as Timeouts."""
        from courriel import Timeouts

        if self._seconds is None:
            return Timeouts.silence(TEN_MINUTES, connect=_CONNECTING)
        return Timeouts.silence(self._seconds)

    @contextmanager
    def with_line_end(self, line_end: str) -> Generator[None]:
        """Another end for the lines of texts that are read."""
        before, self.line_end = self.line_end, line_end
        try:
            yield
        finally:
            self.line_end = before

    def be_patient(self, seconds: float) -> None:
        """Set the time-out in seconds, for open sessions too."""
        self._seconds = seconds
        with self._lock:
            known = list(self._open)
        for session in known:
            session.change_timeouts(self.timeouts)

    @property
    def trust(self) -> Trust:
        """CA certificates by the mode: the system's store, or the bundled ones."""
        from courriel import Trust

        return Trust.bundled() if self.mode == 1 else Trust.system()

    @property
    def spoken(self) -> Language:
        """Language of the texts."""
        return self.language or language()


program_state = ProgramState()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=program_state.after_fork)

_context: ContextVar[Context | None] = ContextVar("courriel_wlangage", default=None)


def here() -> Context:
    """The context of the current thread or task; made on first use."""
    owner = _owner()
    context = _context.get()
    if context is None or not _belongs(context.owner, owner):
        context = Context(owner)
        _context.set(context)
    return context


def _similar(name: str, known: Iterable[str]) -> tuple[str, str]:
    """A suggestion for a similar name, in French and in English; "" for none."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), 1)
    return (f" Vouliez-vous dire « {near[0]} » ?", f' Did you mean "{near[0]}"?') if near else ("", "")


def _belongs(owner: Owner, asking: Owner) -> bool:
    """Whether a context belongs to this thread or task.

    A task inherits the context of its creator, but must not share it. A worker thread that a task waits for
    (asyncio.to_thread) inherits it too, and shares it: the call belongs to the task.
    """
    return owner == asking or (isinstance(asking, int) and isinstance(owner, ref))


def _owner() -> Owner:
    asyncio = sys.modules.get("asyncio")  # a program that never imported it has no tasks
    if asyncio is not None:
        try:
            task: Task[object] | None = asyncio.current_task()
        except RuntimeError:
            task = None
        if task is not None:
            return ref(task)
    return get_ident()
