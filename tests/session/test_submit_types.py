"""Arguments of `deliver` with wrong types: refused before a byte is sent, and the session stays open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from courriel import AsyncSmtpSession, Sandbox, SmtpSession, errors
from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.submission import Submission

ENVELOPE = Envelope(Address.of("ada@example.org"), (Address.of("bob@example.org"),))
CONTENT = Content((b"Subject: x\r\n\r\nx\r\n",), 17)
WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((ENVELOPE, b"x"), {}), ((ENVELOPE, None), {}), ((b"x", CONTENT), {}), ((None, CONTENT), {}),
    ((ENVELOPE, CONTENT, 3), {}), ((ENVELOPE, CONTENT), {"before_end": 3}), ((ENVELOPE, CONTENT), {"on_refused": 3}),
    ((ENVELOPE, Content(("x",), 1)), {}), ((ENVELOPE, Content(b"x", 1)), {}),  # type: ignore[arg-type]
    ((ENVELOPE, Content((b"x",), "1")), {}),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("given", "named"), WRONG)
def test_a_wrong_type_costs_no_session(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    with Sandbox() as sandbox, SmtpSession(sandbox.server()) as session:
        with pytest.raises(errors.UsageError):
            session.submit(Submission(*given, **named))
        assert session.submit(Submission(ENVELOPE, CONTENT)).accepted

    async def awaited() -> None:
        async with AsyncSmtpSession(sandbox.server()) as session:
            with pytest.raises(errors.UsageError):
                await session.submit(Submission(*given, **named))
            assert (await session.submit(Submission(ENVELOPE, CONTENT))).accepted

    with Sandbox() as sandbox:
        asyncio.run(awaited())
