"""Socket of a blocking connection: read and written with time limits, with or without TLS."""

from __future__ import annotations

import select
import socket
import sys
from struct import pack

TYPE_CHECKING = False

if TYPE_CHECKING:
    import ssl

_READ = 16 * 1024  # bytes per read; a larger buffer costs more, used or not
_READ_MORE = 256 * 1024  # bytes per read after a full one
_EARLY = 1024 * 1024  # bytes read ahead while writing; then the server has to wait
_OFTEN = 4  # times one wait may wake up early, so that SO_RCVTIMEO need not be set for each stage

# With SO_RCVTIMEO a read is one system call; with a Python time-out there is a poll before each.
_KERNEL_KEEPS_TIME = sys.platform == "linux" and sys.maxsize > 2**32


class TimedSocket:
    """One connected socket; its time limits are given with each wait. Made anew when the connection is secured."""

    def __init__(self, line: socket.socket, *, secured: bool = False) -> None:
        self.raw = line
        self.early = bytearray()  # data received while writing
        self.secured = secured
        self._kernel_keeps_time = _KERNEL_KEEPS_TIME and not secured  # SO_RCVTIMEO in use
        self._kernel_waits = 0.0  # seconds: the current SO_RCVTIMEO
        self._at_once = socket.MSG_DONTWAIT if self._kernel_keeps_time else 0
        self._room = _READ
        self._look = select.poll() if hasattr(select, "poll") else None  # not on Windows
        if self._look is not None:
            self._look.register(line, select.POLLIN)
        line.settimeout(None)

    def send(self, data: bytes | memoryview) -> int:
        """Write without waiting, and return the number of octets that were written: 0 when there is no room."""
        if not self._kernel_keeps_time:
            self.raw.settimeout(0)
        try:
            return self.raw.send(data, self._at_once)
        except BlockingIOError:
            return 0
        except OSError as full:
            if _only_asks_to_wait(full):
                return 0
            raise

    def wait_for_room(self, seconds: float) -> None:
        """Wait until the socket is writable, reading meanwhile: else both sides might wait for each other.

        The limit applies to each wait, not to the whole: a large message on a slow connection does not fail while it
        progresses. Raises TimeoutError.
        """
        if _says_something(self.raw, seconds, listening=len(self.early) < _EARLY):
            try:  # noqa: SIM105 - contextlib would be imported for this alone
                self.early += self._receive_at_once()
            except BlockingIOError:
                pass

    def receive(self, seconds: float) -> bytes | None:
        """Read octets, b"" at the end of the stream. Raises TimeoutError.

        None when the wait ended before that many seconds and may go on: SO_RCVTIMEO may be shorter, and is changed
        seldom.
        """
        if not self._kernel_keeps_time:
            self.raw.settimeout(seconds)
        elif not self._kernel_waits <= seconds <= self._kernel_waits * _OFTEN:
            self._kernel_waits = wait = max(0.001, seconds)
            limit = pack("@ll", int(wait), int(wait % 1 * 1_000_000))
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        try:
            data = self.raw.recv(self._room)
        except BlockingIOError:
            return None
        self._room = _READ if len(data) < self._room else _READ_MORE
        return data

    def receive_pending(self, seconds: float) -> bytes:
        """Read octets that have arrived, or arrive within these seconds; b"" means none.

        Raises ConnectionResetError at the end of the stream.
        """
        if not seconds and self._is_silent():
            return b""
        try:
            if seconds:
                _ = _says_something(self.raw, seconds, listening=True, writing=False)
            elif not self._kernel_keeps_time:
                self.raw.settimeout(0)
            return self._receive_at_once()
        except (BlockingIOError, TimeoutError):
            return b""

    def take_early(self) -> bytes:
        """Return and clear the octets that were received while writing."""
        data = bytes(self.early)
        self.early.clear()
        return data

    def close(self) -> None:
        """Close the connection; a thread that waits for it is woken, which closing alone would not do."""
        try:  # noqa: SIM105 - contextlib would be imported for this alone
            # Not the method of SSLSocket, which would let the other thread go on reading without TLS.
            socket.socket.shutdown(self.raw, socket.SHUT_RDWR)
        except OSError:
            pass
        self.raw.close()

    # The steps.

    def _receive_at_once(self) -> bytes:
        """Read octets without waiting. Raises BlockingIOError without data, ConnectionResetError at the end."""
        try:
            data = self.raw.recv(_READ, self._at_once) if self._at_once else self.raw.recv(_READ)
        except OSError as broken:
            if _only_asks_to_wait(broken):
                raise BlockingIOError from broken
            raise
        if not data:
            raise ConnectionResetError("the server hung up")
        return data

    def _is_silent(self) -> bool:
        """Whether no data has arrived; asks the system, since an exception each time costs more."""
        if self.secured:
            secured: ssl.SSLSocket = self.raw  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
            if secured.pending():
                return False
        if self._look is None:
            return not select.select([self.raw], [], [], 0)[0]
        return not self._look.poll(0)


def _says_something(line: socket.socket, seconds: float, *, listening: bool, writing: bool = True) -> bool:
    """Wait until the socket is writable (`writing`) or readable (`listening`); return whether it is readable.

    Raises TimeoutError.
    """
    if not hasattr(select, "poll"):  # Windows
        readable, writable, _ = select.select([line] if listening else [], [line] if writing else [], [], seconds)
        if not readable and not writable:
            raise TimeoutError
        return bool(readable)
    waiter = select.poll()
    waiter.register(line, (select.POLLOUT if writing else 0) | (select.POLLIN if listening else 0))
    events = waiter.poll(seconds * 1000)
    if not events:
        raise TimeoutError
    return any(event & ~select.POLLOUT for _, event in events)


def _only_asks_to_wait(broken: OSError) -> bool:
    # An SSL socket without data raises an error of its own.
    return type(broken).__name__ in ("SSLWantReadError", "SSLWantWriteError")
