"""
Pool and outbox for the life of a Starlette or FastAPI service, and errors as HTTP statuses (extra: starlette).

    from courriel.integrations.starlette import answer_errors, lifespan, pool

    app = FastAPI(lifespan=lifespan("smtps://ada@smtp.example.org?password=env:MAIL_PASSWORD&pool=4"))
    answer_errors(app)

    @app.post("/invitations")
    async def invite(to: str, mail: Annotated[AsyncSmtpPool, Depends(pool)]) -> None:
        await mail.send(Message(sender="ada@example.org", to=to, subject="Hello", text="..."))

Mail that must not be lost when the process ends goes into an outbox (`lifespan(outbox=…)`), and not into
BackgroundTasks, which live in memory. See docs/fastapi.md.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import courriel
from courriel import AsyncOutbox, AsyncSigned, AsyncSmtpSession, CourrielError, Route, Server, errors
from courriel._dataclass import replace
from courriel.failures import language
from courriel.failures.sentences import french
from courriel.types import AsyncConnected, Via

try:
    from starlette.applications import Starlette
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import JSONResponse, Response
except ImportError as missing:
    raise errors.MissingExtra(
        'a service with Starlette or FastAPI needs starlette: pip install "courriel[starlette]"',
        hint_id="EXTRA-MISSING",
    ) from missing

logger = logging.getLogger("courriel.starlette")

SIZE = 4
"""Sessions of the pool when a URL says nothing of it: accepted by the strictest of the common providers."""
RETRY_AFTER = 60
"""Seconds in Retry-After: a busy server of mail is rarely free in less."""
GRACE = 8.0
"""Seconds that a worker waits for pending answers at the end: less than the ten after which Docker kills."""

State = Mapping[str, object]
"""What `request.state` of each request holds."""


def lifespan(
    via: Via = None,
    *,
    outbox: str | os.PathLike[str] | None = None,
    worker: bool = False,
    grace: float = GRACE,
) -> Callable[[Starlette], AbstractAsyncContextManager[State]]:
    """Lifespan of a service: a pool for `via`, an outbox where its place is given, and with `worker` one that sends.

    `via` is a URL (with `?pool=4` unless it says otherwise), the name of a profile, or None for the configured default.
    It is read at the start, and no connection is opened before the first mail; with an outbox and no `via` there is no
    pool. At the end the worker waits for pending answers, up to `grace` seconds, and gives back the rest; the pool is
    closed. Raises UsageError, InvalidUrl, OutboxError at the start.
    """
    if worker and outbox is None:
        raise errors.UsageError("worker: it sends what lies in an outbox; give outbox= as well")

    @asynccontextmanager
    async def living(_: Starlette) -> AsyncGenerator[State]:
        state: dict[str, object] = {}
        async with AsyncExitStack() as ends:
            if via is not None or outbox is None:
                state["courriel_pool"] = await ends.enter_async_context(await _pool_of(via))
            if outbox is not None:
                opened = await ends.enter_async_context(AsyncOutbox(outbox))
                state["courriel_outbox"] = opened
                if worker:
                    started = opened.worker().start()
                    ends.push_async_callback(started.stop, grace)
            yield state

    return living


def pool(connection: HTTPConnection) -> AsyncConnected:
    """Dependency: the pool of this service, `Depends(pool)`. Raises UsageError without `lifespan`."""
    found: AsyncConnected = _of_state(connection, "courriel_pool", "lifespan=lifespan(via)")
    return found


def outbox(connection: HTTPConnection) -> AsyncOutbox:
    """Dependency: the outbox of this service, `Depends(outbox)`. Raises UsageError without `lifespan(outbox=…)`."""
    found: AsyncOutbox = _of_state(connection, "courriel_outbox", "lifespan=lifespan(outbox=place)")
    return found


def answer_errors(app: Starlette, *, retry_after: int = RETRY_AFTER) -> None:
    """Answer requests that end with an error of courriel by its status (`status_of`), as `application/problem+json`.

    The answer says whether the same request may be sent again (`retryable`), and whether the mail may have left all the
    same (`in_doubt`). It names no server; the error is logged by "courriel.starlette".
    """

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, CourrielError)
        return response_to(error, request, retry_after=retry_after)

    app.add_exception_handler(CourrielError, answer)


def status_of(error: CourrielError) -> int:
    """HTTP status of an error.

    503 when the same request may succeed later; 422 for an address or a message that cannot be sent, also by the word
    of the server; 404 and 409 for tickets and keys of an outbox; 502 for a mail server that refuses, is broken, or
    leaves the mail in doubt; 500 for an error in the program.
    """
    if error.retryable or isinstance(error, errors.OutboxFull | errors.OutboxUnreachable | errors.OutboxUncertain):
        return 503
    for kinds, status in _STATUSES:
        if isinstance(error, kinds):
            return status
    return 500


def response_to(error: CourrielError, request: Request, *, retry_after: int = RETRY_AFTER) -> Response:
    """The answer to a request that ended with this error, in English or French as the request prefers."""
    status = status_of(error)
    level = logging.INFO if status < 500 else logging.WARNING if status == 503 else logging.ERROR
    logger.log(level, "A mail was not sent: %s", error, exc_info=error if level == logging.ERROR else None)
    chosen = _language_of(request)
    body: dict[str, object] = {
        "type": "about:blank",
        "title": _TITLES[status][chosen == "fr"],
        "status": status,
        "retryable": status == 503,
        "in_doubt": error.in_doubt,
    }
    if isinstance(error, errors.InvalidAddress | errors.InvalidMessage):
        body["detail"] = french(error.detail) if chosen == "fr" else error.detail
    if error.refused:
        body["refused"] = sorted(error.refused)
    headers = {"Content-Language": chosen, "Vary": "Accept-Language"}
    if status == 503:
        headers["Retry-After"] = str(retry_after)
    return JSONResponse(body, status, headers, media_type="application/problem+json")


# The steps.

_STATUSES: tuple[tuple[tuple[type[CourrielError], ...], int], ...] = (
    ((errors.KeyReused,), 409),
    ((errors.TicketNotFound,), 404),
    ((errors.InvalidAddress, errors.InvalidMessage, errors.RecipientsRefused), 422),
    ((errors.UsageError, errors.OutboxError), 500),
    ((CourrielError,), 502),
)
_TITLES = {
    404: ("There is no such mail.", "Ce courrier n'existe pas."),
    409: ("Another mail was put under this key.", "Un autre courrier a été déposé sous cette clé."),
    422: ("This address or message cannot be sent.", "Cette adresse ou ce message ne peut pas être envoyé."),
    500: ("The mail was not sent: the service is at fault.", "Le courrier n'est pas parti : le service est en faute."),
    502: ("The mail server did not take the mail.", "Le serveur de courrier n'a pas pris le message."),
    503: ("The mail cannot be sent now; try again later.", "Le courrier ne peut pas partir maintenant ; réessayez."),
}


async def _pool_of(via: Via) -> AsyncConnected:
    """The transport of a setting, which many requests may use at once. Raises UsageError for a single session."""
    if isinstance(via, Server) or (isinstance(via, str) and ":" in via):
        via = Route.of(via) if isinstance(via, Server) else Route.parse(via)
    if isinstance(via, Route) and via.by_session and not via.pooled:
        via = replace(via, pool=SIZE)
    made = await courriel.aconnect(via)
    if isinstance(made.transport if isinstance(made, AsyncSigned) else made, AsyncSmtpSession):
        raise errors.UsageError(
            "many requests send at once, and one session carries one mail: add pool = 4 to the profile"
        )
    return made


def _of_state(connection: HTTPConnection, name: str, wanted: str) -> Any:
    found = getattr(connection.state, name, None)
    if found is None:
        raise errors.UsageError(f"this service has none: make the app with {wanted}, and a test client by `with`")
    return found


def _language_of(request: Request) -> str:
    """The first of English and French that the request names, in its own order; else that of the process."""
    for word in request.headers.get("accept-language", "").split(","):
        begun = word.strip().lower()[:2]
        if begun in ("en", "fr"):
            return begun
    return language()
