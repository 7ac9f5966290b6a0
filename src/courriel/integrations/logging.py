"""
Log records by mail: a handler for `logging` that never blocks its caller, and sends one mail for many records.

    from courriel.integrations.logging import MailHandler

    logging.getLogger().addHandler(MailHandler(to="ops@example.org", via="alerts", outbox="/var/lib/shop/outbox.db"))

Records are counted in the caller's thread, and mailed by a thread of the handler. Records of courriel itself are left
out: a mail that cannot leave must not cause another one.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Iterable
from hashlib import sha256
from queue import Empty, SimpleQueue
from threading import Event, RLock, Thread, current_thread
from time import monotonic, time
from typing import TYPE_CHECKING

from courriel import errors
from courriel._lazy_re import expression
from courriel.failures import language, spoken
from courriel.integrations.log_digest import Digest, RecordBatch
from courriel.integrations.log_mail import body_of, clean, subject_of
from courriel.integrations.log_signals import flush_at_fatal_signals

if TYPE_CHECKING:
    from courriel import Address, Message, Outbox
    from courriel.types import Via

FLUSH_TIMEOUT = 10.0
"""Seconds that `flush`, the end of the process and a fatal signal wait for the last mail."""
_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 600.0  # seconds until a mail that could not leave is tried again
_YOUNG = 60.0  # seconds within which a process may be one turn of a crash loop
_DURATION = expression(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*([smh]?)")
_END = "end"  # the call that ends a thread
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


class MailHandler(logging.Handler):
    """Handler that mails log records to `to`: urgent ones at once, the same ones together with their number.

    `via` is as in `courriel.send`; `sender` defaults to the `from` of the settings. `subject` is the start of each
    subject; without it, it is the level and the message, and `getSubject` may be overridden. A record of `flush_level`
    or above that was not seen lately is mailed at once, any other within `digest` (a minute), and no two mails are
    closer than that. A record that comes again and again waits twice as long each time, up to an hour. `capacity` is
    the number of different records in one mail; further ones are counted, and the mail leaves at once.

    With an `outbox` (an Outbox, or its place) mails are stored there, and its workers send them: a server that is away
    loses nothing, and a process that dies at each start and is started again sends few mails. Without one, they are
    sent by this process, again after a pause when the server is away. What is pending at the end of the process, or at
    a fatal signal (`signals`), leaves within `timeout` seconds; what could not is counted on standard error.

    Raises UsageError, InvalidAddress, InvalidUrl when it is made, and nothing later.
    """

    _lock: RLock
    _calls: SimpleQueue[Event | str | None]
    _thread: Thread | None
    _leaving: RecordBatch | None
    _outbox: Outbox | None

    def __init__(
        self,
        to: str | Address | Iterable[str | Address],
        via: Via = None,
        *,
        subject: str = "",
        sender: str | Address | None = None,
        outbox: Outbox | str | os.PathLike[str] | None = None,
        capacity: int = 100,
        flush_level: int | str = logging.ERROR,
        digest: str | float = "1m",
        timeout: float = FLUSH_TIMEOUT,
        signals: bool = True,
        level: int | str = logging.NOTSET,
    ) -> None:
        self.to, self.sender = _addresses(to), _sender(sender, via)
        self.via, self.subject = via, _text("subject", subject)
        self._place = outbox
        self._interval = seconds_of(digest)
        self._capacity = _count(capacity)
        self._flush_level = _level(flush_level)
        self._timeout = seconds_of(timeout)
        self._signals = signals
        self._began = monotonic()
        self._renew()
        super().__init__(level)  # last: logging closes at the end whatever has come so far
        if signals:
            flush_at_fatal_signals(self)

    # What logging calls.

    def handle(self, record: logging.LogRecord) -> bool:
        """Handle a record, unless it is about the sending itself: that one waits for no lock, and causes no mail.

        Whoever flushes a handler may hold its lock, and wait for the mail in which the record was made.
        """
        if record.name == "courriel" or record.name.startswith("courriel.") or current_thread() is self._thread:
            return False
        return super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record; its mail is made and sent by the thread of this handler."""
        try:
            if self._process != os.getpid():
                self._renew()  # a child by fork: what waited is mailed by its parent
            record = self._readable(record)
            with self._lock:
                if self._thread is None:
                    self._start()
                sooner = self._digest.add(record, self.format, monotonic())
            self._tried = False
            if sooner and self._thread is not None:
                self._calls.put(None)
        except Exception:  # noqa: BLE001 - logging must not stop the program; handleError prints where wished
            self.handleError(record)

    def getSubject(self, record: logging.LogRecord) -> str:  # noqa: N802 - as SMTPHandler has it, for its subclasses
        """Subject of a mail, of its gravest record; the number of records is added. May be overridden."""
        # A QueueHandler has put the traceback behind the first line of the message.
        words = f"{record.levelname}: {record.getMessage().partition(chr(10))[0]}"
        return f"{self.subject} {words}" if self.subject else words

    def flush(self) -> None:
        """Mail what is pending, and wait for that, for `timeout` seconds at most."""
        self.flush_within(self._timeout)

    def flush_within(self, seconds: float) -> bool:
        """Mail what is pending; whether that was done within these seconds. A second call does not try again."""
        if self._process != os.getpid():
            return True
        done = Event()
        with self._lock:  # so that the thread does not end in between
            if self._thread is current_thread():
                return True
            if self._thread is not None:
                self._calls.put(done)
        if self._thread is None:
            self._mail()  # what came when no thread could be started any more
            return True
        if _is_configuring():
            return False
        self._tried = True
        return done.wait(seconds)

    def close(self) -> None:
        """End the thread of this handler, and say on standard error what could not be mailed.

        A record after that begins a thread again. Where logging is being configured anew, which closes handlers,
        nothing is waited for before the end of the process: whoever configures holds a lock that sending needs.
        """
        if self._thread is not None and _is_configuring():
            self._calls.put(_END)
            atexit.register(self._end)
        else:
            self._end()
        super().close()

    # The steps.

    def _end(self) -> None:
        if self._process == os.getpid():
            if not self._tried:
                self.flush()
            if self._thread is not None:
                self._calls.put(_END)
            with self._lock:
                lost = [batch for batch in (self._leaving, self._digest.take(monotonic())) if batch is not None]
            if lost:
                records, last = sum(batch.records for batch in lost), lost[-1].lines[-1]
                words = f"{last.level} {last.logger}: {last.message}"
                self._complain(f"{records} log records could not be mailed; the last one: {words}")
            self._thread = None

    def _renew(self) -> None:
        """Begin anew in this process: nothing is pending, and no thread runs."""
        self._process = os.getpid()
        self._lock = RLock()  # a signal handler may log while its thread is in `emit`
        self._digest = Digest(self._interval, self._capacity, self._flush_level)
        self._thread = None
        self._leaving = None
        self._pause, self._tried = _FIRST_PAUSE, False
        self._complained = ""
        self._outbox = None

    def _start(self) -> None:
        calls: SimpleQueue[Event | str | None] = SimpleQueue()
        thread = Thread(target=self._run, args=[calls], name="courriel-log-mail", daemon=True)
        if self._signals:
            flush_at_fatal_signals(self)
        try:
            thread.start()
        except RuntimeError:
            return  # Python 3.12 at the end of a process: whoever flushes mails by himself
        self._calls, self._thread = calls, thread
        if "multiprocessing.util" in sys.modules:
            # Its processes end by os._exit, without atexit and so without logging.shutdown.
            sys.modules["multiprocessing.util"].Finalize(None, self.flush, exitpriority=100)

    def _readable(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record, or one that says what its arguments did: logging tells standard error, where nobody may look."""
        try:
            record.getMessage()
        except Exception as error:  # noqa: BLE001 - any argument may raise anything
            self.handleError(record)
            words = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
            found = logging.makeLogRecord(record.__dict__)
            found.msg, found.args = f"{words} [{type(error).__name__} in its arguments]", None
            return found
        return record

    def _run(self, calls: SimpleQueue[Event | str | None]) -> None:
        ending = False
        while True:
            with self._lock:
                due = self._digest.due
                mine = self._thread is current_thread()
                if ending and (due is None or not mine):
                    self._thread = None if mine else self._thread
                    break
            try:
                call = calls.get(timeout=None if due is None else max(0.0, due - monotonic()))
            except Empty:
                self._mail()
                continue
            ending = ending or call == _END
            if isinstance(call, Event):
                self._mail()
                call.set()
        while not calls.empty():  # who waits behind the last call has nothing pending
            call = calls.get()
            if isinstance(call, Event):
                call.set()

    def _mail(self) -> None:
        """Mail what is pending; what cannot leave waits for the next attempt."""
        with self._lock:
            batch = self._leaving = self._digest.take(monotonic())
        if batch is None:
            return
        try:
            self._hand_over(self._message(batch), batch)
        except Exception as error:  # noqa: BLE001 - the outer edge of a thread
            with self._lock:
                self._digest.give_back(batch, monotonic() + self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._complain(f"a mail about log records could not leave: {error}")
        else:
            self._pause, self._complained = _FIRST_PAUSE, ""
        self._leaving = None

    def _message(self, batch: RecordBatch) -> Message:
        from courriel import Message

        gravest = batch.gravest
        try:
            words = str(self.getSubject(gravest))
        except Exception:  # noqa: BLE001 - a subclass's mistake must not cost the mail
            words = f"{gravest.levelname}: {gravest.getMessage()}"
        sender = self.sender
        if sender is None:
            from courriel.delivery.settings.profiles import resolve

            sender = None if self.via is not None and not isinstance(self.via, str) else resolve(self.via).sender
        if sender is None:
            raise errors.UsageError(
                "sender: none was given, and the settings have no `from` either", hint_id="NO-SENDER"
            )
        return Message(
            sender=sender,
            to=self.to,
            subject=clean(subject_of(words, batch.records)),
            text=body_of(batch),
            headers={"Auto-Submitted": "auto-generated"},
        )

    def _hand_over(self, message: Message, batch: RecordBatch) -> None:
        if self._place is None:
            from courriel import send

            send(message, via=self.via)
            return
        self._opened().put(message, via=self.via, key=self._key(batch), if_known="keep")

    def _opened(self) -> Outbox:
        from courriel import Outbox

        if isinstance(self._place, Outbox):
            return self._place
        if self._outbox is None:
            self._outbox = Outbox(self._place, elsewhere=True)
        return self._outbox

    def _key(self, batch: RecordBatch) -> str | None:
        """Key of a mail of a young process: in a crash loop, each process would mail the same.

        Within an hour such a mail is stored at most six times, in the minutes 0, 1, 3, 7, 15 and 31 or soon after.
        """
        if monotonic() - self._began > _YOUNG:
            return None
        hour, seconds = divmod(int(time()), 3600)
        turn = (seconds // 60 + 1).bit_length()
        kinds = sorted(map(repr, batch.entries))
        recipients = [address.spec for address in self.to]
        same = sha256("\n".join([*recipients, self.subject, *kinds]).encode("utf-8", "backslashreplace"))
        return f"log-{same.hexdigest()[:32]}-{hour}-{turn}"

    def _complain(self, sentence: str) -> None:
        """Say on standard error what logging would print of a handler's failure, each sentence once."""
        if not logging.raiseExceptions or sentence == self._complained or sys.stderr is None:
            return
        self._complained = sentence
        try:
            sys.stderr.write(f"courriel.integrations.logging: {spoken(sentence) if language() == 'fr' else sentence}\n")
        except (OSError, ValueError):
            return  # nobody hears it


def seconds_of(duration: str | float) -> float:
    """Seconds of a duration: a number, or text as "90", "30s", "1m", "2h". Raises UsageError."""
    if isinstance(duration, str):
        found = _DURATION.fullmatch(duration.strip())
        seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    else:
        seconds = duration if isinstance(duration, int | float) and not isinstance(duration, bool) else 0.0
    if not 0 < seconds <= 7 * 86_400:
        raise errors.UsageError(
            f'a duration is a number of seconds, or text as "30s", "1m", "2h", not {duration!r:.50}'
        )
    return float(seconds)


# The steps.


def _is_configuring() -> bool:
    """Whether this thread holds the lock of the logging module, as dictConfig does while it closes handlers."""
    # There is no public way to ask. Where the name is missing some day, flush waits up to its time limit, as before.
    lock = getattr(logging, "_lock", None)
    return bool(getattr(lock, "_is_owned", bool)())


def _addresses(to: str | Address | Iterable[str | Address]) -> tuple[Address, ...]:
    from courriel import Address

    found = Address.all_of(to)
    if not found:
        raise errors.InvalidMessage("to: no recipient was given", stage="compose", hint_id="NO-RECIPIENT")
    return found


def _sender(sender: str | Address | None, via: Via) -> Address | None:
    from courriel import Address
    from courriel.delivery.settings.profiles import resolve

    if isinstance(via, str) or via is None:
        try:
            resolve(via)  # a name that is unknown is seen when logging is configured, and not at the first error
        except errors.UsageError:
            if via is not None:
                raise
    return None if sender is None else Address.of(sender)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise errors.UsageError(f"{name}: text is expected, not {type(value).__name__}")
    return value


def _count(capacity: object) -> int:
    if isinstance(capacity, bool) or not isinstance(capacity, int) or not 1 <= capacity <= 10_000:
        raise errors.UsageError(f"capacity: a number of records from 1 to 10000, not {capacity!r:.50}")
    return capacity


def _level(level: int | str) -> int:
    found = logging.getLevelNamesMapping().get(level) if isinstance(level, str) else level
    if isinstance(found, bool) or not isinstance(found, int):
        raise errors.UsageError(f"flush_level: a level of logging, as ERROR, not {level!r:.50}")
    return found
