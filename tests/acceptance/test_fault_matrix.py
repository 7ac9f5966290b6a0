"""smtp-sink fails in every way it knows; the error says what to make of it, and both colours say the same."""

from __future__ import annotations

import asyncio

import pytest

from courriel import AsyncSmtpSession, Message, Receipt, Security, Server, SmtpSession, Timeouts, errors
from servers.sink import FAULTS, Fault, sink

pytestmark = pytest.mark.acceptance

MESSAGE = Message(sender="ada@example.org", to="bob@example.org", subject="Numbers", text="Hello.\n.\n")


def report(error: errors.CourrielError | None, receipt: Receipt | None, *, usable: bool) -> dict[str, object]:
    """All that a caller learns of one attempt."""
    if error is None:
        assert receipt is not None
        return {"error": "", "stage": "", "accepted": receipt.accepted, "usable": usable}
    return {
        "error": type(error).__name__,
        "stage": error.stage,
        "retryable": error.retryable,
        "in_doubt": error.in_doubt,
        "usable": error.session_usable,
        "open": usable,
        "reply": str(error.reply or ""),
        "refused": {who: str(reply) for who, reply in error.refused.items()},
        "hint": error.hint,
        "sysexit": error.sysexit,
        "failure": error.failure.id if error.failure else "",
    }


def blocking(server: Server) -> dict[str, object]:
    session, receipt = SmtpSession(server), None
    try:
        session.open()
        receipt = session.send(MESSAGE)
    except errors.CourrielError as error:
        return report(error, None, usable=session.usable)
    else:
        return report(None, receipt, usable=session.usable)
    finally:
        session.close()


async def awaiting(server: Server) -> dict[str, object]:
    session, receipt = AsyncSmtpSession(server), None
    try:
        await session.open()
        receipt = await session.send(MESSAGE)
    except errors.CourrielError as error:
        return report(error, None, usable=session.usable)
    else:
        return report(None, receipt, usable=session.usable)
    finally:
        await session.close()


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_told_for_what_it_is(fault: Fault) -> None:
    with sink(*fault.options) as drain:
        server = Server(drain.host, drain.port, Security.NONE, timeouts=Timeouts.silence(20))
        told = blocking(server)
        told_awaiting = asyncio.run(awaiting(server))

    assert told == told_awaiting
    assert (told["error"], told["stage"]) == (fault.error, fault.stage)
    if not fault.error:
        assert told["accepted"] == ("bob@example.org",)
        return
    assert {name: told[name] for name in ("retryable", "usable", "in_doubt")} == {
        "retryable": fault.retryable,
        "usable": fault.usable,
        "in_doubt": fault.in_doubt,
    }
    assert told["open"] == told["usable"]


@pytest.mark.parametrize(("step", "stage"), [("MAIL", "sender"), (".", "message")])
def test_only_silence_after_the_dot_leaves_a_doubt(step: str, stage: str) -> None:
    # Without pipelining ("-p"): it answers the commands behind a delayed one first.
    with sink("-p", "-W", f"{step}:3") as drain:
        server = Server(drain.host, drain.port, Security.NONE, timeouts=Timeouts(**{stage: 0.2}))
        told = blocking(server)
        told_awaiting = asyncio.run(awaiting(server))

    assert told == told_awaiting
    assert (told["error"], told["stage"], told["usable"]) == ("TimedOut", stage, False)
    assert told["in_doubt"] == (stage == "message")
    assert told["retryable"] == (stage != "message")
