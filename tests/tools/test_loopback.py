"""The guard of the whole suite: no test speaks to another machine."""

from __future__ import annotations

import asyncio
import socket

import pytest


def test_a_test_that_would_leave_loopback_is_stopped() -> None:
    # 192.0.2.0/24 is for examples (RFC 5737): nothing would answer even without the guard.
    with socket.socket() as line, pytest.raises(RuntimeError, match="tried to leave loopback"):
        line.connect(("192.0.2.1", 25))


def test_the_guard_holds_for_the_event_loop_too() -> None:
    async def leave() -> None:
        async with asyncio.timeout(1):
            await asyncio.open_connection("192.0.2.1", 25)

    with pytest.raises(RuntimeError, match="tried to leave loopback"):
        asyncio.run(leave())
