"""
Send one message in one call: open, send, close.

    courriel.send(to="bob@example.org", subject="Paid", text="...", via="billing")
    courriel.send(message, via="smtps://ada@smtp.example.org")
    receipt = await courriel.asend(message)

URL parser and settings are imported by the first call: programs that open sessions themselves do not need them.
"""

from __future__ import annotations

from courriel import errors
from courriel.model.messages.message import Message
from courriel.model.receipt import Receipt
from courriel.model.servers.server import Server
from courriel.model.submission import SendOptions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Unpack

    from courriel.delivery.send_fields import SendFields
    from courriel.delivery.transport import AsyncTransport, Transport
    from courriel.delivery.urls.route import Route, Via
    from courriel.model.typed import SendArguments
    from courriel.network.transcripts.transcript import Transcript
    from courriel.session.encoding import Sendable

_OPTIONS = tuple(name for name in SendOptions.__match_args__ if name not in ("sender", "to"))
"""Send options that are not also fields of a message."""


def send(message: Sendable | None = None, /, *, via: Via | Transport = None, **fields: Unpack[SendFields]) -> Receipt:
    """Send one message; returns a receipt with the result of each recipient.

        receipt = courriel.send(
            sender="ada@example.org", to="bob@example.org", subject="Your quote 7", text="It is valid until Friday.",
            via="smtps://ada@smtp.example.org?password=env:MAIL_PASSWORD",
        )
        print(receipt.accepted)  # ('bob@example.org',)

    `via` is a URL, the name of a profile, a Route, a Server, or a Transport such as an open session, which stays open;
    by default the settings decide (docs/settings.md). Without a `message` it is made of the `fields`, and the sender
    defaults to the `from` of the route. With a message, `sender` and `to` replace those of its envelope. `on_refused`,
    `notify`, `ret`, `envid` and `require_tls` are those of `SmtpSession.send`, and so are the errors; InvalidUrl and
    UsageError for `via` in addition. A `transcript` records the conversation, without secrets and content. With
    `?pool=` or `?rate=` all sends of this process with the same `via` share its sessions.

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
    message, options = _message_and_options(message, fields, route)
    if route.ways:
        return _by_group(route, message, options, transcript)
    if route.dkim:
        message, options = _signed(route, message, options)
    if not route.by_session:
        return _send_without_session(route, message, options)
    route.say_warnings()
    if route.pooled:
        return _by_shared_pool(route, message, options, transcript)
    from courriel.session.smtp import SmtpSession

    try:
        session = SmtpSession(route.server_to_reach(), route.credentials(), transcript=transcript)
        session.count_as_one_call()
        with session:
            return session.send(message, **options)
    except errors.CourrielError as error:
        route.blame(error)
        raise


async def asend(
    message: Sendable | None = None, /, *, via: Via | AsyncTransport = None, **fields: Unpack[SendFields]
) -> Receipt:
    """Send one message; returns a receipt with the result of each recipient: `send` for asyncio.

        receipt = await courriel.asend(message, via="smtps://ada@smtp.example.org?password=env:MAIL_PASSWORD")
        print(receipt.accepted)  # ('bob@example.org',)

    Instead of a Transport `via` takes an AsyncTransport, such as an open AsyncSmtpSession. Blocking steps (settings
    file, password command, folder) run in a thread.
    """
    from asyncio import to_thread

    from courriel.delivery.urls.route import Route

    transcript = fields.pop("transcript", None)
    if via is not None and not isinstance(via, str | Route | Server):
        _refuse_transcript(transcript)
        return await _by_async_transport(via, message, fields)

    route = await to_thread(_route, via)
    del via
    message, options = _message_and_options(message, fields, route)
    if route.ways:
        return await to_thread(_by_group, route, message, options, transcript)
    if route.dkim:
        signed = await to_thread(_signed, route, message, options)
        message, options = signed
    if not route.by_session:
        return await _asend_without_session(route, message, options)
    route.say_warnings()
    if route.pooled:
        return await to_thread(_by_shared_pool, route, message, options, transcript)
    from courriel.session.smtp import AsyncSmtpSession

    try:
        server, credentials = await to_thread(route.server_to_reach), await to_thread(route.credentials)
        session = AsyncSmtpSession(server, credentials, transcript=transcript)
        session.count_as_one_call()
        async with session:
            return await session.send(message, **options)
    except errors.CourrielError as error:
        route.blame(error)
        raise


# The steps.


def _route(via: Via) -> Route:
    from courriel.delivery.percent import refusal
    from courriel.delivery.settings import profiles
    from courriel.delivery.urls.route import Route

    route = profiles.resolve(Route.of(via) if isinstance(via, Server) else via)
    if route.reads:
        raise refusal(f"{route.name} is for reading mail, and none leaves by it: write smtps://… to send")
    return route


def _message_and_options(
    message: Sendable | None, fields: SendFields, route: Route | None
) -> tuple[Sendable, SendArguments]:
    """The message and its send options. Raises UsageError for unknown fields."""
    from courriel.session.encoding import check_sendable

    options: dict[str, object] = {name: value for name, value in fields.items() if name in _OPTIONS}
    rest: dict[str, object] = {name: value for name, value in fields.items() if name not in _OPTIONS}
    if message is None:
        message = _composed(rest, route)
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


def _signed(route: Route, message: Sendable, options: SendArguments) -> tuple[Sendable, SendArguments]:
    """The message as a signed submission, with its options in it."""
    from courriel.delivery.signing_routes import signer_of

    signer = signer_of(route)
    return (message, options) if signer is None else (signer.signed(message, options), {})


def _composed(fields: dict[str, object], route: Route | None) -> Message:
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
        return Message(**fields)  # type: ignore[arg-type]  # the words are those of `SendFields`
    except TypeError as wrong:
        unknown = [name for name in fields if name not in Message.__slots__]
        if not unknown:
            raise
        from courriel.delivery.percent import nearest

        known = [*Message.__slots__, *_OPTIONS]
        raise errors.UsageError(
            f"{unknown[0]!r} is not a field of a message{nearest(unknown[0], known)}: {', '.join(known)}",
            stage="compose",
        ) from wrong


def _without_server(route: Route) -> Transport:
    """The local transport of a route, or that of a program."""
    from courriel.delivery.local import transport_of

    transport = transport_of(route)
    if transport is not None:
        return transport
    from courriel.delivery.provided import provided

    return provided(route)


def _send_without_session(route: Route, message: Sendable, options: SendArguments) -> Receipt:
    from courriel.delivery.transport import send_by

    try:
        if route.by_http:
            from courriel.delivery.http_providers.transport import http_transport

            route.say_warnings()
            with http_transport(route) as transport:
                return transport.send(message, **options)
        return send_by(_without_server(route), message, options)
    except errors.CourrielError as error:
        route.blame(error)
        raise


async def _asend_without_session(route: Route, message: Sendable, options: SendArguments) -> Receipt:
    from courriel.delivery.connect import aconnect_without_session

    if route.by_http:
        route.say_warnings()
    try:
        async with await aconnect_without_session(route) as transport:
            return await transport.send(message, **options)
    except errors.CourrielError as error:
        route.blame(error)
        raise


def _by_transport(transport: Transport, message: Sendable | None, fields: SendFields) -> Receipt:
    from courriel.delivery.settings import profiles
    from courriel.delivery.transport import is_awaited, is_transport, send_by
    from courriel.model.recipient_rule import refuse_unruled

    if not is_transport(transport) or is_awaited(transport):
        raise _wrong_transport(
            transport,
            "send() takes a URL, a profile, a Route, a Server or a Transport such as an open SmtpSession or SmtpPool",
        )
    message, options = _message_and_options(message, fields, None)
    captured = profiles.capture()
    if captured is None:
        refuse_unruled(transport)
    return send_by(_without_server(captured) if captured is not None else transport, message, options)


async def _by_async_transport(transport: AsyncTransport, message: Sendable | None, fields: SendFields) -> Receipt:
    from courriel.delivery.settings import profiles
    from courriel.delivery.transport import asend_by, is_awaited, is_transport
    from courriel.model.recipient_rule import refuse_unruled

    if not is_transport(transport) or not is_awaited(transport):
        raise _wrong_transport(
            transport,
            "asend() takes a URL, a profile, a Route, a Server or an AsyncTransport such as an open AsyncSmtpSession or"
            " AsyncSmtpPool",
        )
    message, options = _message_and_options(message, fields, None)
    captured = profiles.capture()
    if captured:
        return await _asend_without_session(captured, message, options)
    refuse_unruled(transport)
    return await asend_by(transport, message, options)


def _refuse_transcript(transcript: Transcript | None) -> None:
    if transcript is not None:
        raise errors.UsageError("transcript: an open session has its own; give it to SmtpSession", stage="compose")


def _wrong_transport(transport: object, sentence: str) -> errors.UsageError:
    return errors.UsageError(f"via: {sentence}, and not {type(transport).__name__}", stage="compose")


def _by_group(route: Route, message: Sendable, options: SendArguments, transcript: Transcript | None) -> Receipt:
    """Send by the group that this process shares for a route with several ways."""
    from courriel.delivery.routing.shared import shared_group
    from courriel.delivery.transport import lent, send_by

    route.say_warnings()
    try:
        group = shared_group(route)
        if transcript is None:
            return send_by(group, message, options)
        with lent(group, transcript) as part:
            return send_by(part, message, options)
    except errors.CourrielError as error:
        route.blame(error)
        raise


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
