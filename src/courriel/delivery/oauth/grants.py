"""The five grants: authorization code, device code, client credentials, service account, refresh.

Each posts a form to the token endpoint and returns the tokens. They block; the awaited colour runs them in a thread.
"""

from __future__ import annotations

import time

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.delivery.oauth import answers, https
from courriel.delivery.oauth.answers import DeviceCode, HttpAnswer, TokenAnswer
from courriel.delivery.oauth.assertions import Certificate, ServiceAccount
from courriel.delivery.oauth.authorization import AuthorizationRequest
from courriel.delivery.oauth.provider import AuthorizationServer
from courriel.model.servers.trust import Trust

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SLOWER = 5.0  # seconds, RFC 8628 3.5


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A registered client of an authorization server: its id, and a secret or a certificate where it has one."""

    provider: AuthorizationServer
    id: str
    secret: str = field(default="", repr=False)
    certificate: Certificate | None = field(default=None, repr=False)
    trust: Trust | None = None

    def by_code(self, request: AuthorizationRequest, code: str) -> TokenAnswer:
        """Exchange an authorization code for tokens, with the PKCE verifier."""
        return self._token(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": request.redirect_uri,
                "code_verifier": request.verifier,
            }
        )

    def refresh(self, refresh_token: str, scopes: tuple[str, ...] = ()) -> TokenAnswer:
        """Get a new access token, and a new refresh token where the server rotates them."""
        return self._token({"grant_type": "refresh_token", "refresh_token": refresh_token, "scope": " ".join(scopes)})

    def by_itself(self, scope: str = "") -> TokenAnswer:
        """Get a token for the program itself (client credentials): by secret or by signed assertion."""
        if not self.secret and self.certificate is None:
            raise errors.UsageError(
                "client credentials need a secret or a certificate",
                stage="authenticate",
                hint_id="OAUTH-KEY-UNREADABLE",
            )
        return self._token({"grant_type": "client_credentials", "scope": scope or self.provider.app_scope})

    def ask_device_code(self, scopes: tuple[str, ...] = ()) -> DeviceCode:
        """Ask for a code that the user types into a browser elsewhere. Raises UsageError where there is none."""
        if not self.provider.device_url:
            raise errors.UsageError(
                "Google's device codes carry no mail scope: log in by the browser (without --device)",
                stage="authenticate",
            )
        fields = {"client_id": self.id, "scope": " ".join(scopes or self.provider.scopes)}
        return answers.device_code_of(self._posted(self.provider.device_url, fields), self._secrets({}))

    def by_device_code(
        self,
        device: DeviceCode,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> TokenAnswer:
        """Poll until the user has entered the code (RFC 8628 3.4). Raises TokenRefused, TimedOut."""
        ends, interval = clock() + device.lasts, device.interval
        while clock() + interval < ends:
            sleep(interval)
            try:
                return self._token(
                    {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device.device_code}
                )
            except errors.TokenRefused as told:
                if told.code == "slow_down":
                    interval += _SLOWER
                elif told.code != "authorization_pending":
                    raise
            except errors.TimedOut:
                interval *= 2  # RFC 8628 3.5: back off when the server is slow
        raise errors.TimedOut(
            f"the code was not entered within {device.lasts:g} s", stage="authenticate", hint_id="OAUTH-LOGIN-TOO-LATE"
        )

    def for_user(self, account: ServiceAccount, user: str) -> TokenAnswer:
        """Get a token by a service account's JWT, for a user of the domain (RFC 7523)."""
        url = self.provider.token_url
        signed = account.assertion(user, self.provider.app_scope, url, time.time())
        fields = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}
        return answers.token_of(self._posted(url, fields), time.time(), (signed,))

    # The steps.

    def _token(self, grant: dict[str, str]) -> TokenAnswer:
        fields = {"client_id": self.id, **grant}
        url = self.provider.token_url
        if self.certificate is not None:
            fields["client_assertion_type"] = _ASSERTION
            fields["client_assertion"] = self.certificate.assertion(self.id, url, time.time())
        elif self.secret:
            fields["client_secret"] = self.secret
        answer = self._posted(url, fields)
        return answers.token_of(answer, time.time(), self._secrets(fields))

    def _posted(self, url: str, fields: dict[str, str]) -> HttpAnswer:
        return https.post(url, fields, trust=self.trust)

    def _secrets(self, fields: dict[str, str]) -> tuple[str, ...]:
        """Secrets of a form, to be masked when the server repeats them."""
        names = ("client_secret", "client_assertion", "refresh_token", "code", "code_verifier", "device_code")
        return tuple(fields[name] for name in names if fields.get(name))
