"""Parameters of the functions that open a session: all argument forms converted into a Request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wlangage.authenticating.token import AuthToken
from courriel.wlangage.opening.session_variable import (
    SessionVariable,
    emailSessionIMAP,
    emailSessionSMTP,
    session_option,
)
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.structures.constants import SessionOption
from courriel.wlangage.structures.names import unaccented

if TYPE_CHECKING:
    from courriel.types import Credentials, TokenFetch

_DIGITS = expression(r"[0-9]{1,5}")

Protocol: TypeAlias = Literal["SMTP", "POP3", "IMAP"]

# The parameters of each form in order, and all keyword names; case, accents and underscores are ignored.
_NAME = {"NomUtilisateur": ("UserName", "Nom", "Name")}
_PASSWORD = {"MotDePasse": ("Password",)}
_SMTP = {
    **_NAME,
    **_PASSWORD,
    "AdresseServeurSMTP": ("SMTPServerAddress", "AddressOfSMTPServer", "AdresseServeur", "ServerAddress"),
    "NuméroPortSMTP": ("SMTPPortNumber", "NumberOfSMTPPort", "Port"),
    "ModeAsynchrone": ("AsynchronousMode", "Asynchrone", "Asynchronous"),
    "Option": ("Option",),
}
_BOTH = {
    **_NAME,
    **_PASSWORD,
    "AdresseServeurPOP3": ("POP3ServerAddress", "AddressOfPOP3Server"),
    "AdresseServeurSMTP": ("SMTPServerAddress", "AddressOfSMTPServer"),
    "NuméroPortPOP3": ("POP3PortNumber", "NumberOfPOP3Port"),
    "NuméroPortSMTP": ("SMTPPortNumber", "NumberOfSMTPPort"),
    "ModeAsynchrone": ("AsynchronousMode", "Asynchrone", "Asynchronous"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """Parameters of one session to open."""

    protocol: Protocol
    host: str
    port: int
    option: SessionOption
    credentials: Credentials | None
    may_go_without_login: bool = False
    """Whether to go on without a login on a server that offers none: with a password, by SMTP, as the WLangage does."""
    asynchronous: bool = False
    """Whether its mail is sent through the outbox."""
    name: str = ""
    """Name of the session."""


def read_arguments(arguments: tuple[object, ...], named: dict[str, object]) -> tuple[str, Request]:
    """Name and Request of EmailOuvreSessionSMTP. Raises ErreurWLangage for arguments of no known form."""
    form = _Form("EmailOuvreSessionSMTP", "EmailStartSMTPSession", _SMTP)
    given = form.bound(arguments, named, without_password=not _holds_password(arguments))
    form.expect_texts(given, "NomUtilisateur", "AdresseServeurSMTP")
    name = str(given["NomUtilisateur"])
    variable = emailSessionSMTP(
        Nom=name,
        AdresseServeur=given["AdresseServeurSMTP"],
        Port=_port(given.get("NuméroPortSMTP", 25)),
        Asynchrone=given.get("ModeAsynchrone", False),
        Option=given.get("Option", SessionOption.DÉFAUT),
    )
    if given.get("MotDePasse") is not None:
        variable.MotDePasse = given["MotDePasse"]
    return name, read_variable(variable)


def read_reading_arguments(
    protocol: Literal["POP3", "IMAP"], arguments: tuple[object, ...], named: dict[str, object]
) -> tuple[str, Request]:
    """The same for EmailOuvreSessionPOP3 and EmailOuvreSessionIMAP, which require the password."""
    parameters = {
        **_NAME,
        **_PASSWORD,
        f"AdresseServeur{protocol}": (f"{protocol}ServerAddress", "AdresseServeur", "ServerAddress"),
        f"NuméroPort{protocol}": (f"{protocol}PortNumber", "Port"),
        "Option": ("Option",),
    }
    form = _Form(f"EmailOuvreSession{protocol}", f"EmailStart{protocol}Session", parameters)
    given = form.bound(arguments, named)
    form.expect_texts(given, "NomUtilisateur", f"AdresseServeur{protocol}")
    form.expect(given, "MotDePasse")
    name, host = str(given["NomUtilisateur"]), str(given[f"AdresseServeur{protocol}"])
    request = Request(
        protocol,
        host,
        _port(given.get(f"NuméroPort{protocol}", 110 if protocol == "POP3" else 143)),
        session_option(given.get("Option", SessionOption.DÉFAUT)),
        _password(name, given["MotDePasse"], host),
    )
    return name, request


def read_two_servers(arguments: tuple[object, ...], named: dict[str, object]) -> tuple[str, Request, Request]:
    """Name, POP3 and SMTP Request of the form of EmailOuvreSession that opens both.

    Without an SMTP server the POP3 server is used for both; SMTP is never authenticated.
    """
    form = _Form("EmailOuvreSession", "EmailStartSession", _BOTH)
    given = form.bound(arguments, named)
    form.expect_texts(given, "NomUtilisateur", "AdresseServeurPOP3")
    form.expect(given, "MotDePasse")
    name, host = str(given["NomUtilisateur"]), str(given["AdresseServeurPOP3"])
    password = _password(name, given["MotDePasse"], host)
    sending = given.get("AdresseServeurSMTP") or host
    if not isinstance(sending, str):
        form.expect_texts(given, "AdresseServeurSMTP")
    default = SessionOption.DÉFAUT
    return (
        name,
        Request("POP3", host, _port(given.get("NuméroPortPOP3", 110)), default, password),
        Request(
            "SMTP",
            str(sending),
            _port(given.get("NuméroPortSMTP", 25)),
            default,
            None,
            asynchronous=bool(given.get("ModeAsynchrone", False)),
            name=name,
        ),
    )


def read_variable(variable: SessionVariable) -> Request:
    """The Request of a session variable."""
    host = variable.AdresseServeur
    if variable.JetonAuth:
        credentials: Credentials | None = _token(variable)
    else:
        credentials = _password(variable.Nom, variable.MotDePasse, host)
    option = session_option(variable.Option)
    if not isinstance(variable, emailSessionSMTP):
        protocol: Protocol = "IMAP" if isinstance(variable, emailSessionIMAP) else "POP3"
        return Request(protocol, host, variable.Port, option, credentials)
    from courriel import Password

    return Request(
        "SMTP",
        host,
        variable.Port,
        option,
        credentials,
        isinstance(credentials, Password),
        asynchronous=bool(variable.Asynchrone),
        name=variable.Nom,
    )


# The steps.


class _Form:
    """Parameters of a function, and its two names."""

    def __init__(self, french: str, english: str, parameters: Mapping[str, tuple[str, ...]]) -> None:
        self._french, self._english = french, english
        self._parameters = parameters
        self._keywords = {_plain(name): first for first, others in parameters.items() for name in (first, *others)}

    def bound(
        self, arguments: tuple[object, ...], named: dict[str, object], *, without_password: bool = False
    ) -> dict[str, object]:
        """Arguments by parameter name; `without_password`: the second argument is not the password."""
        given: dict[str, object] = {}
        for keyword, value in named.items():
            parameter = self._keywords.get(_plain(keyword))
            if parameter is None or parameter in given:
                raise ErreurWLangage(
                    f"{self._french} n'a pas de paramètre {keyword}, ou l'a reçu deux fois ; il y a : "
                    f"{', '.join(self._parameters)}",
                    f"{self._english} has no parameter {keyword}, or was given it twice; there are: "
                    f"{', '.join(english[0] for english in self._parameters.values())}",
                )
            given[parameter] = value
        places = [each for each in self._parameters if each not in given]
        if without_password and "MotDePasse" in places and "AdresseServeurSMTP" in places:
            places.remove("MotDePasse")
        if len(arguments) > len(places):
            raise ErreurWLangage(
                f"{self._french} : {len(arguments)} paramètres, {len(places)} au plus",
                f"{self._english}: {len(arguments)} parameters, {len(places)} at most",
            )
        return given | dict(zip(places, arguments, strict=False))

    def expect_texts(self, given: dict[str, object], *names: str) -> None:
        """Raise ErreurWLangage for the first of these that is missing, or not a text."""
        for needed in names:
            if not isinstance(given.get(needed), str):
                raise ErreurWLangage(
                    f"{self._french} : {needed} est obligatoire (chaîne)",
                    f"{self._english}: {self._parameters[needed][0]} is required (string)",
                )

    def expect(self, given: dict[str, object], needed: str) -> None:
        """Raise ErreurWLangage when it is missing or empty."""
        if not given.get(needed):
            raise ErreurWLangage(
                f"{self._french} : {needed} est nécessaire",
                f"{self._english}: {self._parameters[needed][0]} is needed",
            )


def _holds_password(arguments: tuple[object, ...]) -> bool:
    """Whether the password, which may be left out, is given: a port in third place is the port, and not the server.

    A string of digits is a port too; no server has such a name.
    """
    return len(arguments) > 2 and not (
        isinstance(arguments[2], int) or (isinstance(arguments[2], str) and _DIGITS.fullmatch(arguments[2]))
    )


def _port(value: object) -> int:
    """A port; a string of digits in its place is one, as programs read it from their settings."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ErreurWLangage("le port est un entier", "the port is an integer")


def _password(name: str, password: object, host: str) -> Credentials | None:
    from courriel import Password, TokenSource

    match password:
        case None | "":
            return None
        case str(secret):
            return Password(name, secret)
        case Password() | TokenSource() as credentials:
            return credentials
        case AuthToken():
            return password.source(name, host)
        case _:
            pass
    raise ErreurWLangage(
        "le mot de passe est une chaîne, un AuthToken, ou un courriel.Password",
        "the password is a string, an AuthToken, or a courriel.Password",
    )


def _token(variable: SessionVariable) -> Credentials:
    from courriel import TokenSource

    token = variable.JetonAuth
    if isinstance(token, str) and token.startswith("login:"):
        return TokenSource.stored(token.removeprefix("login:"), variable.Nom)
    if isinstance(token, str):
        return TokenSource(variable.Nom, lambda: token)
    if isinstance(token, TokenSource):
        return TokenSource(variable.Nom or token.user, token.fetch, token.refresh, token.hosts)
    if isinstance(token, AuthToken):
        return token.source(variable.Nom, variable.AdresseServeur)
    if callable(token):
        return TokenSource(variable.Nom, cast("TokenFetch", token))
    raise ErreurWLangage(
        "JetonAuth est le résultat d'AuthIdentifie, une chaîne (un jeton, ou login:NOM), une fonction qui en renvoie "
        "une, ou un TokenSource",
        "AuthToken is the result of AuthIdentify, a string (a token, or login:NAME), a function that returns one, or a "
        "TokenSource",
    )


def _plain(keyword: str) -> str:
    return unaccented(keyword).replace("_", "").casefold()
