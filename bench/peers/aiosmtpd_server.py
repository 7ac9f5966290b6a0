"""aiosmtpd as a process, with a handler that keeps the mails; it prints its port, and ends when its input does."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Any

from aiosmtpd.smtp import SMTP


class Keeping:
    """Handler that keeps the last thousand mails, as ours does."""

    def __init__(self) -> None:
        self.mails: deque[bytes] = deque(maxlen=1000)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope.content)
        return "250 OK"


async def main() -> None:
    """Serve until the standard input ends."""
    loop = asyncio.get_running_loop()
    keeping = Keeping()
    server = await loop.create_server(lambda: SMTP(keeping, hostname="bench.example.org"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
