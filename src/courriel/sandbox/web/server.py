"""HTTP server of the page, in a thread with an event loop of its own: reading a large mail delays no SMTP session."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from courriel import errors
from courriel.network.serving.loop_thread import LoopThread

if TYPE_CHECKING:
    from courriel.sandbox.web.site import Site

CONNECTIONS = 300
"""Connections at a time; further ones are told 503."""
_LARGEST_HEAD = 32 * 1024  # octets of a request's line and header
_IDLE = 30  # seconds between two requests on one connection
_PATIENCE = 2  # seconds that a page still has when the server closes


class WebServer:
    """The page of a `Site` on one port; `close` ends it and its thread. Raises MissingExtra, OSError."""

    def __init__(self, site: Site, host: str, port: int) -> None:
        try:
            import uvicorn

            from courriel.sandbox.web.app import application
            from courriel.sandbox.web.patience import PatientProtocol
        except ImportError as missing:
            raise errors.MissingExtra(
                'the page of the sandbox needs a part of its own: pip install "courriel[web]"'
            ) from missing

        self._site = site
        self._socket = _listening(host, port)
        self.port = int(self._socket.getsockname()[1])
        config = uvicorn.Config(
            application(site),
            loop="asyncio",
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=_IDLE,
            timeout_graceful_shutdown=_PATIENCE,
            h11_max_incomplete_event_size=_LARGEST_HEAD,
        )
        self._server = uvicorn.Server(config)
        self._thread = LoopThread("courriel page")
        try:
            self._serving = self._thread.run(self._start())
            site.start()
        except BaseException:
            self._thread.close()
            self._socket.close()
            raise

    def close(self) -> None:
        """End the server: live pages are told so, requests that run have two seconds."""
        self._site.close()
        self._server.should_exit = True
        try:
            self._thread.run(self._ended())
        finally:
            self._thread.close()
            self._socket.close()

    # The steps.

    async def _start(self) -> asyncio.Task[None]:
        ready = asyncio.Event()
        startup = self._server.startup

        async def start_and_tell(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets=sockets)
            ready.set()

        self._server.startup = start_and_tell  # type: ignore[method-assign]
        serving = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._socket]))
        waiting = asyncio.ensure_future(ready.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            waiting.cancel()
            serving.result()
        return serving

    async def _ended(self) -> None:
        await self._serving


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(200)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
