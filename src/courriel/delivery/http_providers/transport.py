"""
Transport that sends by HTTPS requests to a provider: one request, one mail, one verdict for all its recipients.

    with courriel.connect("graph:ada@contoso.example?password=login:ada@contoso.example") as transport:
        receipt = transport.send(message)

Everything that can be found out about a mail is found out before a connection is opened. An expired token is renewed
once, and the request repeated: the first one was refused. Connections are kept for the next mail of the next seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.http_providers.answers import LONGEST, failure
from courriel.delivery.http_providers.brevo import Brevo
from courriel.delivery.http_providers.graph import Graph
from courriel.delivery.http_providers.mailjet import Mailjet
from courriel.delivery.http_providers.provider import HttpProvider, ProviderLogin
from courriel.delivery.transport import one_after_the_other
from courriel.delivery.urls.schemes import HTTP_AT_ONCE
from courriel.model.receipt import Outcome, Receipt, RecipientResult, Result
from courriel.model.recipient_rule import rules_for
from courriel.model.servers.credentials import Password, Token, TokenSource
from courriel.model.submission import WINDOW, SendOptions, Submission
from courriel.network.https.line import HttpsLine

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType
    from typing import Self, Unpack

    from courriel.delivery.urls.route import Route
    from courriel.model.servers.server import Server
    from courriel.model.typed import SendArguments
    from courriel.network.https.exchange import HttpsResponse
    from courriel.network.https.line import HttpsRequest
    from courriel.network.transcripts.transcript import Transcript
    from courriel.session.encoding import Sendable

_PROVIDERS: dict[str, HttpProvider] = {"graph": Graph(), "brevo": Brevo(), "mailjet": Mailjet()}


class HttpTransport:
    """Transport to an HTTP provider, for any number of threads. Use it with `with`, or call `close()`.

    A password or a key was read when it was made; a token is asked for with each mail. A mail that the provider cannot
    express is refused as NotSupported, before an octet leaves.
    """

    obeys_recipient_rule = True
    parallel = HTTP_AT_ONCE
    """Submissions carried at once, each by a connection of its own."""

    def __init__(
        self,
        provider: HttpProvider,
        server: Server,
        credentials: Password | TokenSource,
        idle: deque[HttpsLine] | None = None,
    ) -> None:
        self._provider, self._server, self._credentials = provider, server, credentials
        self._idle: deque[HttpsLine] = deque() if idle is None else idle
        self._busy: set[HttpsLine] = set()
        self._rules = rules_for(server.redirect_to, server.allowlist)

    @property
    def name(self) -> str:
        """The provider's server, "host:port"."""
        return str(self._server)

    @property
    def answer_limit(self) -> float:
        """Seconds from the yes of `before_end` to the last octet of the answer, at most."""
        return self._server.timeouts.message

    @property
    def silence_limit(self) -> float:
        """Seconds that the provider may be silent at most before the end of a mail."""
        return max(self._server.timeouts.connect, self._server.timeouts.secure, self._server.timeouts.data)

    def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message; returns a receipt with a result for each recipient, see SmtpSession.send."""
        from courriel.session.encoding import submission_of
        from courriel.wire.smtp.extensions import Extensions

        # With DSN, so that reports are refused by name, and not left out with a note.
        known = Extensions({"SMTPUTF8": "", "DSN": ""})
        return self.submit(submission_of(message, known, SendOptions(**options) if options else None))

    def submit(self, submission: Submission) -> Receipt:
        """Send one submission; see Transport.submit."""
        if not isinstance(submission, Submission):
            raise errors.UsageError(f"submission: a value of Submission, not {type(submission).__name__}")
        submission = self._ruled(submission)
        body = self._provider.body(submission)
        try:
            return self._sent(submission, body)
        except errors.CourrielError as failed:
            failed.message_id = submission.message_id
            raise

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Send many submissions, one after the other; yields one result for each, see Transport.submit_many."""
        return one_after_the_other(self.submit, submissions)

    @contextmanager
    def session(self, transcript: Transcript | None = None) -> Generator[HttpTransport]:
        """The same transport for one batch, so that `hang_up` ends that batch alone; connections are shared."""
        yield HttpTransport(self._provider, self._server, self._credentials, self._idle)

    def try_login(self) -> None:
        """Ask the provider whether it accepts the secret, by a documented request that sends nothing.

        Raises AuthenticationRefused, and what a connection raises; RemoteProtocolError for an answer of another kind.
        """
        login = self._login("")
        response = self._exchange(self._provider.trial(login), None)
        if response.status == 401 and isinstance(self._credentials, TokenSource):
            login = self._login(login.secret)
            response = self._exchange(self._provider.trial(login), None)
        if self._provider.tried(response):
            return
        failed = self._failure(response, login, ())
        failed.in_doubt = False  # nothing was to be sent
        raise failed

    def hang_up(self) -> None:
        """Abort the submissions in flight, from any thread: they fail, and may be in doubt."""
        for line in list(self._busy):
            line.hang_up()

    def close(self) -> None:
        """Close the connections; accepted submissions stay accepted, and the next one opens another."""
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._provider.title}, {self.name}>"

    # The steps.

    def _ruled(self, submission: Submission) -> Submission:
        for rule in self._rules:
            envelope, content = rule.applied(submission.envelope, submission.content)
            submission = replace(submission, envelope=envelope, content=content)
        return submission

    def _sent(self, submission: Submission, body: bytes) -> Receipt:
        login = self._login("")
        response = self._exchange(self._provider.request(login, body), submission)
        if response.status == 401 and isinstance(self._credentials, TokenSource):
            # Refused, and so not sent: another token, once.
            login = self._login(login.secret)
            response = self._exchange(self._provider.request(login, body), submission)
        reply = self._provider.accepted(response)
        recipients = tuple(address.spec for address in submission.envelope.recipients)
        if reply is None:
            raise self._failure(response, login, recipients)
        fates = tuple(RecipientResult(each, Outcome.ACCEPTED, reply) for each in recipients)
        return Receipt(self.name, submission.message_id, reply, fates).with_notes(*submission.notes)

    def _login(self, refused: str) -> ProviderLogin:
        """The secret of the moment; another token than the refused one."""
        source = self._credentials
        if isinstance(source, Password):
            return ProviderLogin(source.user, source.secret)
        token = source.refresh(refused) if refused and source.refresh is not None else source.fetch()
        if not isinstance(token, Token | str):
            close = getattr(token, "close", None)
            if close is not None:
                close()  # a coroutine that is never awaited
            raise errors.UsageError("an async token source: HTTP providers are asked in a thread, and take a plain one")
        return ProviderLogin(source.user, token.value if isinstance(token, Token) else Token(token).value)

    def _exchange(self, request: HttpsRequest, submission: Submission | None) -> HttpsResponse:
        try:
            line = self._idle.pop()
        except IndexError:
            line = HttpsLine(self._server)
        self._busy.add(line)
        try:
            return line.exchange(
                request, longest=LONGEST, before_end=submission.before_end if submission is not None else None
            )
        finally:
            self._busy.discard(line)
            if line.connected:
                self._idle.append(line)

    def _failure(
        self, response: HttpsResponse, login: ProviderLogin, recipients: tuple[str, ...]
    ) -> errors.CourrielError:
        why = self._provider.explanation(response)
        if login.secret in why.sentence or login.secret in why.code:
            why = replace(
                why, sentence=why.sentence.replace(login.secret, "***"), code=why.code.replace(login.secret, "***")
            )
        return failure(
            response,
            why,
            self._provider.verdict(response.status, why),
            server=self.name,
            recipients=recipients,
            wait=self._provider.wait(response),
        )


def http_transport(route: Route) -> HttpTransport:
    """The transport of a route to an HTTP provider; its key is read now. Raises UsageError when there is none."""
    credentials = route.credentials()
    if not isinstance(credentials, Password | TokenSource):
        raise errors.UsageError(f"{route.name}: nothing says where its key lies: ?password=", stage="authenticate")
    return HttpTransport(_PROVIDERS[route.kind], route.server_to_reach(), credentials)
