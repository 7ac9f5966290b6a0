"""The structure OAuth2Paramètres: an application, its authorization server, and the redirect."""

from __future__ import annotations

from courriel.wlangage.structures.constants import ResponseType
from courriel.wlangage.structures.properties import NotThat, Property, Structure, text


def _as_response_type(value: object) -> ResponseType:
    if isinstance(value, int) and not isinstance(value, bool) and value in set(ResponseType):
        return ResponseType(value)
    raise NotThat("oauth2TypeRéponseCode est attendu", "oauth2ResponseTypeCode is expected")


class OAuth2Paramètres(Structure):
    """An application registered at an authorization server (OAuth 2), for AuthIdentifie.

    `ClientID` and `ClientSecret` are the application's; `URLAuth` and `URLToken` the server's addresses, https only;
    `Scope` are the permissions, separated by spaces. `URLRedirection` leads to this machine (http://localhost:9000);
    without a port a free one is taken, without all of it one of 127.0.0.1. `ParamètresSupplémentaires` (a=b&c=d) are
    added to the address of the login page. `TypeRéponse` is oauth2TypeRéponseCode.
    """

    __slots__ = ()
    wlangage_type = "OAuth2Paramètres"

    ClientID = text()
    ClientSecret = text()
    URLAuth = AuthURL = text()
    URLToken = TokenURL = text()
    Scope = text()
    URLRedirection = RedirectionURL = text()
    ParamètresSupplémentaires = ParametresSupplementaires = AdditionalParameters = text()
    TypeRéponse = TypeReponse = ResponseType = Property[ResponseType, int](lambda: ResponseType.CODE, _as_response_type)
