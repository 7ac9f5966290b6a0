"""AuthIdentifie and AuthRenouvelleToken: tokens of an authorization server, by a login in the browser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from courriel.wlangage.authenticating.parameters import OAuth2Paramètres
from courriel.wlangage.authenticating.token import AuthToken, renewed
from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible, shown
from courriel.wlangage.program_state import program_state

if TYPE_CHECKING:
    from courriel.delivery.oauth.answers import TokenAnswer
    from courriel.delivery.oauth.grants import OAuthClient
    from courriel.delivery.oauth.loopback import Loopback

_OURS = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
)  # fmt: skip
"""Parameters of the authorization request that AuthIdentifie sets itself."""


def AuthIdentifie(Paramètres: OAuth2Paramètres, Procédure: Callable[[AuthToken], object] | None = None) -> AuthToken:
    """Log a person in, in the browser of this machine, and return the token for JetonAuth; it renews itself.

    The browser has five minutes to come back. Without a screen the address is written to standard error, to be opened
    in a browser of this machine. On failure `Valide` of the result is Faux, and ErreurInfo says why. `Procédure`, if
    given, is called with the result before it is returned.
    """
    token = _identified(Paramètres) or AuthToken()
    if Procédure is not None:
        _ = Procédure(token)
    return token


def AuthRenouvelleToken(Jeton: AuthToken) -> AuthToken:
    """Renew a token of AuthIdentifie when it has expired, and return it; sessions do so by themselves.

    On failure `Valide` of the result is Faux, and ErreurInfo says why.
    """
    return renewed(Jeton)


# The steps.


@email_call(None)
def _identified(parameters: object) -> AuthToken:
    if not isinstance(parameters, OAuth2Paramètres):
        raise ErreurWLangage("AuthIdentifie prend un OAuth2Paramètres", "AuthIdentify takes an OAuth2Parameters")
    if program_state.elsewhere is not None:
        raise Impossible(
            "Pendant un essai (--sandbox, --via) personne ne s'identifie auprès d'un fournisseur.",
            "During a trial (--sandbox, --via) nobody logs in with a provider.",
        )
    from courriel.delivery.oauth.browser import by_browser
    from courriel.delivery.oauth.sources import TokensInMemory

    client = _client(parameters)
    with _redirect(parameters.URLRedirection, client) as loopback:
        first = by_browser(client, loopback, _show_address)

    def renew(refresh_token: str) -> TokenAnswer:
        if not refresh_token:
            raise Impossible(
                "Le jeton a expiré, et le serveur d'autorisation n'en a pas donné pour le renouveler : appelez "
                "AuthIdentifie de nouveau.",
                "The token has expired, and the authorization server gave none to renew it: call AuthIdentify again.",
                hint_id="OAUTH-GRANT-REFUSED",
            )
        return client.refresh(refresh_token)

    return AuthToken.renewing(TokensInMemory(renew, first))


def _client(parameters: OAuth2Paramètres) -> OAuthClient:
    """The application, with what the known providers need besides."""
    from courriel.delivery.oauth.grants import OAuthClient
    from courriel.delivery.oauth.provider import AuthorizationServer, google, microsoft

    for name in ("ClientID", "URLAuth", "URLToken"):
        if not getattr(parameters, name):
            english = {"URLAuth": "AuthURL", "URLToken": "TokenURL"}.get(name, name)
            raise ErreurWLangage(f"OAuth2Paramètres.{name} est obligatoire", f"OAuth2Parameters.{english} is required")
    scopes = tuple(parameters.Scope.split())
    more = _additional(parameters.ParamètresSupplémentaires)
    host = parameters.URLToken.partition("://")[2].partition("/")[0]
    if host in ("oauth2.googleapis.com", "accounts.google.com"):
        # Without these Google gives no refresh token.
        more = {**dict(google().extra), **more}
        scopes = scopes or google().scopes
    elif host == "login.microsoftonline.com":
        scopes = tuple(dict.fromkeys((*(scopes or microsoft().scopes), "offline_access")))
    provider = AuthorizationServer(
        "other", parameters.URLToken, parameters.URLAuth, scopes=scopes, extra=tuple(more.items())
    )
    return OAuthClient(provider, parameters.ClientID, parameters.ClientSecret)


def _additional(given: str) -> dict[str, str]:
    from urllib.parse import parse_qsl

    try:
        more = dict(
            parse_qsl(given.lstrip("?&"), keep_blank_values=True, strict_parsing=bool(given), max_num_fields=50)
        )
    except ValueError:
        raise ErreurWLangage(
            "OAuth2Paramètres.ParamètresSupplémentaires s'écrit nom=valeur&nom=valeur",
            "OAuth2Parameters.AdditionalParameters is written name=value&name=value",
        ) from None
    for name in _OURS:
        if name in more:
            raise ErreurWLangage(
                f"OAuth2Paramètres.ParamètresSupplémentaires : {name} est mis par AuthIdentifie",
                f"OAuth2Parameters.AdditionalParameters: {name} is set by AuthIdentify",
            )
    return more


def _redirect(address: str, client: OAuthClient) -> Loopback:
    """The listener for the redirect. Raises ErreurWLangage for an address that does not lead to this machine."""
    from urllib.parse import urlsplit

    from courriel.delivery.oauth.loopback import Loopback

    if not address:
        return Loopback(client.provider.redirect_host)
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        parts, host, port = urlsplit(""), "", 0
    leads_here = parts.scheme == "http" and host in ("localhost", "127.0.0.1") and "@" not in parts.netloc
    # urlsplit drops line ends; and a query of ours would be taken for the answer.
    if not leads_here or not address.isprintable() or parts.query or parts.fragment:
        raise ErreurWLangage(
            f"OAuth2Paramètres.URLRedirection : {shown(address)} ne mène pas à cette machine ; par exemple "
            "http://localhost:9000",
            f"OAuth2Parameters.RedirectionURL: {shown(address)} does not lead to this machine; for example "
            "http://localhost:9000",
        )
    return Loopback(host, port, parts.path)


def _show_address(address: str, opened: bool) -> None:
    """Write the address for a person when no browser has opened."""
    if opened:
        return
    invitation = (
        "Connectez-vous dans le navigateur de cette machine, d'ici 5 minutes :"
        if program_state.spoken == "fr"
        else "Log in in a browser on this machine, within 5 minutes:"
    )
    print(invitation, address, sep="\n", file=sys.stderr, flush=True)
