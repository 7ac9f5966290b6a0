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
from courriel.model.message import Message
from courriel.model.receipt import Receipt
from courriel.model.server import Server
from courriel.model.submission import SendOptions, Submission

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import TypeAlias, TypedDict, Unpack

    from courriel.delivery.local import LocalTransport
    from courriel.delivery.transport import AsyncTransport, Transport
    from courriel.delivery.urls.route import Route
    from courriel.model.address import Address
    from courriel.model.attachment import Attachments
    from courriel.model.envelope import Notify, Return
    from courriel.model.message import Addresses, Priority
    from courriel.model.submission import OnRefused, SendArguments
    from courriel.network.transcripts.transcript import Transcript
    from courriel.session.encoding import Sendable

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


Via: TypeAlias = "str | Route | Server | None"
"""A URL, the name of a profile, a Route, a Server without a login; None for the configured default."""

_OPTIONS = ("on_refused", "notify", "ret", "envid", "require_tls")


def send(message: Sendable | None = None, /, *, via: Via | Transport = None, **fields: Unpack[Fields]) -> Receipt:
    """Send one message; returns a receipt with the result of each recipient.

    `via` is a URL, the name of a profile, a Route, a Server, or an open session, which stays open; by default the
    settings decide (`courriel.delivery.settings.profiles`). Without a `message` it is made of the `fields`, and the
    sender defaults to the `from` of the route. With a message, `sender` and `to` replace those of its envelope.
    `on_refused`, `notify`, `ret`, `envid` and `require_tls` are those of `SmtpSession.send`, and so are the errors;
    InvalidUrl and UsageError for `via` in addition. A `transcript` records the conversation, without secrets and
    content. With `?pool=` or `?rate=` all sends of this process with the same `via` share its sessions.

    Time limits: `?timeout=10` bounds opening (connect, TLS, greeting, login) and then the wait for each reply, in
    seconds; `?total=30` bounds the whole call, which suits a web request. Without them a server that answers as late as
    allowed at every stage can hold the caller for some forty minutes (`Timeouts`).
    """
    from courriel.delivery.urls.route import Route

    transcript = fields.pop("transcript", None)
    if via is not None and not isinstance(via, str | Route | Server):
        _refuse_transcript(transcript)
        return _by_transport(via, message, fields)
    route = _route(via)
    del via  # it may hold a password, and error reporters record the locals of frames
    message, options = _made(message, fields, route)
    if route.server is None:
        return _local(route).send(message, **options)
    route.say_warnings()
    if route.pooled:
        return _by_shared_pool(route, message, options, transcript)
    from courriel.session.smtp import SmtpSession

    try:
        session = SmtpSession(route.server, route.credentials(), transcript=transcript)
        session.count_as_one_call()
        with session:
            return session.send(message, **options)
    except errors.CourrielError as error:
        route.blame(error)
        raise


async def asend(
    message: Sendable | None = None, /, *, via: Via | AsyncTransport = None, **fields: Unpack[Fields]
) -> Receipt:
    """Send one message; returns a receipt with the result of each recipient: `send` for asyncio.

    An open session must be an AsyncSmtpSession. Blocking steps (settings file, password command, folder) run in a
    thread.
    """
    from asyncio import to_thread

    from courriel.delivery.urls.route import Route

    transcript = fields.pop("transcript", None)
    if via is not None and not isinstance(via, str | Route | Server):
        _refuse_transcript(transcript)
        return await _by_async_transport(via, message, fields)

    route = await to_thread(_route, via)
    del via
    message, options = _made(message, fields, route)
    if route.server is None:
        return await to_thread(_local(route).send, message, **options)
    route.say_warnings()
    if route.pooled:
        return await to_thread(_by_shared_pool, route, message, options, transcript)
    from courriel.session.smtp import AsyncSmtpSession

    try:
        session = AsyncSmtpSession(route.server, await to_thread(route.credentials), transcript=transcript)
        session.count_as_one_call()
        async with session:
            return await session.send(message, **options)
    except errors.CourrielError as error:
        route.blame(error)
        raise


# The steps.


def _route(via: Via) -> Route:
    from courriel.delivery.settings import profiles
    from courriel.delivery.urls.percent import refusal
    from courriel.delivery.urls.route import Route

    route = profiles.resolve(Route.of(via) if isinstance(via, Server) else via)
    if route.reads:
        raise refusal(f"{route.name} is for reading mail, and none leaves by it: write smtps://… to send")
    return route


def _made(message: Sendable | None, fields: Fields, route: Route | None) -> tuple[Sendable, SendArguments]:
    """The message and its send options. Raises UsageError for unknown fields."""
    from courriel.session.encoding import check_sendable

    options = {name: value for name, value in fields.items() if name in _OPTIONS}
    rest = {name: value for name, value in fields.items() if name not in _OPTIONS}
    if message is None:
        message = _message(rest, route)
    else:
        check_sendable(message)
        for name, value in rest.items():
            if name not in ("sender", "to"):
                raise errors.UsageError(
                    f"{name}: a message that is made already is not changed by send()", stage="compose"
                )
            options[name] = value
    checked = SendOptions(**options)  # type: ignore[arg-type]  # the words are those of `SendArguments`
    return message, {name: getattr(checked, name) for name in options}  # type: ignore[return-value]


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
        from courriel.delivery.urls.percent import nearest

        known = [*Message.__slots__, *_OPTIONS]
        raise errors.UsageError(
            f"{unknown[0]!r} is not a field of a message{nearest(unknown[0], known)}: {', '.join(known)}",
            stage="compose",
        ) from wrong


def _local(route: Route) -> LocalTransport:
    """The local transport of a route."""
    from courriel.delivery.local import transport_of

    transport = transport_of(route)
    assert transport is not None, route.kind
    return transport


def _by_transport(transport: Transport, message: Sendable | None, fields: Fields) -> Receipt:
    from courriel.delivery.settings import profiles
    from courriel.delivery.transport import is_awaited, is_transport

    if not is_transport(transport) or is_awaited(transport):
        raise _wrong_way(
            transport,
            "send() takes a URL, a profile, a Route, a Server or a Transport such as an open SmtpSession or SmtpPool",
        )
    message, options = _made(message, fields, None)
    captured = profiles.capture()
    if captured:
        return _local(captured).send(message, **options)
    own = getattr(type(transport), "send", None)
    return own(transport, message, **options) if own else transport.submit(_submission(message, options))


async def _by_async_transport(transport: AsyncTransport, message: Sendable | None, fields: Fields) -> Receipt:
    from asyncio import to_thread

    from courriel.delivery.settings import profiles
    from courriel.delivery.transport import is_awaited, is_transport

    if not is_transport(transport) or not is_awaited(transport):
        raise _wrong_way(
            transport,
            "asend() takes a URL, a profile, a Route, a Server or an AsyncTransport such as an open AsyncSmtpSession or"
            " AsyncSmtpPool",
        )
    message, options = _made(message, fields, None)
    captured = profiles.capture()
    if captured:
        return await to_thread(_local(captured).send, message, **options)
    own = getattr(type(transport), "send", None)
    return await (own(transport, message, **options) if own else transport.submit(_submission(message, options)))


def _submission(message: Sendable, options: SendArguments) -> Submission:
    """A submission for a transport that does not make its own: in seven bits, which every server takes."""
    from courriel.session.encoding import IN_SEVEN_BITS, submission_of

    return submission_of(message, IN_SEVEN_BITS, SendOptions(**options) if options else None)


def _refuse_transcript(transcript: Transcript | None) -> None:
    if transcript is not None:
        raise errors.UsageError("transcript: an open session has its own; give it to SmtpSession", stage="compose")


def _wrong_way(way: object, sentence: str) -> errors.UsageError:
    return errors.UsageError(f"via: {sentence}, and not {type(way).__name__}", stage="compose")


def _by_shared_pool(route: Route, message: Sendable, options: SendArguments, transcript: Transcript | None) -> Receipt:
    """Send on a session of the pool that this process shares for the route."""
    from courriel.delivery.connect import forget_shared_pool, shared_pool

    try:
        if transcript is None:
            return shared_pool(route).send(message, **options)
        with shared_pool(route).session(transcript=transcript) as session:
            return session.send(message, **options)
    except errors.CourrielError as error:
        if isinstance(error, errors.AuthenticationRefused):
            forget_shared_pool(route)  # the password may have changed
        route.blame(error)
        raise
