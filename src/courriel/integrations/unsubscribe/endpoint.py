"""
The endpoint of one-click unsubscribe, without a web server: what a request is answered, and what it does.

RFC 8058: a POST with List-Unsubscribe=One-Click unsubscribes by itself, without cookie, login, CSRF token or redirect.
GET and HEAD change nothing, since scanners follow every link of a mail. What is not done is never said to be done.
"""

from __future__ import annotations

import inspect
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping

from courriel import errors
from courriel._dataclass import dataclass, field, replace
from courriel.failures import Language
from courriel.integrations.unsubscribe.changes import Change, Target, changes_of, is_awaited
from courriel.integrations.unsubscribe.form import LARGEST, BrokenForm, UnknownForm, fields_of
from courriel.integrations.unsubscribe.links import Subscription, UnsubscribeLinks
from courriel.integrations.unsubscribe.page import FIELD, PAGE_FIELD, UNDO_FIELD, VALUE, PageAnswer, answer
from courriel.integrations.unsubscribe.words import AnswerKind, preferred
from courriel.integrations.unsubscribe.wrong_tokens import WINDOW, WrongTokens

logger = logging.getLogger("courriel.unsubscribe")

_AWAY = (errors.OutboxError, OSError)
"""Errors of a store that is away, busy or full for now; a function that took too long raises an OSError as well."""
_UNAVAILABLE, _RETRY_SECONDS = 503, 60


@dataclass(frozen=True, slots=True)
class Asked:
    """A request without its body. `client` is the address that it came from, for counting wrong tokens."""

    method: str
    path: str = field(repr=False)
    accept_language: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """Request of a POST that has not been carried out yet."""

    subscription: Subscription
    change: Change = field(repr=False)
    undo: bool
    by_page: bool
    language: Language


class UnsubscribeEndpoint:
    """Answers of the endpoint of these links.

    `on_unsubscribe` removes an address from a list, `on_undo` puts it back; without that there is no button for it. An
    outbox in the place of the first does both. `titles` names lists for people. Web frameworks that are neither ASGI
    nor WSGI call `respond`.
    """

    def __init__(
        self,
        links: UnsubscribeLinks,
        on_unsubscribe: Target,
        *,
        on_undo: Change | None = None,
        titles: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._links = links
        self._on_unsubscribe, self._on_undo = changes_of(on_unsubscribe, on_undo)
        self._titles = dict(titles or {})
        self._wrong = WrongTokens(clock)

    @property
    def awaits(self) -> bool:
        """Whether one of the functions is awaited, which WSGI cannot do."""
        return any(is_awaited(each) for each in (self._on_unsubscribe, self._on_undo) if each is not None)

    def respond(self, asked: Asked, content_type: str, body: bytes) -> PageAnswer:
        """Answer one request, with the beginning of its body: one octet more than is taken suffices. It blocks."""
        begun = self.begin(asked)
        if isinstance(begun, PageAnswer):
            return begun
        act = self.decide(asked, begun, content_type, body)
        if isinstance(act, PageAnswer):
            return act
        try:
            done = act.change(act.subscription.address, act.subscription.list_name)
            if inspect.isawaitable(done):
                _abandon(done)
                raise TypeError("a function that is awaited, where nobody can await")
        except Exception as error:  # noqa: BLE001 - whatever a program's function raises: it is not done, and we say so
            return self.failed(act, error)
        return self.done(act)

    def begin(self, asked: Asked) -> PageAnswer | Subscription:
        """Answer a request that needs no body; for a POST with a valid token, the subscription it is about."""
        if asked.method not in ("GET", "HEAD", "POST"):
            return self.refuse(asked, AnswerKind.NO_METHOD, {"Allow": "GET, HEAD, POST"})
        subscription = self._links.read(asked.path.rstrip("/").rpartition("/")[2])
        if subscription is None:
            if self._wrong.count(asked.client):
                return self.refuse(asked, AnswerKind.TOO_MANY, {"Retry-After": f"{WINDOW:.0f}"})
            return self.refuse(asked, AnswerKind.WRONG)
        if subscription.expired:
            return self.refuse(asked, AnswerKind.EXPIRED)
        if asked.method == "POST":
            return subscription
        return self._tell(AnswerKind.ASKED, preferred(asked.accept_language), subscription)

    def decide(self, asked: Asked, subscription: Subscription, content_type: str, body: bytes) -> PageAnswer | Act:
        """Read the form of a POST: the act that it asks for, or the refusal of one that asks for nothing."""
        if len(body) > LARGEST:
            return self.refuse(asked, AnswerKind.TOO_LARGE)
        try:
            fields = fields_of(content_type, body)
        except UnknownForm:
            return self.refuse(asked, AnswerKind.NO_FORM)
        except BrokenForm:
            return self.refuse(asked, AnswerKind.NO_CLICK)
        chosen = preferred(asked.accept_language)
        if (FIELD, VALUE) in fields:
            by_page = any(name == PAGE_FIELD for name, _ in fields)
            return Act(subscription, self._on_unsubscribe, undo=False, by_page=by_page, language=chosen)
        token = dict(fields).get(UNDO_FIELD)
        if token is None or self._on_undo is None:
            return self.refuse(asked, AnswerKind.NO_CLICK)
        if not self._links.undoes(token, subscription):
            return self.refuse(asked, AnswerKind.TOO_LATE)
        return Act(subscription, self._on_undo, undo=True, by_page=True, language=chosen)

    def done(self, act: Act) -> PageAnswer:
        """Answer that an act is done, and log it without its address."""
        named = act.subscription.list_name
        if act.undo:
            logger.info("An unsubscribe was taken back", extra={"action": "unsubscribe_undone", "list": named})
            return self._tell(AnswerKind.UNDONE, act.language, act.subscription)
        logger.info("An address was unsubscribed", extra={"action": "unsubscribed", "list": named})
        # A provider that clicks for its user shows nothing: only the page itself is handed the means to undo.
        return self._tell(AnswerKind.DONE, act.language, act.subscription, undo=act.by_page)

    def failed(self, act: Act, error: BaseException) -> PageAnswer:
        """Say that it is not done, so that one asks again; an error's text may have the address, and is not logged."""
        away = isinstance(error, _AWAY)
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
        logger.error(
            "An unsubscribe was not done, and answered by %d: %s, raised in %s",
            _UNAVAILABLE if away else AnswerKind.NOT_DONE.status, type(error).__name__, place,
            extra={"action": "unsubscribe_failed", "list": act.subscription.list_name, "undo": act.undo},
        )  # fmt: skip
        kind = AnswerKind.NOT_UNDONE if act.undo else AnswerKind.NOT_DONE
        given = self._tell(kind, act.language, act.subscription, undo=act.undo)
        if not away:
            return given
        later = ("Retry-After", f"{_RETRY_SECONDS}")
        return replace(given, status=_UNAVAILABLE, headers=(*given.headers, later))

    def refuse(self, asked: Asked, kind: AnswerKind, more: Mapping[str, str] | None = None) -> PageAnswer:
        """The answer to a request that changes nothing."""
        return answer(kind, preferred(asked.accept_language), more=more)

    # The steps.

    def _tell(
        self, kind: AnswerKind, chosen: Language, subscription: Subscription, *, undo: bool = False
    ) -> PageAnswer:
        title = self._titles.get(subscription.list_name, subscription.list_name)
        token = self._links.undo_token(subscription) if undo and self._on_undo is not None else ""
        return answer(kind, chosen, subscription, title=title, undo=token)


# The steps.


def _abandon(awaitable: Awaitable[object]) -> None:
    """Close a coroutine that nobody awaits, without Python's warning about it."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()
