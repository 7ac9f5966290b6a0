"""
IMAP relay: the login is answered here, and made at the provider with the token; after it octets pass both ways, unread.

So literals, IDLE, COMPRESS and whatever a provider invents pass as they are.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from courriel import errors
from courriel.dialogue.flow import RECEIVE_PENDING, Flow
from courriel.dialogue.imap.connection import ImapConnection
from courriel.dialogue.relay.base import MECHANISMS, LocalLogin
from courriel.dialogue.relay.session import Accounts, BridgeAccount, RelaySession
from courriel.dialogue.relay.wants import Join, RelayFlow
from courriel.dialogue.server.connection import ReplyBuffer, ServerConnection
from courriel.dialogue.server.handler import ServerConfig
from courriel.model.received.limits import ReadLimits
from courriel.reply import Reply
from courriel.wire.imap.login_syntax import LoginCommand, NoCommand, counted_at_end, read_command, write_capabilities
from courriel.wire.sasl import server_mechanisms
from courriel.wire.sasl.server_mechanisms import Claim
from courriel.wire.smtp.client_syntax import printable
from courriel.wire.smtp.server_syntax import Objection, is_http, sayable

_LOGIN_OF_PROVIDER = ("AUTH", "STARTTLS", "LOGINDISABLED", "SASL-IR", "COMPRESS", "LOGIN-REFERRALS", "UNAUTHENTICATE")
"""Capabilities of the provider that are not the client's: the login and the octets of the line are the relay's."""

_READING = ("LITERAL+", "LITERAL-")  # of ours before the login: both kinds of literals are read
_REST = 80  # octets that `ImapParser.rest` shows


class ImapProvider:
    """One session with the provider, up to its login."""

    def __init__(self, account: BridgeAccount) -> None:
        self._client = ImapConnection(account.server, account.credentials, ReadLimits())
        self.rest = b""
        """Octets that came behind the answer to the login, for the client."""

    @property
    def capabilities(self) -> Mapping[str, str]:
        """Capabilities of the provider for this user."""
        return self._client.capabilities

    def open(self) -> Flow[bytes]:
        """Open the session, login included; the token is renewed once when the provider refuses it."""
        yield from self._client.open()
        self._client.exchange.append((yield RECEIVE_PENDING["mailbox"]), "mailbox")
        parser = self._client.exchange.parser
        self.rest = parser.rest
        if len(self.rest) == _REST or not (parser.between or parser.empty):
            raise errors.RemoteProtocolError(
                "the server says more behind the login than belongs there", stage="mailbox"
            )
        return b""

    def close(self) -> Flow[bytes]:
        """Say goodbye."""
        yield from self._client.close()
        return b""


class ImapRelay:
    """Relay of one IMAP connection; `serve` is a flow that ends with the session."""

    def __init__(self, accounts: Accounts, config: ServerConfig, session: RelaySession, slowness: float) -> None:
        self.session = session
        self._accounts = accounts
        self._config = config
        self._connection = ServerConnection(session, _untagged)
        self._login = LocalLogin(accounts, session, slowness)
        self._mistakes = 0
        self._joined = False  # from here on a word of ours could stand in the middle of a letter

    def serve(self) -> RelayFlow[None]:
        """Greet, log the client in, and join both lines."""
        try:
            yield from self._converse()
        except ReplyBuffer:
            return
        except errors.TimedOut:
            self.session.note("*", "the client was silent for too long")
            if not self._joined:
                yield from self._say_bye("You were silent for too long")
        except errors.CourrielError as gone:
            self.session.note("*", printable(str(gone).encode()))

    # The conversation, in the order it happens.

    def _converse(self) -> RelayFlow[None]:
        self._write(f"* OK [CAPABILITY {self._offers()}] {self._config.name} IMAP courriel")
        provider = None
        while provider is None:
            try:
                command = yield from self._read_command()
                provider = yield from self._answer(command)
            except NoCommand as wrong:
                self._write(f"{wrong.tag.decode('ascii')} BAD {wrong}")
                yield from self._count_mistake()
            except Objection as wrong:
                self._connection.write(wrong.reply)
                yield from self._count_mistake()
        yield from self._connection.flush("authenticate")
        up = bytes(self._connection.buffer)
        self._connection.buffer.clear()
        self.session.note("*", "logged in: from here on octets pass both ways, and are not shown")
        self._joined = True
        yield Join(provider.rest, up)

    def _answer(self, command: LoginCommand) -> RelayFlow[ImapProvider | None]:
        """Answer one command; the provider's session once the client is logged in."""
        tag = command.tag.decode("ascii")
        match command.name:
            case "CAPABILITY":
                self._write(f"* CAPABILITY {self._offers()}")
                self._write(f"{tag} OK That is all")
            case "NOOP":
                self._write(f"{tag} OK Still here")
            case "ID":
                self._write("* ID NIL")
                self._write(f"{tag} OK Nice to meet you")
            case "LOGOUT":
                self._write("* BYE Goodbye")
                self._write(f"{tag} OK Goodbye")
                raise (yield from self._connection.leave("goodbye"))
            case "LOGIN":
                return (yield from self._log_in(tag, self._claim_of(command)))
            case "AUTHENTICATE":
                claim = yield from self._authenticate(command)
                return (yield from self._log_in(tag, claim))
            case _:
                raise NoCommand(command.tag, "log in first")
        return None

    def _claim_of(self, command: LoginCommand) -> Claim:
        try:
            user, password = (argument.decode() for argument in command.arguments)
        except ValueError:
            raise NoCommand(command.tag, "LOGIN takes a user name and a password") from None
        return Claim(user, self._accounts.check(user, password))

    def _authenticate(self, command: LoginCommand) -> RelayFlow[Claim]:
        """Run a SASL mechanism: challenges in base64 behind a plus sign."""
        mechanism = command.arguments[0].decode("latin-1").upper() if command.arguments else ""
        if mechanism not in MECHANISMS or len(command.arguments) > 2:
            raise NoCommand(command.tag, "this way to log in is not offered")
        initial = command.arguments[1] if len(command.arguments) == 2 else None
        steps = server_mechanisms.MECHANISMS[mechanism](self._accounts)
        challenge = next(steps)
        try:
            while True:
                if initial is None:
                    initial = yield from self._response(command.tag, challenge)
                answer = b"" if initial == b"=" else server_mechanisms.decode(initial)
                challenge, initial = steps.send(answer), None
        except StopIteration as end:
            claim: Claim = end.value
            return claim
        except Objection as wrong:
            raise NoCommand(command.tag, str(wrong)) from None
        finally:
            steps.close()

    def _response(self, tag: bytes, challenge: bytes) -> Flow[bytes]:
        self._connection.write(b"+ " + b64encode(challenge) + b"\r\n")
        line = yield from self._connection.line(self._config.limits.login, "authenticate")
        self.session.note("C", "(not shown: a secret)")
        if line.octets == b"*":
            raise NoCommand(tag, "as you wish: nobody logs in")
        return line.octets

    def _log_in(self, tag: str, claim: Claim) -> RelayFlow[ImapProvider | None]:
        if not claim.proved:
            yield from self._login.refuse()
            self._write(f"{tag} NO [AUTHENTICATIONFAILED] User name or password is not right")
        else:
            try:
                provider = yield from self._login.open(claim.user, ImapProvider)
            except errors.CourrielError as failed:
                self._write(f"{tag} NO {sayable(_words_for(failed))}")
            else:
                offered = write_capabilities(provider.capabilities, without=_LOGIN_OF_PROVIDER)
                self._write(f"{tag} OK [CAPABILITY {offered}] Logged in")
                return provider
        if self.session.attempts >= self._config.limits.logins:
            yield from self._say_bye("Too many attempts")
            raise ReplyBuffer
        return None

    # The steps.

    def _read_command(self) -> Flow[LoginCommand]:
        """Read one command, with its literals. Raises NoCommand, Objection."""
        limit = self._config.limits.login
        line = yield from self._connection.line(limit, "hello")
        if is_http(line):
            # A web page can make a browser post to any port.
            self.session.note("C", "(HTTP)")
            yield from self._say_bye("This is not a web server")
            raise ReplyBuffer
        pieces = [line.octets]
        while (counted := counted_at_end(pieces[-1])) is not None:
            size, waits = counted
            if sum(map(len, pieces)) + size > limit:
                self.session.note("C", "(a command that is too long)")
                yield from self._say_bye("A command here is shorter than that")
                raise ReplyBuffer
            if waits:
                self._connection.write(b"+ Go ahead\r\n")
            pieces.append((yield from self._octets(size)))
            pieces.append((yield from self._connection.line(limit, "hello")).octets)
        try:
            command = read_command(pieces)
        except NoCommand:
            # It may be a misplaced password: it is not shown.
            self.session.note("C", f"({sum(map(len, pieces)):,} octets that are no command)")
            raise
        secret = " (the rest is not shown: a secret)" if command.arguments else ""
        self.session.note("C", f"{printable(command.tag)} {command.name}{secret}")
        return command

    def _octets(self, size: int) -> Flow[bytes]:
        buffer = self._connection.buffer
        while len(buffer) < size:
            yield from self._connection.more("hello", begun=True)
        taken = bytes(buffer[:size])
        del buffer[:size]
        return taken

    def _offers(self) -> str:
        """Capabilities before the login: what the providers have, for clients that ask once; and the relay's login."""
        common = write_capabilities(self._accounts.common(), without=(*_LOGIN_OF_PROVIDER, *_READING))
        own = " ".join(("SASL-IR", "LITERAL+", *(f"AUTH={name}" for name in MECHANISMS)))
        return f"{common or 'IMAP4REV1'} {own}"

    def _count_mistake(self) -> Flow[None]:
        self._mistakes += 1
        if self._mistakes > self._config.limits.mistakes:
            yield from self._say_bye("Too many mistakes")
            raise ReplyBuffer

    def _say_bye(self, reason: str) -> Flow[None]:
        self._write(f"* BYE {reason}")
        try:
            yield from self._connection.flush("goodbye")
        except errors.CourrielError:
            return

    def _write(self, line: str) -> None:
        self._connection.write(f"{line}\r\n".encode("ascii"))


def imap_relay(accounts: Accounts, config: ServerConfig, session: RelaySession, slowness: float) -> RelayFlow[None]:
    """The conversation of one IMAP connection."""
    return ImapRelay(accounts, config, session, slowness).serve()


# The steps.


def _untagged(reply: Reply) -> bytes:
    """A reply of the shared connection, which knows no tags."""
    word = "BYE" if reply.code == 421 else "BAD"
    text = reply.text.removeprefix(str(reply.enhanced or "")).lstrip()
    return f"* {word} {sayable(text)}\r\n".encode("ascii")


def _words_for(failed: errors.CourrielError) -> str:
    """The text of NO when the provider's session could not be opened: its own, with its response code."""
    if failed.reply is not None:
        return " ".join(failed.reply.lines)
    return f"[UNAVAILABLE] {failed.detail}" if isinstance(failed, errors.ConnectionFailed) else failed.detail
