"""Server side of AUTH (RFC 4954, RFC 5034): challenges out, answers in, none of them in the transcript."""

from __future__ import annotations

from collections.abc import Callable

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.connection import ServerConnection
from courriel.dialogue.server.handler import Answer, ServerConfig, ServerHandler
from courriel.reply import Reply
from courriel.wire.sasl.server_mechanisms import MECHANISMS, Claim, decode, encode
from courriel.wire.smtp.server_syntax import Objection

DENIED = Reply(535, ("5.7.8 User name or password is not right",))


def log_in(
    connection: ServerConnection,
    handler: ServerHandler,
    config: ServerConfig,
    argument: str,
    admit: Callable[[str], Answer | None] = lambda user: None,
) -> Flow[None]:
    """Run one login attempt. Raises Objection for an invalid one; a wrong password gets 535.

    `admit` may refuse a user whose login was proved.
    """
    mechanism = argument.partition(" ")[0].upper()
    answer = None
    if mechanism in config.mechanisms:
        answer = connection.decide(lambda: handler.authenticate(connection.session, mechanism))
    # A scripted answer is sent after the last answer of the client, as the refusal of a wrong password is.
    claim = yield from read_claim(connection, handler, config, argument)
    yield from conclude(connection, config, claim, answer, admit)


def read_claim(
    connection: ServerConnection, handler: ServerHandler, config: ServerConfig, argument: str
) -> Flow[Claim]:
    """Run the mechanism that the argument of AUTH names; whether the claim is proved is for the caller to tell.

    Raises Objection.
    """
    word, *initial = argument.split()
    mechanism = word.upper()
    if mechanism not in config.mechanisms:
        raise Objection(504, "5.5.4 This way to log in is not offered")
    if len(initial) > 1 or (initial and mechanism == "CRAM-MD5"):
        raise Objection(501, "5.5.4 AUTH takes a mechanism, and an answer where the client speaks first")
    return (yield from _run_mechanism(connection, handler, config, mechanism, initial[0] if initial else None))


def conclude(
    connection: ServerConnection,
    config: ServerConfig,
    claim: Claim,
    answer: Answer | None,
    admit: Callable[[str], Answer | None],
) -> Flow[None]:
    """Send the result of an attempt; after too many refused ones the session ends."""
    if answer is None:
        answer = admit(claim.user) if claim.proved else DENIED
    if (yield from connection.answer(answer, "authenticate", Reply(235, ("2.7.0 Logged in",)))):
        connection.session.user = claim.user
        return
    connection.session.refused_logins += 1
    if connection.session.refused_logins >= config.limits.logins:
        connection.write(Reply(421, ("4.7.0 Too many attempts",)))
        raise (yield from connection.leave("authenticate"))


# The steps.


def _run_mechanism(
    connection: ServerConnection, handler: ServerHandler, config: ServerConfig, mechanism: str, initial: str | None
) -> Flow[Claim]:
    """Run the mechanism through its challenges; an answer that came with the command replaces the first one."""
    steps = MECHANISMS[mechanism](handler)
    challenge = next(steps)
    try:
        while True:
            if initial is not None:
                answer = b"" if initial == "=" else decode(initial.encode())
                initial = None
            else:
                answer = yield from _read_response(connection, config, challenge)
            challenge = steps.send(answer)
    except StopIteration as end:
        claim: Claim = end.value
        return claim
    finally:
        steps.close()


def _read_response(connection: ServerConnection, config: ServerConfig, challenge: bytes) -> Flow[bytes]:
    connection.write(Reply(334, (encode(challenge),)))
    line = yield from connection.line(config.limits.login, "authenticate")
    connection.session.note("C", "(not shown: a secret)")
    if not line.whole:
        raise Objection(501, "5.5.2 A line ends with CR LF, not with LF alone")
    if line.octets == b"*":
        raise Objection(501, "5.7.0 As you wish: nobody logs in")
    return decode(line.octets)
