"""A stored login: which authorization server, for which mailbox, for which mail servers, and the tokens."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass, field, replace
from courriel.delivery.oauth.provider import AuthorizationServer, google, microsoft, microsoft_graph

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    from courriel.delivery.oauth.answers import TokenAnswer
    from courriel.delivery.oauth.grants import OAuthClient

Grant: TypeAlias = "Literal['browser', 'device', 'program', 'service-account']"

_MARGIN = 60.0  # seconds; a token that expires during the login is as good as none
SECRETS = ("client_secret", "refresh_token", "access_token")
_TEXTS = ("name", "provider", "mailbox", "client_id", "grant", "tenant", "authority", "secret_reference", "certificate",
          "key", "service_account", "purpose")  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A login by one of the grants; `name` is what `password=login:NAME` says.

    `hosts` are the mail servers that may get its tokens. A client secret is in `secret_reference`, or itself in
    `client_secret` when it was typed or came from Google's file; `certificate`, `key` and `service_account` are paths.
    `purpose` is "graph" for tokens of Microsoft Graph, "" for those of mail servers.
    """

    name: str
    provider: Literal["microsoft", "google"]
    mailbox: str
    client_id: str
    grant: Grant
    hosts: tuple[str, ...]
    tenant: str = ""
    authority: str = ""
    scopes: tuple[str, ...] = ()
    secret_reference: str = ""
    certificate: str = ""
    key: str = ""
    service_account: str = ""
    purpose: Literal["", "graph"] = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    expires_at: float | None = None
    obtained_at: float = 0.0

    @property
    def made_by_provider(self) -> AuthorizationServer:
        """The authorization server of this login."""
        if self.provider == "microsoft" and self.purpose == "graph":
            return microsoft_graph(self.tenant or "organizations", authority=self.authority, hosts=self.hosts)
        if self.provider == "microsoft":
            return microsoft(self.tenant or "organizations", authority=self.authority, hosts=self.hosts)
        return google(authority=self.authority, hosts=self.hosts)

    def fresh(self, now: float) -> bool:
        """Whether the access token is still valid for a minute; a token without an expiry counts for five minutes."""
        return bool(self.access_token) and fresh(self.expires_at, self.obtained_at, now)

    def with_tokens(self, answer: TokenAnswer, now: float) -> StoredLogin:
        """The login with new tokens; a server that sends no refresh token leaves the old one valid (RFC 6749 6)."""
        return replace(
            self,
            access_token=answer.access_token,
            expires_at=answer.expires_at,
            refresh_token=answer.refresh_token or self.refresh_token,
            scopes=answer.scopes or self.scopes,
            obtained_at=now,
        )

    def client(self) -> OAuthClient:
        """The client that gets tokens for this login; secret and certificate are read now. Raises UsageError."""
        from courriel.delivery.oauth.assertions import Certificate
        from courriel.delivery.oauth.grants import OAuthClient

        provider, secret = self.made_by_provider, self.client_secret
        if self.secret_reference:
            from courriel.delivery.secrets import SecretReference

            host = provider.token_url.partition("://")[2].partition("/")[0]
            secret = SecretReference.parse(self.secret_reference).read(user=self.client_id, host=host)
        certificate = Certificate.read(self.certificate, self.key) if self.certificate else None
        return OAuthClient(provider, self.client_id, secret, certificate)

    def renewed(self) -> TokenAnswer:
        """Get new tokens from the authorization server, without asking the user. Raises what the grants raise."""
        client = self.client()
        if self.grant == "program":
            return client.by_itself()
        if self.grant == "service-account":
            from courriel.delivery.oauth.assertions import ServiceAccount

            return client.for_user(ServiceAccount.read(self.service_account), self.mailbox)
        if not self.refresh_token:
            raise _refused_without_token(self)
        return client.refresh(self.refresh_token)

    # The stored form.

    def public(self) -> dict[str, Any]:
        """Everything but the secrets, as JSON has it."""
        return {
            **{name: getattr(self, name) for name in _TEXTS},
            "hosts": list(self.hosts),
            "scopes": list(self.scopes),
            "expires_at": self.expires_at,
            "obtained_at": self.obtained_at,
        }

    def secrets(self) -> dict[str, str]:
        """The secrets, as JSON has them."""
        return {name: getattr(self, name) for name in SECRETS}

    @classmethod
    def of(cls, content: dict[str, Any]) -> StoredLogin:
        """The login of a stored form. Raises ValueError for anything else."""
        texts = {name: content.get(name, "") for name in (*_TEXTS, *SECRETS)}
        lists = {name: content.get(name, []) for name in ("hosts", "scopes")}
        moments = content.get("expires_at"), content.get("obtained_at", 0.0)
        if (
            not all(isinstance(text, str) for text in texts.values())
            or not all(
                isinstance(items, list) and all(isinstance(each, str) for each in items) for items in lists.values()
            )
            or not all(moment is None or isinstance(moment, int | float) for moment in moments)
            or texts["purpose"] not in ("", "graph")
            or texts["provider"] not in ("microsoft", "google")
            or texts["grant"] not in ("browser", "device", "program", "service-account")
            or not (texts["name"] and texts["mailbox"] and lists["hosts"])
        ):
            raise ValueError("not a login")
        return cls(
            **texts,
            hosts=tuple(lists["hosts"]),
            scopes=tuple(lists["scopes"]),
            expires_at=moments[0],
            obtained_at=moments[1] or 0.0,
        )


def fresh(expires_at: float | None, obtained_at: float, now: float) -> bool:
    """Validity of an access token for a minute more; one without an expiry is valid for five minutes."""
    return now < (expires_at if expires_at is not None else obtained_at + 300) - _MARGIN


# The steps.


def _refused_without_token(login: StoredLogin) -> errors.TokenRefused:
    return errors.TokenRefused(
        f"the login of {login.name} has no refresh token", stage="authenticate", hint_id="OAUTH-GRANT-REFUSED"
    )
