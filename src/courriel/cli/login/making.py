"""Carry a login out: get the tokens, check them, store them, try them, and print the URL to paste."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import replace
from courriel.cli.i18n import say, visible
from courriel.cli.reporting import CommandReport
from courriel.delivery.login_routes import route_of, usual_servers
from courriel.delivery.oauth import diagnosis, sources, store
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel import Route
    from courriel.cli.command import GlobalOptions
    from courriel.delivery.oauth.answers import TokenAnswer
    from courriel.delivery.oauth.grants import OAuthClient
    from courriel.delivery.oauth.login import StoredLogin


class LoginMaker:
    """One run of `courriel login microsoft` or `google`."""

    def __init__(self, manner: GlobalOptions, servers: tuple[str, ...], *, browser: bool, trial: bool) -> None:
        self._manner = manner
        self._report = CommandReport(manner)
        self._servers = servers
        self._browser = browser
        self._trial = trial

    def make(self, login: StoredLogin, secret: str) -> int:
        """Log in; returns the exit status. `secret` is the reference to the application's secret."""
        login = self._with_secret(login, secret)
        urls = [route_of(login, each) for each in self._servers or usual_servers(login)]
        login = login.with_tokens(self._tokens(login), time.time())
        found = diagnosis.findings(login, time.time())
        for each in found:
            self._report.aside(f"{each.mark} {visible(spoken(each.sentence))}")
        if wrong := next((each for each in found if each.failure), None):
            error = errors.TokenRefused(wrong.sentence, stage="authenticate", hint_id=wrong.failure)
            self._report.failed(error)
            return self._report.status
        with store.lock(login.name):
            store.save(login)
        accepted = self._try_login(urls[0], login) if self._trial else ""
        if self._report.status:
            self._report.aside(
                say(f"La connexion est enregistrée : courriel login show {visible(login.name)}",
                    f"The login is stored: courriel login show {visible(login.name)}")
            )  # fmt: skip
            return self._report.status
        self._print_result(login, urls, accepted, found)
        return self._report.status

    # The steps.

    def _with_secret(self, login: StoredLogin, reference: str) -> StoredLogin:
        if not reference:
            return login
        from courriel.delivery.secrets import SecretReference

        where = SecretReference.parse(reference)
        if where.kind in ("prompt", "plain", "login"):
            if where.kind != "prompt" or not self._manner.ask:
                raise errors.UsageError(
                    say("--secret : une référence, comme env:NOM ou file:/chemin",
                        "--secret: a reference, as env:NAME or file:/path"),
                    stage="authenticate",
                )  # fmt: skip
            return replace(login, client_secret=where.read(user=login.client_id, host=login.provider))
        return replace(login, secret_reference=reference)

    def _tokens(self, login: StoredLogin) -> TokenAnswer:
        if login.grant in ("program", "service-account"):
            return login.renewed()
        client = login.client()
        return self._by_device(client) if login.grant == "device" else self._by_browser(client, login.mailbox)

    def _by_browser(self, client: OAuthClient, mailbox: str) -> TokenAnswer:
        from courriel.delivery.oauth.browser import by_browser
        from courriel.delivery.oauth.loopback import DEADLINE, Loopback

        def show(address: str, _opened: bool) -> None:
            minutes = f"{DEADLINE / 60:.0f}"
            print(
                say(f"Connectez-vous dans le navigateur de cette machine, d'ici {minutes} minutes :",
                    f"Log in in a browser on this machine, within {minutes} minutes:"),
                address,
                sep="\n",
                file=sys.stderr,
                flush=True,
            )  # fmt: skip

        with Loopback(client.provider.redirect_host) as loopback:
            return by_browser(client, loopback, show, user=mailbox, open_browser=self._browser)

    def _by_device(self, client: OAuthClient) -> TokenAnswer:
        device = client.ask_device_code()
        print(
            say(f"Ouvrez {device.verification_uri} sur n'importe quelle machine, et entrez le code {device.user_code}",
                f"Open {device.verification_uri} on any machine, and enter the code {device.user_code}"),
            file=sys.stderr,
            flush=True,
        )  # fmt: skip
        return client.by_device_code(device)

    def _try_login(self, route: Route, login: StoredLogin) -> str:
        """Open a session with the token, and close it; returns who accepted it. A refusal is reported."""
        assert route.server is not None
        source = sources.stored(login.name)
        try:
            if route.by_http:
                import courriel
                from courriel.types import HttpTransport

                with courriel.connect(route) as transport:
                    assert isinstance(transport, HttpTransport)
                    transport.try_login()
            elif route.reads:
                import courriel

                with courriel.mailbox(route):
                    pass
            else:
                from courriel import SmtpSession

                with SmtpSession(route.server_to_reach(), source):
                    pass
        except errors.CourrielError as refused:
            self._report.failed(refused)
            return ""
        return str(route.server)

    def _print_result(
        self, login: StoredLogin, urls: list[Route], accepted: str, found: list[diagnosis.TokenFinding]
    ) -> None:
        content: dict[str, object] = {
            "ok": True,
            "name": login.name,
            "provider": login.provider,
            "mailbox": login.mailbox,
            "hosts": list(login.hosts),
            "accepted_by": accepted or None,
            "findings": [each.sentence for each in found],
            "urls": [each.url for each in urls],
            "sysexit": 0,
        }
        if self._report.values(content):
            return
        if accepted:
            self._report.aside(
                say(f"✓ jeton accepté par {accepted} pour {visible(login.mailbox)} ; rien n'a été envoyé",
                    f"✓ token accepted by {accepted} for {visible(login.mailbox)}; nothing was sent")
            )  # fmt: skip
        for each in urls:
            self._report.line(each.url)


def client_in_file(path: str) -> tuple[str, str]:
    """Client id and secret in the JSON file of a Google client. Raises UsageError."""
    import json

    from courriel.delivery.oauth.assertions import read_file

    try:
        content: object = json.loads(read_file(path))
        inner = content.get("installed") if isinstance(content, dict) else None
        client_id, secret = inner["client_id"], inner["client_secret"]  # type: ignore[index]
    except (ValueError, KeyError, TypeError, RecursionError) as wrong:
        if isinstance(wrong, errors.CourrielError):
            raise
        client_id = secret = None
    if not (isinstance(client_id, str) and isinstance(secret, str)):
        raise errors.UsageError(
            "the key for a login cannot be used: the file is not that of a Desktop app client",
            stage="authenticate",
            hint_id="OAUTH-KEY-UNREADABLE",
        )
    return client_id, secret
