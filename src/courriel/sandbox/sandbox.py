"""Practice mail server: start it in a program or a test, send to it, inspect what it received."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from courriel import errors
from courriel._dataclass import replace
from courriel.dialogue.server.handler import ServerConfig, ServerLimits
from courriel.model.servers.server import Dialect, Security, Server
from courriel.model.servers.trust import Trust
from courriel.network import forks
from courriel.network.serving.listening import ListenAddress, Listener, ServedSession
from courriel.network.serving.loop_thread import LoopServer
from courriel.sandbox import certificates
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import Faults
from courriel.sandbox.handler import SandboxHandler
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.mailboxes import Mailboxes
from courriel.sandbox.tls.server_tls import SandboxTls
from courriel.sandbox.web_settings import WebSettings

if TYPE_CHECKING:
    from courriel.sandbox.web.server import WebServer

T = TypeVar("T")

_SESSIONS = 500
_AT_ONCE = 600  # sessions at a time: a load test of an application opens hundreds
_ANY_LOGIN = ("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")
# Challenge-response mechanisms can only be offered where the password is known.
_KNOWN_LOGINS = ("SCRAM-SHA-256", "CRAM-MD5", *_ANY_LOGIN)


class Sandbox(LoopServer):
    """
    Mail server on loopback that accepts all mail, shows it, and forwards nothing.

        with courriel.Sandbox() as sandbox:
            courriel.send(message, via=sandbox.url)
            letter = sandbox.wait_for(to="bob@example.org")

    Received mail can be read by POP3 (`pop_url`, `PopSession(sandbox.pop_server(), …)`) and by IMAP (`imap_url`,
    `ImapSession(sandbox.imap_server(), …)`): each recipient has a mailbox, with the address as user name.

    The system chooses the ports unless they are given. With `folder` each mail is also written to a file, and with
    `data` the mails are kept in a database in that folder, so that they are there after a restart. Any login is
    accepted, unless `users` maps user names to passwords; with `require_login` a login is required. TLS, which needs
    the extra `courriel[sandbox]`, is offered with a certificate of a temporary CA (`ca`). `keep` is the most letters
    that are kept, `keep_octets` the most octets of them; the oldest go first. With `web_port` there is a page to look
    at them (`web_url`; the extra `courriel[web]`), and `web` has its settings. Use it by `with` in blocking programs
    (it runs in a thread of its own) or by `async with`. Raises OSError when a port is taken.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls_port: int = 0,
        pop_port: int = 0,
        pops_port: int = 0,
        imap_port: int = 0,
        imaps_port: int = 0,
        folder: str | Path | None = None,
        users: Mapping[str, str] | None = None,
        require_login: bool = False,
        lmtp: bool = False,
        limits: ServerLimits | None = None,
        keep: int = 1000,
        keep_octets: int = 256 * 1024 * 1024,
        data: str | Path | None = None,
        web_port: int | None = None,
        web: WebSettings | None = None,
    ) -> None:
        super().__init__("courriel sandbox")
        if folder is not None and not isinstance(folder, str | os.PathLike):
            raise errors.UsageError(f"folder: a path, not {type(folder).__name__}")
        if data is not None and not isinstance(data, str | os.PathLike):
            raise errors.UsageError(f"data: a folder, not {type(data).__name__}")
        if users is not None and not isinstance(users, Mapping):
            raise errors.UsageError(f"users: a mapping of names to passwords, not {type(users).__name__}")
        self.host = host
        self.port = port
        self.tls_port = tls_port
        self.pop_port = pop_port
        self.pops_port = pops_port
        self.imap_port = imap_port
        self.imaps_port = imaps_port
        self._terms = ServerConfig(
            name="sandbox.localhost",
            dialect=Dialect.LMTP if lmtp else Dialect.SMTP,
            starttls=certificates.available(),
            mechanisms=_ANY_LOGIN if users is None else _KNOWN_LOGINS,
            login_required=require_login,
            limits=limits or ServerLimits(sessions=_AT_ONCE),
        )
        self._captured = CapturedMail(Path(folder) if folder is not None else None, most=keep, octets=keep_octets)
        self._data = Path(data) if data is not None else None
        self.web_port = web_port
        self._web = web or WebSettings()
        self._page: WebServer | None = None
        self._mailboxes = Mailboxes(self._captured)
        self._captured.on_arrival.append(self._mailboxes.arrived)
        self._captured.on_removal.append(self._mailboxes.forget)
        self._faults = Faults()
        self._handler = SandboxHandler(self._captured, self._mailboxes, self._faults, users, self._preview)
        self._sessions: deque[ServedSession] = deque(maxlen=_SESSIONS)
        self._listeners: list[Listener] = []
        names = dict.fromkeys((host, "localhost", self._terms.name, "127.0.0.1", "::1"))
        self._tls = SandboxTls(tuple(names), self._faults.certificate)
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """Reset in a child process, which does not serve: threads, files and connections belong to the parent."""
        forks.keep_for_ever(self._aside, self._listeners)
        self._aside = None

    # Addresses.

    @property
    def url(self) -> str:
        """URL for `courriel.send(via=…)`, without TLS."""
        return f"{'lmtp' if self._terms.dialect is Dialect.LMTP else 'smtp'}://{self._host_port(self.port)}?tls=none"

    @property
    def starttls_url(self) -> str:
        """URL of the same port with STARTTLS, including the CA to trust. Raises MissingExtra."""
        return f"smtp+starttls://{self._host_port(self.port)}?ca={_quoted(self.ca)}"

    @property
    def tls_url(self) -> str:
        """URL of the port with TLS from the first byte. Raises MissingExtra."""
        return f"smtps://{self._host_port(self.tls_port)}?ca={_quoted(self.ca)}"

    @property
    def pop_url(self) -> str:
        """URL for reading by POP3, without TLS."""
        return f"pop://{self._host_port(self.pop_port)}?tls=none"

    @property
    def pop_starttls_url(self) -> str:
        """URL of the same port with STLS. Raises MissingExtra."""
        return f"pop3+starttls://{self._host_port(self.pop_port)}?ca={_quoted(self.ca)}"

    @property
    def pops_url(self) -> str:
        """URL for reading by POP3, with TLS from the first byte. Raises MissingExtra."""
        return f"pops://{self._host_port(self.pops_port)}?ca={_quoted(self.ca)}"

    @property
    def imap_url(self) -> str:
        """URL for reading by IMAP, without TLS."""
        return f"imap://{self._host_port(self.imap_port)}?tls=none"

    @property
    def imap_starttls_url(self) -> str:
        """URL of the same port with STARTTLS. Raises MissingExtra."""
        return f"imap+starttls://{self._host_port(self.imap_port)}?ca={_quoted(self.ca)}"

    @property
    def imaps_url(self) -> str:
        """URL for reading by IMAP, with TLS from the first byte. Raises MissingExtra."""
        return f"imaps://{self._host_port(self.imaps_port)}?ca={_quoted(self.ca)}"

    @property
    def ready_lines(self) -> dict[str, str]:
        """Settings to paste, by the name of the framework: Django, Flask, Node, PHP, Rails, WINDEV."""
        from courriel.sandbox.ready_lines import ready_lines

        return ready_lines(self.host, self.port)

    @property
    def web_url(self) -> str:
        """Address of the page, such as http://127.0.0.1:8025/. Raises UsageError without a page."""
        if self.web_port is None:
            raise errors.UsageError("this sandbox has no page; it has one with web_port=0")
        return f"http://{self._host_port(self.web_port)}/"

    def preview_url(self, letter: CapturedMessage) -> str:
        """Address of a letter in the page. Raises UsageError without a page."""
        return f"{self.web_url}m/{letter.number}"

    @property
    def ca(self) -> Path:
        """Path of the CA certificate (PEM), which exists while the sandbox is open. Raises MissingExtra."""
        return self._tls.files().authority

    def server(self, security: Security = Security.NONE) -> Server:
        """The server as a value, for `SmtpSession`."""
        port = self.tls_port if security is Security.TLS else self.port
        return self._server(port, security, self._terms.dialect)

    def pop_server(self, security: Security = Security.NONE) -> Server:
        """The POP3 server as a value, for `PopSession`."""
        return self._server(self.pops_port if security is Security.TLS else self.pop_port, security, Dialect.POP3)

    def imap_server(self, security: Security = Security.NONE) -> Server:
        """The IMAP server as a value, for `ImapSession`."""
        return self._server(self.imaps_port if security is Security.TLS else self.imap_port, security, Dialect.IMAP)

    # Received mail.

    @property
    def letters(self) -> list[CapturedMessage]:
        """The received letters, oldest first; at most `keep`, the latest."""
        return self._captured.letters

    @property
    def dropped(self) -> int:
        """Number of letters dropped because there were too many; their files still exist."""
        return self._captured.dropped

    @property
    def sessions(self) -> list[ServedSession]:
        """The last 500 sessions, with transcripts and exceptions."""
        return list(self._sessions)

    def wait_for(self, to: str | None = None, subject: str | None = None, *, timeout: float = 5.0) -> CapturedMessage:
        """The first letter to this address with this text in its subject, within `timeout` seconds.

            courriel.send(message, via=sandbox.url)
            print(sandbox.wait_for(to="bob@example.org", subject="quote").subject)  # Your quote 7

        A letter already received counts. Raises TimedOut, which lists what was received instead.
        """
        return self._captured.wait_for(to, subject, timeout)

    async def awaited(
        self,
        to: str | None = None,
        subject: str | None = None,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109 - the same words as `wait_for`
    ) -> CapturedMessage:
        """`wait_for` for asyncio."""
        return await self._captured.awaited(to, subject, timeout)

    def wait_until(self, found: Callable[[list[CapturedMessage]], T | None], *, timeout: float = 5.0) -> T | None:
        """Result of `found` for the letters, as soon as it is not None; None after `timeout` seconds.

        It is called with all letters now, and again at each change.
        """
        return self._captured.wait_until(found, timeout)

    def remove(self, *numbers: int) -> int:
        """Remove letters by their numbers, from the database too; returns how many there were."""
        return self._captured.remove(numbers)

    def clear(self) -> None:
        """Remove letters and faults, as between two tests; files and connections stay."""
        self._captured.clear()
        self._mailboxes.clear()
        self._faults.clear()

    # Faults.

    def answer(
        self,
        stage: str,
        answer: str | bytes,
        *,
        when: str = "",
        nth: int = 1,
        times: int | None = None,
        within: bool = False,
    ) -> None:
        """
        Set the server's reply at a stage, from now on: connect, greeting, hello, secure, authenticate, sender,
        recipient, data, message or goodbye; in POP3 and IMAP also mailbox and letter.

        `answer` is a reply ("550 5.1.1 no such user"; in POP3 "-ERR [SYS/TEMP] come back later", in IMAP "NO
        [UNAVAILABLE] come back later"), "hang up" (close the connection), "silence" (never answer), or bytes sent
        unchanged. `when` limits it to an address at sender, recipient and message, a name at hello ("CAPA" in POP3,
        "CAPABILITY" in IMAP), a mechanism at authenticate, a command at mailbox ("UID FETCH"), a unique id at letter;
        `*` matches anything. It applies from the `nth` match on, `times` times, by default without
        limit. `within`, at "data" and "letter": in the middle of the content. Raises UsageError.
        """
        self._faults.add(stage, answer, when=when, nth=nth, times=times, within=within)

    def refuse(self, recipient: str, reply: str = "550 5.1.1 no such user") -> None:
        """Refuse a recipient, or all that match a pattern such as `*@example.org`."""
        self.answer("recipient", reply, when=recipient)

    def play(self, name: str, *, when: str = "", nth: int = 1, times: int | None = None) -> None:
        """Make bad weather: a record of the failure table, such as GMAIL-BAD-CREDENTIALS, or a name such as
        cut-after-dot, certificate-expired, drip, rate-limit-3 (docs/sandbox.md has all), or a quirk of IMAP servers
        such as IMAP-NIL-BODY (docs/sandbox-imap.md). Raises UsageError.

            sandbox.play("answer-lost")
            try:
                courriel.send(message, via=sandbox.url)
            except courriel.ConnectionFailed as lost:
                print(lost.in_doubt)  # True
        """
        self._faults.play(name, when=when, nth=nth, times=times)

    def bounce(
        self, letter: CapturedMessage, reply: str = "550 5.1.1 no such user", *, recipient: str = ""
    ) -> CapturedMessage:
        """Return a received letter to its sender, as a server further on would: a delivery report in its mailbox.

        `reply` is what that server says of the `recipient`, by default of all; one of 4xx is a delay. Returns the
        report. Raises UsageError for a letter from the null sender, to which nothing is returned.
        """
        from courriel.sandbox.mailboxes import report_about

        return self._captured.put(*report_about(letter, self._terms.name, reply, recipient))

    @property
    def faults_met(self) -> list[str]:
        """Faults that a client met since the last `clear`, by name, failure or answer, in their order."""
        return self._faults.met

    # The steps.

    async def _open(self) -> None:
        if self._listeners:
            raise errors.UsageError("this sandbox is open already")
        self._tls.open()
        try:
            if self._data is not None:
                from courriel.sandbox.store.mail_file import MailFile

                self._captured.keep_in(MailFile(self._data))
            self.port, self.tls_port = await self._listen(self._terms, self.port, self.tls_port)
            reading = replace(self._terms, dialect=Dialect.POP3)
            self.pop_port, self.pops_port = await self._listen(reading, self.pop_port, self.pops_port)
            reading = replace(self._terms, dialect=Dialect.IMAP)
            self.imap_port, self.imaps_port = await self._listen(reading, self.imap_port, self.imaps_port)
            if self.web_port is not None:
                self._open_page(self.web_port)
        except BaseException:
            await self._close()
            raise

    async def _listen(self, config: ServerConfig, port: int, tls_port: int) -> tuple[int, int]:
        """Listen on the two ports of one protocol, without TLS and with TLS from the first byte; returns the ports."""
        addresses = [ListenAddress(self.host, port)]
        if config.starttls:
            addresses.append(ListenAddress(self.host, tls_port, tls=True))
        listener = Listener(
            self._handler, config, *addresses, context=self._tls.context, on_session=self._sessions.append
        )
        await listener.open()
        self._listeners.append(listener)
        port, *secure = listener.ports
        return port, secure[0] if secure else 0

    def _open_page(self, port: int) -> None:
        from courriel.sandbox.web_settings import open_page

        self._page = open_page(
            self._web, self.host, port, captured=self._captured, faults=self._faults,
            sessions=lambda: self.sessions, addresses=self._addresses, data=self._data,
        )  # fmt: skip
        self.web_port = self._page.port

    def _addresses(self) -> dict[str, str]:
        """URLs of what listens, by name; those with TLS only where it is offered."""
        found = {"smtp": self.url, "pop": self.pop_url, "imap": self.imap_url}
        if self._terms.starttls:
            found |= {
                "starttls": self.starttls_url,
                "tls": self.tls_url,
                "pops": self.pops_url,
                "imaps": self.imaps_url,
                "ca": str(self.ca),
            }
        return found

    def _preview(self, letter: CapturedMessage) -> str:
        """Address of a letter for the reply to its sender; "" without a page."""
        return "" if self._page is None else self.preview_url(letter)

    async def _close(self) -> None:
        if self._page is not None:
            page, self._page = self._page, None
            await asyncio.to_thread(page.close)
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        self._captured.close()
        self._tls.close()

    def _server(self, port: int, security: Security, dialect: Dialect) -> Server:
        trust = Trust.system() if security is Security.NONE else Trust.file(str(self.ca))
        return Server(self.host, port, security, trust=trust, dialect=dialect)

    def _host_port(self, port: int) -> str:
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))
