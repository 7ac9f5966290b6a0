"""One visit to a server: each step in its order; what depends on a step that failed is left out."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.signing_routes import signer_of
from courriel.delivery.urls.route import Route
from courriel.doctor.examination import Examination
from courriel.doctor.redaction import redacted
from courriel.doctor.step import Step, in_both, with_error
from courriel.doctor.target import Target
from courriel.doctor.visit import addresses, certificates, neighbours, tls_look
from courriel.doctor.visit.session_steps import TlsLook, envelope_steps, steps_of
from courriel.doctor.visit.trial import Trial, TrialResult, run_trial
from courriel.doctor.visit.walk import Walk, walk
from courriel.failures import Text
from courriel.model.address import Address
from courriel.model.envelope import Envelope
from courriel.model.servers.credentials import Credentials, Password, Token, TokenSource
from courriel.model.servers.server import Server, Timeouts
from courriel.network.connecting.proxy.environment import proxy_of
from courriel.network.connecting.resolve import Place
from courriel.network.transcripts.transcript import Transcript

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import TypeVar

    T = TypeVar("T")


class Visit:
    """One visit to a server, with what is needed at its different steps."""

    def __init__(
        self,
        meant: Target,
        route: Route,
        sender: Address | None,
        recipient: Address | None,
        *,
        timeout: float,
        login: bool,
        neighbours_too: bool,
    ) -> None:
        assert route.server is not None
        self._meant, self._route, self._sender, self._recipient = meant, route, sender, recipient
        self._timeout, self._neighbours_too = timeout, neighbours_too
        self._server = _hurried(route.server_to_reach(), timeout)
        self._transcript = Transcript()
        self._secret_error: errors.CourrielError | None = None
        self._secrets: list[str] = []
        # Whoever can lie about the domain in the DNS could name a server of his own, and get the password.
        self._withheld = login and meant.foreign and route.password is not None
        self._credentials = self._kept(self._read_secret()) if login and not self._withheld else None

    def examined(self, start: Examination, trial: Trial | None) -> Examination:
        """Look at everything in turn; what depends on a step that failed is left out."""
        steps, seen, tls = self._session()
        failed = next((step for step in steps if step.status == "failed"), None)
        error = seen.error if seen is not None else None
        tried: tuple[neighbours.Neighbour, ...] = ()
        if failed is not None and self._neighbours_too and _helps(failed, error):
            tried = neighbours.try_all(self._route, self._server)
        result = TrialResult()
        if trial is not None and failed is None:
            result = self._tried_out(trial)
        examination = replace(
            start,
            url=replace(self._route, server=self._original()).url,
            server=str(self._server),
            steps=(*steps, *result.steps),
            tried=tuple(replace(each, url=neighbours.url_of(self._route, each.server)) for each in tried),
            corrected=next((neighbours.url_of(self._route, each.server) for each in tried if each.works), ""),
            certificate_ends=tls.chain[0].ends if tls.chain else None,
            token_refused=self._token_was_refused(error),
            accepted=result.accepted,
            arrival=result.arrival,
            transcript=tuple(self._transcript),
        )
        return redacted(examination, self._secrets)

    def _tried_out(self, trial: Trial) -> TrialResult:
        assert self._sender is not None
        try:
            signer = signer_of(self._route)
        except errors.CourrielError as unusable:
            # Unsigned it would show something else than what leaves by this setting.
            return TrialResult((with_error(Step("send", "failed", in_both(unusable.detail)), unusable),))
        way = self._server, self._credentials, self._transcript, signer
        return run_trial(trial, self._sender, way, lambda server: _hurried(server, self._timeout), self._kept)

    def _session(self) -> tuple[list[Step], Walk | None, TlsLook]:
        nothing = TlsLook({})
        name, connection = self._reached()
        if connection is None:
            return [name], None, nothing
        if connection.status == "failed":
            return [name, connection], None, nothing
        seen = self._walk()
        handshakes = (
            tls_look.look(self._server) if seen.reached not in ("connect", "greeting") or seen.tls_version else {}
        )
        longest = tls_look.longest_chain(handshakes)
        tls = TlsLook(handshakes, certificates.read(longest) if longest else ())
        if seen.error is not None and seen.error.stage == "connect":
            return [name, _connection_lost(connection, seen.error)], seen, tls
        user, has_secret = self._route.user, self._credentials is not None
        steps = [name, connection, *steps_of(seen, tls, user=user, has_secret=has_secret)]
        if self._secret_error is not None:
            steps = [self._without_secret(step) if step.name == "login" else step for step in steps]
        if self._withheld:
            steps = [_withheld(step, self._server) if step.status == "skipped" else step for step in steps]
        spec = self._sender.spec if self._sender else ""
        recipient = self._recipient.spec if self._recipient else ""
        left_out = self._credentials is None and bool(user)
        steps += envelope_steps(seen, spec, recipient, login_left_out=left_out)
        return steps, seen, tls

    def _reached(self) -> tuple[Step, Step | None]:
        """The steps for name and connection; the second one is None when the first failed."""
        proxy = proxy_of(self._server)
        if proxy is not None:
            return addresses.connect_through(self._server, proxy, self._timeout)
        name, places = addresses.resolve_name(self._server, self._timeout)
        if name.status == "failed":
            return name, None
        connection, _ = addresses.connect(self._server, places, self._timeout)
        if connection.status == "failed" and self._take_next_door(places):
            connection, _ = addresses.connect(self._server, places, self._timeout)
        return name, connection

    def _walk(self) -> Walk:
        envelope = None
        if self._sender is not None and not self._route.reads:
            envelope = Envelope(self._sender, (self._recipient or self._sender,))
        return walk(
            self._server,
            self._credentials,
            envelope=envelope,
            sender_only=self._recipient is None,
            transcript=self._transcript,
        )

    def _tls_of(self, seen: Walk) -> TlsLook:
        if not seen.tls_version and seen.reached != "secure":
            return TlsLook({})
        handshakes = tls_look.look(self._server)
        longest = tls_look.longest_chain(handshakes)
        return TlsLook(handshakes, certificates.read(longest) if longest else ())

    def _read_secret(self) -> Credentials | None:
        if not self._route.user and "external" not in self._server.auth:
            return None
        if self._route.password is None and self._route.user:
            return self._from_keyring()
        try:
            return self._route.credentials()
        except errors.CourrielError as unreadable:
            self._secret_error = unreadable
            return None

    def _kept(self, credentials: Credentials | None) -> Credentials | None:
        """The same credentials; their secrets are kept, to be recognised in what the server says."""
        if isinstance(credentials, Password):
            self._secrets.append(credentials.secret)
        if not isinstance(credentials, TokenSource):
            return credentials
        fetch, refresh = credentials.fetch, credentials.refresh

        def kept(token: T) -> T:
            self._secrets.append(token.value if isinstance(token, Token) else str(token))
            return token

        def renewed(refused: str) -> Token | str | Awaitable[Token | str]:
            assert refresh is not None, "handed on only where there is one"
            return kept(refresh(refused))

        return replace(credentials, fetch=lambda: kept(fetch()), refresh=renewed if refresh is not None else None)

    def _from_keyring(self) -> Credentials | None:
        """The password that the keyring holds, when it holds one; none was asked for by name."""
        try:
            return self._route.credentials()
        except errors.CourrielError:
            return None

    def _without_secret(self, step: Step) -> Step:
        assert self._secret_error is not None
        return with_error(
            replace(step, status="failed", finding=in_both(self._secret_error.detail)), self._secret_error
        )

    def _take_next_door(self, places: list[Place]) -> bool:
        """Go on with the first port of a bare host that takes a connection; return whether there is one."""
        for server in self._meant.doors:
            hurried = _hurried(server, self._timeout)
            elsewhere = [(family, _at_port(address, server.port)) for family, address in places]
            if addresses.connect(hurried, elsewhere, self._timeout)[0].status != "failed":
                self._server = hurried
                self._route = replace(self._route, server=server)
                places[:] = elsewhere
                return True
        return False

    def _original(self) -> Server:
        assert self._route.server is not None
        return self._route.server

    def _token_was_refused(self, error: errors.CourrielError | None) -> bool:
        at_login = isinstance(error, errors.AuthenticationRefused) and isinstance(self._credentials, TokenSource)
        return at_login or any(isinstance(each, errors.TokenRefused) for each in (error, self._secret_error))


# The steps.

_FORBIDDEN = "PROXY-REFUSES-SERVER"


def _hurried(server: Server, timeout: float) -> Server:
    """The server with the doctor's time limits; a shorter limit of its own stays."""
    own = server.timeouts
    return replace(server, timeouts=Timeouts.silence(min(timeout, own.greeting), connect=min(timeout, own.connect)))


def _helps(failed: Step, error: errors.CourrielError | None) -> bool:
    if error is not None:
        return neighbours.worth_trying(error)
    # Of what a proxy answers, only that it does not let this port pass.
    return failed.name == "connection" and (not failed.failure.startswith("PROXY-") or failed.failure == _FORBIDDEN)


def _withheld(step: Step, server: Server) -> Step:
    """The login at a server that nobody but the name service has named: what to do to have it tried."""
    if step.name != "login":
        return step
    finding = Text(
        f"non essayée : {server.host} est hors du domaine de l'adresse ; s'il est le bon, donnez son URL",
        f"not tried: {server.host} is outside the domain of the address; if it is the right one, give its URL",
    )
    return replace(step, finding=finding)


def _connection_lost(step: Step, error: errors.CourrielError) -> Step:
    return with_error(replace(step, status="failed", finding=in_both(error.detail)), error)


def _at_port(address: object, port: int) -> object:
    return (address[0], port, *address[2:]) if isinstance(address, tuple) else address
