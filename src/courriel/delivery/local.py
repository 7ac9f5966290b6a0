"""
Local transports: a message is kept in memory or in a folder, shown on the terminal, or discarded.

    memory:                 a bounded list, `letters`
    console:                printed on the standard output
    null:                   discarded
    file:///folder          one .eml file for each message, the same bytes as sent to a server
    maildir:///folder       a maildir (tmp, new, cur), as mail programs read it

Each is a `Transport`. Their receipts say "kept", "shown", "thrown away": nothing was sent.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, overload

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.delivery.transport import one_after_the_other
from courriel.model.envelope import Envelope
from courriel.model.receipt import Outcome, Receipt, RecipientResult, Result
from courriel.model.submission import WINDOW, SendOptions, Submission
from courriel.reply import Reply

if TYPE_CHECKING:
    from email.message import EmailMessage
    from types import TracebackType
    from typing import Self, TextIO, Unpack

    from courriel.delivery.urls.route import Route
    from courriel.model.typed import SendArguments
    from courriel.session.encoding import Sendable

_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
MOST_LETTERS = 1000  # enough for a test suite; bounds a program that captures for a month
MOST_OCTETS = 64 * 1024 * 1024

_serial = count(1)


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message kept in memory: its envelope, and its content as it would have been sent."""

    envelope: Envelope
    content: bytes

    def read(self) -> EmailMessage:
        """The message as an EmailMessage of the standard library."""
        from email import message_from_bytes, policy

        return message_from_bytes(self.content, policy=policy.default)


class KeptMessages(Sequence[KeptMessage]):
    """Messages kept by `memory:`, oldest first. When full the oldest are dropped, and a receipt notes it."""

    def __init__(self, *, most: int = MOST_LETTERS, octets: int = MOST_OCTETS) -> None:
        self._kept: deque[KeptMessage] = deque()
        self._octets = 0
        self._most = most
        self._most_octets = octets
        self._lock = Lock()

    def add(self, letter: KeptMessage) -> int:
        """Keep a message; return the number of older ones dropped. The newest is kept whatever its size."""
        with self._lock:
            self._kept.append(letter)
            self._octets += len(letter.content)
            dropped = 0
            while len(self._kept) > 1 and (len(self._kept) > self._most or self._octets > self._most_octets):
                self._octets -= len(self._kept.popleft().content)
                dropped += 1
            return dropped

    def clear(self) -> None:
        """Remove all messages."""
        with self._lock:
            self._kept.clear()
            self._octets = 0

    @overload
    def __getitem__(self, index: int) -> KeptMessage: ...
    @overload
    def __getitem__(self, index: slice) -> list[KeptMessage]: ...
    def __getitem__(self, index: int | slice) -> KeptMessage | list[KeptMessage]:
        with self._lock:
            return self._kept[index] if isinstance(index, int) else list(self._kept)[index]

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[KeptMessage]:
        with self._lock:
            return iter(list(self._kept))

    def __repr__(self) -> str:
        return f"<Letters: {len(self)} kept>"


letters = KeptMessages()
"""Messages sent by `memory:` in this process."""


class LocalTransport:
    """Base of the transports that lead to no server."""

    answer_limit = 60.0
    """Seconds that a folder or a list in memory may take for one mail."""
    obeys_recipient_rule = True  # nothing leaves by it
    parallel = 100
    """Submissions carried at once: as many as a worker has threads."""

    @property
    def name(self) -> str:
        """The URL of this transport."""
        raise NotImplementedError

    def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Keep one message; returns a receipt with a result for each recipient, see SmtpSession.send."""
        from courriel.session.encoding import IN_EIGHT_BITS, submission_of

        return self.submit(submission_of(message, IN_EIGHT_BITS, SendOptions(**options) if options else None))

    def submit(self, submission: Submission) -> Receipt:
        """Keep one submission. Raises CourrielError when it cannot be kept, NotPermitted when its guard says no."""
        receipt = self._keep(submission)
        return replace(receipt, message_id=submission.message_id).with_notes(*submission.notes)

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Keep many submissions; yields one result for each, see Transport.submit_many."""
        return one_after_the_other(self.submit, submissions)

    def hang_up(self) -> None:
        """Do nothing: there is no connection."""

    def close(self) -> None:
        """Do nothing: nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def _keep(self, submission: Submission) -> Receipt:
        raise NotImplementedError


def _ask_guard(submission: Submission) -> None:
    if submission.before_end is not None and not submission.before_end():
        raise errors.NotPermitted("the end of the message was held back, so nothing was delivered", stage="message")


class MemoryTransport(LocalTransport):
    """Transport that keeps messages in a list; by default in `letters`, shared by the process."""

    def __init__(self, kept: KeptMessages = letters) -> None:
        self.kept = kept

    @property
    def name(self) -> str:
        return "memory:"

    def _keep(self, submission: Submission) -> Receipt:
        envelope, content = submission.envelope, submission.content
        _ask_guard(submission)
        dropped = self.kept.add(KeptMessage(envelope, bytes(content)))
        receipt = _receipt("memory:", envelope, "kept in memory")
        return receipt.with_notes(f"memory: is full; its {dropped} oldest left") if dropped else receipt


class ConsoleTransport(LocalTransport):
    """Transport that prints messages on the standard output, with terminal control characters escaped."""

    @property
    def name(self) -> str:
        return "console:"

    def _keep(self, submission: Submission) -> Receipt:
        import sys

        from courriel.delivery.rendering import rendered

        envelope = submission.envelope
        text = rendered(envelope, bytes(submission.content))
        terminal: TextIO | None = sys.stdout
        if terminal is None:
            # pythonw, some services.
            raise errors.UsageError(
                "console: this program has no standard output; file:FOLDER writes mails to files", stage="connect"
            )
        _ask_guard(submission)
        encoding = getattr(terminal, "encoding", None) or "utf-8"
        terminal.write(text.encode(encoding, "backslashreplace").decode(encoding))
        terminal.flush()
        return _receipt("console:", envelope, "shown on the terminal")


class NullTransport(LocalTransport):
    """Transport that encodes and discards messages: encoding errors occur here too."""

    @property
    def name(self) -> str:
        return "null:"

    def _keep(self, submission: Submission) -> Receipt:
        for _ in submission.content:
            pass
        _ask_guard(submission)
        return _receipt("null:", submission.envelope, "thrown away")


class FolderTransport(LocalTransport):
    """Transport that writes each message into a file, `.eml`; the folder is created if missing."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return f"file://{self.path}"

    def _keep(self, submission: Submission) -> Receipt:
        folder = Path(self.path)
        with _translated_errors(self.path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            final = folder / f"{_unique_name()}.eml"
            _write(final.with_name(f".{final.name}.{_random_part()}.part"), final, submission.content, submission)
        return _receipt(self.name, submission.envelope, f"written to {final}")


class MaildirTransport(LocalTransport):
    """Transport into a maildir: written in `tmp`, moved to `new`, so that no reader sees a partial message.

    Lines end in LF, as mail programs on Unix expect. The folders are created if missing.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return f"maildir://{self.path}"

    def _keep(self, submission: Submission) -> Receipt:
        folder = Path(self.path)
        with _translated_errors(self.path):
            for name in ("tmp", "new", "cur"):
                (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            name = _maildir_name()
            _write(folder / "tmp" / name, folder / "new" / name, _with_line_feeds(submission.content), submission)
        return _receipt(self.name, submission.envelope, f"delivered to {folder / 'new' / name}")


def transport_of(route: Route) -> LocalTransport | None:
    """The local transport of a route; None for a route to a server, or to a transport of a program."""
    match route.kind:
        case "memory":
            return MemoryTransport()
        case "console":
            return ConsoleTransport()
        case "null":
            return NullTransport()
        case "file":
            return FolderTransport(route.folder)
        case "maildir":
            return MaildirTransport(route.folder)
        case (
            "smtp"
            | "lmtp"
            | "pop3"
            | "imap"
            | "graph"
            | "brevo"
            | "mailjet"
            | "python"
            | "failover"
            | "roundrobin"
            | "bydomain"
        ):
            return None


# The steps.


class _translated_errors:  # noqa: N801 - read as a sentence after `with`
    """Context manager that translates OSError into CourrielError."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, errors.CourrielError):
            reason = error.strerror or type(error).__name__
            raise errors.CourrielError(
                f"the message could not be kept in {self._path}: {reason}", stage="message"
            ) from error


def _receipt(server: str, envelope: Envelope, words: str) -> Receipt:
    reply = Reply(250, (words,))
    fates = tuple(RecipientResult(address.spec, Outcome.ACCEPTED, reply) for address in envelope.recipients)
    return Receipt(server, "", reply, fates)


def _write(temporary: Path, final: Path, chunks: Iterable[bytes], submission: Submission) -> None:
    """Write a temporary file, flush it to disk, ask the guard, rename it: a file under the final name is complete."""
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        _ask_guard(submission)
        temporary.replace(final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _force_to_disk(final.parent)


def _force_to_disk(folder: Path) -> None:
    """Flush the folder entry of a new file to disk. Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _seconds_and_microseconds() -> tuple[int, int]:
    import time

    return divmod(time.time_ns() // 1000, 1_000_000)


def _unique_name() -> str:
    """A name that sorts by time, unique among processes."""
    import time

    seconds, micro = _seconds_and_microseconds()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
    return f"{stamp}.{micro:06d}Z-{os.getpid()}-{next(_serial)}"


def _random_part() -> str:
    """An unpredictable name part: no file or link of that name can exist beforehand."""
    return os.urandom(8).hex()


def _maildir_name() -> str:
    """File name time.RrandomMmicrosecondsPpidQserial.host, as maildir prescribes."""
    import socket

    seconds, micro = _seconds_and_microseconds()
    host = socket.gethostname().replace("/", "\\057").replace(":", "\\072") or "localhost"
    return f"{seconds}.R{_random_part()}M{micro}P{os.getpid()}Q{next(_serial)}.{host}"


def _with_line_feeds(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """CRLF to LF, also across chunks."""
    held = b""
    for chunk in chunks:
        data = held + chunk
        held = b"\r" if data.endswith(b"\r") else b""
        yield data[: len(data) - len(held)].replace(b"\r\n", b"\n")
    yield held
