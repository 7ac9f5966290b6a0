"""
Send one message in one call: open, send, close.

    courriel.send(to="bob@example.org", subject="Paid", text="...", via="billing")
    courriel.send(message, via="smtps://ada@smtp.example.org")
    receipt = await courriel.asend(message)

URL parser and settings are imported by the first call: programs that open sessions themselves do not need them.
"""

from __future__ import annotations

from collections.abc import Mapping

from courriel import errors
from courriel.model.credentials import Token, TokenSource
from courriel.model.message import Message
from courriel.model.receipt import Receipt
from courriel.model.server import Server
from courriel.session.wishes import Wishes, all_or_nothing
from courriel.values import dataclass, replace

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import TypeAlias, TypedDict, Unpack

    from courriel.delivery.route import Route
    from courriel.model.address import Address
    from courriel.model.attachment import Attachments
    from courriel.model.envelope import Notify, Return
    from courriel.model.message import Addresses, Priority
    from courriel.network.transcript import Transcript
    from courriel.session.outgoing import Sendable
    from courriel.session.pool import SmtpPool
    from courriel.session.pool_awaited import AsyncSmtpPool
    from courriel.session.smtp import AsyncSmtpSession, SmtpSession
    from courriel.session.wishes import OnRefused

    class Fields(TypedDict, total=False):
        """Fields of the message, and send options of the call."""

        sender: str | Address
        to: Addresses
        cc: Addresses
        bcc: Addresses
        reply_to: Addresses
        subject: str
        text: str
        html: str
        attachments: Attachments
        priority: Priority | str
        read_receipt: bool | str | Address | None
        delivery_receipt: bool
        headers: Mapping[str, str] | Iterable[tuple[str, str]]
        message_id: str
        date: datetime | None
        in_reply_to: str | Iterable[str]
        references: str | Iterable[str]
        list_unsubscribe: str | Iterable[str]
        one_click: bool
        on_refused: OnRefused
        notify: Iterable[Notify]
        ret: Return | None
        envid: str
        require_tls: bool
        transcript: Transcript | None


WayOut: TypeAlias = "str | Route | Server | None"
"""A URL, the name of a profile, a Route, a Server without a login; None for the configured default."""

_WISHES = ("on_refused", "notify", "ret", "envid", "require_tls")


def send(
    message: Sendable | None = None, *, via: WayOut | SmtpSession | SmtpPool = None, **fields: Unpack[Fields]
) -> Receipt:
    """Send one message; returns a receipt with the result of each recipient.

    `via` is a URL, the name of a profile, a Route, a Server, or an open session, which stays open; by default the
    settings decide (`courriel.delivery.profiles`). Without a `message` it is made of the `fields`, and the sender
    defaults to the `from` of the route. With a message, `sender` and `to` replace those of its envelope. `on_refused`,
    `notify`, `ret`, `envid` and `require_tls` are those of `SmtpSession.send`, and so are the errors; InvalidUrl and
    UsageError for `via` in addition. A `transcript` records the conversation, without secrets and content. With
    `?pool=` or `?rate=` all sends of this process with the same `via` share its sessions.

    Time limits: `?timeout=10` bounds opening (connect, TLS, greeting, login) and then the wait for each reply, in
    seconds; `?total=30` bounds the whole call, which suits a web request. Without them a server that answers as late as
    allowed at every stage can hold the caller for some forty minutes (`Timeouts`).
    """
    from courriel.delivery.route import Route

    transcript = fields.pop("transcript", None)
    if via is not None and not isinstance(via, str | Route | Server):
        _refuse_transcript(transcript)
        return _by_session(via, message, fields)
    route = _route(via)
    del via  # it may hold a password, and error reporters record the locals of frames
    sending = _made(message, fields, route)
    if route.server is None:
        return _keep(route, sending)
    route.say_warnings()
    if route.pooled:
        return _by_shared_pool(route, sending, transcript)
    from courriel.session.smtp import SmtpSession

    try:
        session = SmtpSession(route.server, route.credentials(), transcript=transcript)
        session.count_as_one_call()
        with session:
            return _send(session, sending)
    except errors.CourrielError as error:
        route.blame(error)
        raise


async def asend(
    message: Sendable | None = None, *, via: WayOut | AsyncSmtpSession | AsyncSmtpPool = None, **fields: Unpack[Fields]
) -> Receipt:
    """Send one message; returns a receipt with the result of each recipient: `send` for asyncio.

    An open session must be an AsyncSmtpSession. Blocking steps (settings file, password command, folder) run in a
    thread.
    """
    from asyncio import to_thread

    from courriel.delivery.route import Route

    transcript = fields.pop("transcript", None)
    if via is not None and not isinstance(via, str | Route | Server):
        _refuse_transcript(transcript)
        return await _asend_by_session(via, message, fields)

    route = await to_thread(_route, via)
    del via
    sending = _made(message, fields, route)
    if route.server is None:
        return await to_thread(_keep, route, sending)
    route.say_warnings()
    if route.pooled:
        return await to_thread(_by_shared_pool, route, sending, transcript)
    from courriel.session.smtp import AsyncSmtpSession

    try:
        credentials = await to_thread(route.credentials)
        if isinstance(credentials, TokenSource):
            credentials = _in_a_thread(credentials, route)
        session = AsyncSmtpSession(route.server, credentials, transcript=transcript)
        session.count_as_one_call()
        async with session:
            return await _asend(session, sending)
    except errors.CourrielError as error:
        route.blame(error)
        raise


# The steps.


@dataclass(frozen=True, slots=True)
class _Sending:
    """One message, and the send options of the call."""

    message: Sendable
    wishes: Wishes
    on_refused: OnRefused


def _route(via: WayOut) -> Route:
    from courriel.delivery import profiles
    from courriel.delivery.quoting import refusal
    from courriel.delivery.route import Route

    route = profiles.resolve(Route.of(via) if isinstance(via, Server) else via)
    if route.reads:
        raise refusal(f"{route.name} is for reading mail, and none leaves by it: write smtps://… to send")
    return route


def _made(message: Sendable | None, fields: Fields, route: Route | None) -> _Sending:
    """The message and its send options. Raises UsageError for unknown fields."""
    on_refused = fields.get("on_refused", "deliver")
    all_or_nothing(on_refused)  # an invalid value is refused before connecting
    wishes = Wishes(
        notify=fields.get("notify", ()),
        ret=fields.get("ret"),
        envid=fields.get("envid", ""),
        require_tls=fields.get("require_tls", False),
    )
    from courriel.session.outgoing import check_sendable

    rest = {name: value for name, value in fields.items() if name not in _WISHES}
    if message is None:
        return _Sending(_message(rest, route), wishes, on_refused)
    check_sendable(message)
    for name in rest:
        if name not in ("sender", "to"):
            raise errors.UsageError(f"{name}: a message that is made already is not changed by send()", stage="compose")
    return _Sending(message, replace(wishes, sender=fields.get("sender"), to=fields.get("to")), on_refused)


def _message(fields: dict[str, object], route: Route | None) -> Message:
    """The message made of the fields; its sender may be that of the route."""
    if not fields.get("sender"):
        if route is None or route.sender is None:
            raise errors.InvalidMessage(
                "sender: none was given, and the way out has none either (?from=ada@example.org)",
                stage="compose",
                hint_id="NO-SENDER",
            )
        fields["sender"] = route.sender
    try:
        return Message(**fields)  # type: ignore[arg-type]  # the words are those of `Fields`
    except TypeError as wrong:
        unknown = [name for name in fields if name not in Message.__slots__]
        if not unknown:
            raise
        from courriel.delivery.quoting import nearest

        known = [*Message.__slots__, *_WISHES]
        raise errors.UsageError(
            f"{unknown[0]!r} is not a field of a message{nearest(unknown[0], known)}: {', '.join(known)}",
            stage="compose",
        ) from wrong


def _keep(route: Route, sending: _Sending) -> Receipt:
    """Send by a local transport."""
    from courriel.delivery.keep import transport_of
    from courriel.session.outgoing import IN_EIGHT_BITS, prepare

    transport = transport_of(route)
    assert transport is not None, route.kind
    out = prepare(sending.message, IN_EIGHT_BITS, sending.wishes)
    receipt = transport.send(out.envelope, out.content)
    return replace(receipt, message_id=out.message_id).with_notes(*out.notes)


def _by_session(session: SmtpSession | SmtpPool, message: Sendable | None, fields: Fields) -> Receipt:
    from courriel.delivery import profiles
    from courriel.session.pool import SmtpPool
    from courriel.session.smtp import SmtpSession

    if not isinstance(session, SmtpSession | SmtpPool):
        raise _wrong_way(session, "send() takes a URL, a profile, a Route, a Server or an open SmtpSession or SmtpPool")
    sending = _made(message, fields, None)
    captured = profiles.capture()
    return _keep(captured, sending) if captured else _send(session, sending)


async def _asend_by_session(
    session: AsyncSmtpSession | AsyncSmtpPool, message: Sendable | None, fields: Fields
) -> Receipt:
    from asyncio import to_thread

    from courriel.delivery import profiles
    from courriel.session.pool_awaited import AsyncSmtpPool
    from courriel.session.smtp import AsyncSmtpSession

    if not isinstance(session, AsyncSmtpSession | AsyncSmtpPool):
        raise _wrong_way(
            session, "asend() takes a URL, a profile, a Route, a Server or an open AsyncSmtpSession or AsyncSmtpPool"
        )
    sending = _made(message, fields, None)
    captured = profiles.capture()
    if captured:
        return await to_thread(_keep, captured, sending)
    return await _asend(session, sending)


def _refuse_transcript(transcript: Transcript | None) -> None:
    if transcript is not None:
        raise errors.UsageError("transcript: an open session has its own; give it to SmtpSession", stage="compose")


def _wrong_way(way: object, sentence: str) -> errors.UsageError:
    return errors.UsageError(f"via: {sentence}, and not {type(way).__name__}", stage="compose")


def _by_shared_pool(route: Route, sending: _Sending, transcript: Transcript | None) -> Receipt:
    """Send on a session of the pool that this process shares for the route."""
    from courriel.delivery.connect import forget_shared_pool, shared_pool

    try:
        if transcript is None:
            return _send(shared_pool(route), sending)
        with shared_pool(route).session(transcript=transcript) as session:
            return _send(session, sending)
    except errors.CourrielError as error:
        if isinstance(error, errors.AuthenticationRefused):
            forget_shared_pool(route)  # the password may have changed
        route.blame(error)
        raise


def _send(session: SmtpSession | SmtpPool, sending: _Sending) -> Receipt:
    wishes = sending.wishes
    return session.send(
        sending.message,
        sender=wishes.sender,
        to=wishes.to,
        on_refused=sending.on_refused,
        notify=wishes.notify,
        ret=wishes.ret,
        envid=wishes.envid,
        require_tls=wishes.require_tls,
    )


async def _asend(session: AsyncSmtpSession | AsyncSmtpPool, sending: _Sending) -> Receipt:
    wishes = sending.wishes
    return await session.send(
        sending.message,
        sender=wishes.sender,
        to=wishes.to,
        on_refused=sending.on_refused,
        notify=wishes.notify,
        ret=wishes.ret,
        envid=wishes.envid,
        require_tls=wishes.require_tls,
    )


def _in_a_thread(source: TokenSource, route: Route) -> TokenSource:
    """The same token source, with `fetch` run in a thread."""
    from asyncio import to_thread

    async def fetch() -> Token | str:
        return await to_thread(route.read_secret)

    return replace(source, fetch=fetch)
