"""Authorization servers: endpoints, scopes, redirect hosts, and the mail servers their tokens are for."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel._lazy_re import expression
from courriel.delivery.percent import quote

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Name: TypeAlias = "Literal['microsoft', 'google', 'other']"

_TENANT = expression(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_HTTPS = expression(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_MICROSOFT = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"
"""The resource of Microsoft Graph: each resource has tokens of its own."""


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """An authorization server.

    `scopes` are those of a person's login, `app_scope` that of a program's own login (client credentials). `hosts` are
    the mail servers that may get its tokens. `device_url` is "" where the device grant does not carry the mail scope.
    Raises UsageError for an endpoint without https.
    """

    name: Name
    token_url: str
    authorize_url: str = ""
    device_url: str = ""
    scopes: tuple[str, ...] = ()
    app_scope: str = ""
    hosts: tuple[str, ...] = ()
    redirect_host: str = "127.0.0.1"
    extra: tuple[tuple[str, str], ...] = ()
    """More parameters of the authorization request."""

    def __post_init__(self) -> None:
        for url in (self.token_url, self.authorize_url, self.device_url):
            if url and not _HTTPS.fullmatch(url):
                raise errors.UsageError(
                    "the address of an authorization server is https://host/path, without a query", stage="authenticate"
                )


def microsoft(
    tenant: str = "organizations", *, authority: str = "", hosts: tuple[str, ...] = ()
) -> AuthorizationServer:
    """Microsoft Entra ID, for Exchange Online; `authority` is for national clouds (https://login.microsoftonline.us).

    The redirect is http://localhost:PORT: Entra ignores the port of a registered http://localhost, and not that of
    127.0.0.1. Raises UsageError for an invalid tenant.
    """
    if not _TENANT.fullmatch(tenant):
        raise errors.UsageError(
            "tenant: the domain of the organisation (firm.example), its directory id, or organizations",
            stage="authenticate",
        )
    base = f"{authority.rstrip('/') or _MICROSOFT}/{tenant}/oauth2/v2.0"
    resource = "https://outlook.office.com"
    return AuthorizationServer(
        "microsoft",
        f"{base}/token",
        f"{base}/authorize",
        f"{base}/devicecode",
        scopes=(
            f"{resource}/SMTP.Send",
            f"{resource}/IMAP.AccessAsUser.All",
            f"{resource}/POP.AccessAsUser.All",
            "offline_access",
        ),
        app_scope="https://outlook.office365.com/.default",
        hosts=hosts or ("smtp.office365.com", "outlook.office365.com", "smtp-mail.outlook.com"),
        redirect_host="localhost",
    )


def microsoft_graph(
    tenant: str = "organizations", *, authority: str = "", hosts: tuple[str, ...] = ()
) -> AuthorizationServer:
    """Microsoft Entra ID, for sending by Microsoft Graph (Mail.Send). Raises UsageError for an invalid tenant.

    A national cloud has a Graph of its own (https://graph.microsoft.us), which `hosts` name.
    """
    server = microsoft(tenant, authority=authority, hosts=hosts or ("graph.microsoft.com",))
    national = next((host for host in server.hosts if host.startswith(("graph.", "microsoftgraph.", "dod-graph."))), "")
    resource = f"https://{national}" if national else GRAPH
    return replace(server, scopes=(f"{resource}/Mail.Send", "offline_access"), app_scope=f"{resource}/.default")


def google(*, authority: str = "", hosts: tuple[str, ...] = ()) -> AuthorizationServer:
    """Google, for Gmail and Workspace; without the device grant, whose scopes do not include mail.

    `access_type=offline` and `prompt=consent` make Google issue a refresh token, also at the second login.
    """
    base = authority.rstrip("/")
    scope = "https://mail.google.com/"
    return AuthorizationServer(
        "google",
        f"{base or 'https://oauth2.googleapis.com'}/token",
        f"{base or 'https://accounts.google.com'}/o/oauth2/v2/auth",
        scopes=(scope,),
        app_scope=scope,
        hosts=hosts or ("smtp.gmail.com", "imap.gmail.com", "pop.gmail.com", "smtp-relay.gmail.com"),
        extra=(("access_type", "offline"), ("prompt", "consent")),
    )


def encoded(fields: dict[str, str]) -> str:
    """Form fields as application/x-www-form-urlencoded; empty ones are left out."""
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in fields.items() if value)
