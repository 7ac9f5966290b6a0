"""Authorization requests with PKCE, and the redirect that answers them (RFC 6749 4.1, RFC 7636, RFC 8252). Pure."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.delivery.oauth.answers import HttpAnswer, refusal
from courriel.delivery.oauth.provider import AuthorizationServer, encoded

_LONGEST_QUERY = 8192


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """The page to open in a browser, and what proves that the redirect and the code belong to this login."""

    url: str = field(repr=False)
    redirect_uri: str
    authorize_url: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def make(
        cls, provider: AuthorizationServer, client_id: str, redirect_uri: str, user: str, scopes: tuple[str, ...] = ()
    ) -> AuthorizationRequest:
        """A request with a fresh state and PKCE verifier (S256)."""
        from hashlib import sha256
        from secrets import token_urlsafe

        state, verifier = token_urlsafe(32), token_urlsafe(64)
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        fields = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes or provider.scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "login_hint": user,
            **dict(provider.extra),
        }
        return cls(f"{provider.authorize_url}?{encoded(fields)}", redirect_uri, provider.authorize_url, state, verifier)

    def code_of(self, query: str) -> str:
        """The authorization code in the query of the redirect.

        Raises RemoteProtocolError when the state is not ours or the query is no answer, TokenRefused for a refusal.
        """
        from hmac import compare_digest

        fields = _fields(query)
        if not compare_digest(fields.get("state", "").encode(), self.state.encode()):
            raise errors.RemoteProtocolError(
                "the browser came back with the state of another login; nothing was taken from it",
                stage="authenticate",
                hint_id="OAUTH-STATE-MISMATCH",
            )
        answer = HttpAnswer(self.authorize_url, 200, "", b"")
        if "error" in fields:
            raise refusal(answer, fields["error"], fields.get("error_description", ""), (self.state, self.verifier))
        if not fields.get("code"):
            raise errors.RemoteProtocolError(
                f"{answer.host} does not answer as an authorization server: the browser came back without a code",
                stage="authenticate",
                hint_id="OAUTH-SERVER-BROKEN",
            )
        return fields["code"]


# The steps.


def _fields(query: str) -> dict[str, str]:
    """Fields of a query; one that is given twice is left out, since nobody knows which is meant."""
    from urllib.parse import parse_qsl

    try:
        pairs = parse_qsl(query[:_LONGEST_QUERY], keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}
