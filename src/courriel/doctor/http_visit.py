"""Steps of an HTTP provider: its name, the connection, the certificate, and whether it accepts the token or the key."""

from __future__ import annotations

from time import monotonic

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.http_providers.transport import http_transport
from courriel.doctor.examination import Examination
from courriel.doctor.redaction import redacted
from courriel.doctor.step import Step, in_both, with_error
from courriel.doctor.visit import addresses
from courriel.failures import Text
from courriel.model.servers.credentials import Password
from courriel.model.servers.server import Timeouts
from courriel.network.connecting.proxy.environment import proxy_of
from courriel.network.https.line import HttpsLine

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.urls.route import Route
    from courriel.model.servers.server import Server

_TRIALS = {
    "graph": Text(
        "Graph accepte le jeton et le droit d'envoi pour {} : il n'a refusé qu'un message qui n'en est pas un",
        "Graph accepts the token and its right to send for {}: it refused nothing but a mail that is none",
    ),
    "brevo": Text("Brevo accepte la clé{}, et montre son compte", "Brevo accepts the key{}, and shows its account"),
    "mailjet": Text("Mailjet accepte les clés de {}", "Mailjet accepts the keys of {}"),
}


def examined(start: Examination, route: Route, *, timeout: float, login: bool) -> Examination:
    """Look at an HTTP provider in turn, up to the step that fails; nothing is sent.

    The secret is tried by a request that the provider documents: Graph is given a mail that is no base64, Brevo is
    asked for the account, Mailjet for its senders.
    """
    assert route.server is not None
    server = route.server_to_reach()
    hurried = replace(server, timeouts=Timeouts.silence(timeout))
    steps = _reached(hurried, timeout)
    if steps[-1].status != "failed":
        steps.append(_secured(hurried))
    refused = False
    secrets: list[str] = []
    if steps[-1].status != "failed":
        step, refused = _logged_in(
            replace(route, server=replace(route.server, timeouts=hurried.timeouts)), login, secrets
        )
        steps.append(step)
    examination = replace(
        start, url=route.url, server=str(server), steps=tuple(steps), token_refused=refused and route.takes_token
    )
    return redacted(examination, secrets)


# The steps.


def _reached(server: Server, timeout: float) -> list[Step]:
    proxy = proxy_of(server)
    if proxy is not None:
        name, connection = addresses.connect_through(server, proxy, timeout)
        return [name] if connection is None else [name, connection]
    name, places = addresses.resolve_name(server, timeout)
    if name.status == "failed":
        return [name]
    return [name, addresses.connect(server, places, timeout)[0]]


def _secured(server: Server) -> Step:
    line, began = HttpsLine(server), monotonic()
    try:
        line.open()
    except errors.CourrielError as failed:
        return with_error(Step("tls", "failed", in_both(failed.detail), monotonic() - began), failed)
    finally:
        line.close()
    host = server.expected_name
    return Step(
        "tls",
        "ok",
        Text(f"HTTPS, le certificat de {host} est vérifié", f"HTTPS, the certificate of {host} is verified"),
        monotonic() - began,
    )


def _logged_in(route: Route, login: bool, secrets: list[str]) -> tuple[Step, bool]:
    """The step of the secret, and whether it was refused."""
    if not login:
        return Step("login", "skipped", Text("pas essayée", "not tried")), False
    began = monotonic()
    try:
        credentials = route.credentials()
        if isinstance(credentials, Password):
            secrets.append(credentials.secret)
        with http_transport(route) as transport:
            transport.try_login()
    except errors.CourrielError as failed:
        step = with_error(Step("login", "failed", in_both(failed.detail), monotonic() - began), failed)
        return step, isinstance(failed, errors.AuthenticationRefused | errors.TokenRefused)
    said = _TRIALS[route.kind]
    finding = Text(said.fr.format(route.user), said.en.format(route.user))
    return Step("login", "ok", finding, monotonic() - began), False
