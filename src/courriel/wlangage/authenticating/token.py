"""The type AuthToken: what AuthIdentifie returns, and a session takes as JetonAuth; it renews itself."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, overload

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible
from courriel.wlangage.structures.properties import Property, Structure, moment, text

if TYPE_CHECKING:
    from courriel import TokenSource
    from courriel.delivery.oauth.sources import TokensInMemory


class _Validity(Property[bool, bool]):
    """Whether the token can be used, found out of its other properties; to be read only."""

    @overload
    def __get__(self, owner: None, kind: type[Structure]) -> Property[bool, bool]: ...
    @overload
    def __get__(self, owner: Structure, kind: type[Structure]) -> bool: ...
    def __get__(self, owner: Structure | None, kind: type[Structure]) -> bool | Property[bool, bool]:
        return self if owner is None else _usable(owner.memory)

    def __set__(self, owner: Structure, value: bool) -> None:
        raise ErreurWLangage("AuthToken.Valide se lit seulement", "AuthToken.Valid can only be read")


class AuthToken(Structure):
    """An OAuth 2 token: `Valeur`, `DateExpiration`, `Actualisation` (the refresh token), `RéponseServeur` (JSON).

    One of AuthIdentifie renews itself when it has expired, or when the mail server refuses it; its properties show the
    present state, and can only be read. One that the program fills in itself is used as it is. `Valide` is Faux after
    an AuthIdentifie that failed, and for an expired token that cannot be renewed.
    """

    __slots__ = ("tokens",)
    tokens: TokensInMemory | None
    """The tokens behind one of AuthIdentifie; None for one of the program."""
    wlangage_type = "AuthToken"

    Valide = Valid = _Validity(bool, bool)
    Valeur = Value = text()
    DateExpiration = ExpirationDate = moment()
    Actualisation = Refresh = text()
    RéponseServeur = ReponseServeur = ServerResponse = text()

    def __init__(self, **values: object) -> None:
        object.__setattr__(self, "tokens", None)
        super().__init__(**values)

    @classmethod
    def renewing(cls, tokens: TokensInMemory) -> AuthToken:
        """The token of AuthIdentifie."""
        token = cls()
        object.__setattr__(token, "tokens", tokens)
        return token

    @property
    def memory(self) -> dict[str, object]:
        """The present state, by French name of the property."""
        return self._own if self.tokens is None else _state(self.tokens)

    def __setattr__(self, name: str, value: object) -> None:
        if self.tokens is not None and isinstance(getattr(type(self), name, None), Property):
            raise ErreurWLangage(
                "ce jeton vient d'AuthIdentifie et se renouvelle lui-même : ses propriétés se lisent seulement",
                "this token is of AuthIdentify and renews itself: its properties can only be read",
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return "<AuthToken>"

    def RenouvelleToken(self) -> AuthToken:
        """Renew the token when it has expired; see AuthRenouvelleToken."""
        return renewed(self)

    RefreshToken = RenouvelleToken

    def source(self, user: str, host: str) -> TokenSource:
        """The token source for a session of this user with this host: no other gets the token, and none without TLS.

        Raises Impossible when there is no token.
        """
        from courriel import TokenSource

        hosts = (_ascii_host(host),)
        if self.tokens is not None:
            return TokenSource(user, self.tokens.fetch, self.tokens.refresh, hosts)
        value = self.Valeur
        if not value:
            raise Impossible(
                "JetonAuth est vide : AuthIdentifie a échoué, et ErreurInfo disait pourquoi.",
                "AuthToken is empty: AuthIdentify failed, and ErrorInfo said why.",
            )
        return TokenSource(user, lambda: value, None, hosts)


def renewed(token: object) -> AuthToken:
    """The same token, renewed when it has expired; an empty one, and the last error, on failure."""
    return _renewed(token) or AuthToken()


# The steps.


@email_call(None)
def _renewed(token: object) -> AuthToken:
    if not isinstance(token, AuthToken):
        raise ErreurWLangage("AuthRenouvelleToken prend un AuthToken", "AuthRefreshToken takes an AuthToken")
    if token.tokens is None:
        raise Impossible(
            "Seul un jeton d'AuthIdentifie se renouvelle : celui-ci ne connaît pas son application.",
            "Only a token of AuthIdentify can be renewed: this one does not know its application.",
            hint_id="OAUTH-GRANT-REFUSED",
        )
    _ = token.tokens.fetch()
    return token


def _ascii_host(host: str) -> str:
    """The host as a connection has it, "bücher.example" in ASCII; of an impossible one the opening says so."""
    from courriel import Server
    from courriel.errors import InvalidServer

    try:
        return Server(host).host
    except InvalidServer:
        return "-"


def _state(tokens: TokensInMemory) -> dict[str, object]:
    held = tokens.now
    if held is None:
        return {}
    until = None if held.expires_at is None else datetime.fromtimestamp(held.expires_at).astimezone()
    return {
        "Valeur": held.access_token,
        "DateExpiration": until,
        "Actualisation": held.refresh_token,
        "RéponseServeur": held.raw,
    }


def _usable(state: dict[str, object]) -> bool:
    until = state.get("DateExpiration")
    lasts = not isinstance(until, datetime) or until.timestamp() > time.time()
    return bool(state.get("Valeur")) and (lasts or bool(state.get("Actualisation")))
