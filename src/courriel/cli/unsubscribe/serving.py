"""`courriel unsubscribe serve`: the endpoint on loopback, by the web server of the standard library."""

from __future__ import annotations

import errno
import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from courriel import errors
from courriel.cli.i18n import say, visible
from courriel.cli.reporting import CommandReport
from courriel.cli.signals import asked_to_end
from courriel.integrations.unsubscribe import UnsubscribeLinks, unsubscribe_wsgi

if TYPE_CHECKING:
    from courriel.cli.command import GlobalOptions

HOST = "127.0.0.1"
UNAVAILABLE = 69
_LOOK_AGAIN = 0.2  # seconds between two looks at what was asked for
_IDLE = 10.0  # seconds that a client may be silent

Asked = tuple[str, str, bool]
"""Address, list, and whether it is put back."""


def serve(manner: GlobalOptions, port: int, key: str | bytes, address: str, list_name: str) -> int:
    """Run the endpoint and report what is asked of it until SIGINT or SIGTERM; return the exit status."""
    report = CommandReport(manner)
    asked: SimpleQueue[Asked] = SimpleQueue()
    with asked_to_end() as ended:
        try:
            with _Server((HOST, port), _Handler) as server:
                links = UnsubscribeLinks(f"http://{HOST}:{server.server_port}/unsubscribe", key)
                server.set_app(
                    unsubscribe_wsgi(
                        links,
                        lambda address, name: asked.put((address, name, False)),
                        on_undo=lambda address, name: asked.put((address, name, True)),
                    )
                )
                with _answering(server):
                    _introduce(report, links.link(address, list_name))
                    while not ended.wait(_LOOK_AGAIN):
                        _report_all(report, asked)
        except OSError as refused:
            if isinstance(refused, errors.CourrielError):
                raise
            _report_port(report, refused, port)
            return report.status
    _report_all(report, asked)
    report.aside(say("Fermé.", "Closed."))
    return report.status


# The steps.


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # The standard library asks a name server for the name of this machine, which nobody needs here.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    timeout = _IDLE

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nothing: the line of a request has the token."""


@contextmanager
def _answering(server: _Server) -> Generator[None, None, None]:
    """Answer requests, in threads, until the block ends."""
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK_AGAIN,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def _introduce(report: CommandReport, link: str) -> None:
    if report.values({"event": "open", "link": link}):
        return
    report.line(say("Point de désabonnement ouvert. Un lien à essayer :", "Unsubscribe endpoint open. A link to try:"))
    report.line(f"  {link}")
    report.line(
        say(
            "  dans le navigateur, ou d'un clic comme une messagerie :",
            "  in the browser, or as a mail provider clicks:",
        )
    )
    report.line(f"  curl -d List-Unsubscribe=One-Click {link}")
    report.line(say("Ctrl-C pour fermer.", "Ctrl-C to close."))


def _report_all(report: CommandReport, asked: SimpleQueue[Asked]) -> None:
    """Report what was asked for since the last look."""
    while True:
        try:
            address, name, undo = asked.get_nowait()
        except Empty:
            return
        event = "resubscribe" if undo else "unsubscribe"
        if report.values({"event": event, "address": address, "list": name}):
            continue
        what = say("réabonné", "subscribed again") if undo else say("désabonné", "unsubscribed")
        report.line(f"  {what}  {visible(address)}  {visible(name)}")


def _report_port(report: CommandReport, refused: OSError, port: int) -> None:
    if refused.errno == errno.EADDRINUSE:
        sentence = say(
            f"le port {port} est déjà pris ; --port 0 en prend un libre",
            f"port {port} is taken already; --port 0 takes a free one",
        )
        report.failing(UNAVAILABLE, "PortTaken", sentence)
    else:
        report.system(refused)
