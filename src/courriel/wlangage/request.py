"""What EmailOuvreSessionSMTP was asked for: its arguments in every form, brought into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from courriel.values import dataclass
from courriel.wlangage.constants import SessionOption
from courriel.wlangage.names import unaccented
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.session_variable import emailSessionSMTP, session_option

if TYPE_CHECKING:
    from courriel.model.credentials import Credentials, Fetch

# The parameters in their order, and every name that a keyword may have; case, accents and underscores do not count.
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "NomUtilisateur": ("UserName", "Nom", "Name"),
    "MotDePasse": ("Password",),
    "AdresseServeurSMTP": ("SMTPServerAddress", "AddressOfSMTPServer", "AdresseServeur", "ServerAddress"),
    "NuméroPortSMTP": ("SMTPPortNumber", "NumberOfSMTPPort", "Port"),
    "ModeAsynchrone": ("AsynchronousMode", "Asynchrone", "Asynchronous"),
    "Option": ("Option",),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One wish for a session."""

    host: str
    port: int
    option: SessionOption
    credentials: Credentials | None
    may_go_without_login: bool
    """Whether a server that offers no login is taken without one: with a password only, as the WLangage does."""


def read_arguments(arguments: tuple[object, ...], named: dict[str, object]) -> tuple[str, Request]:
    """The name of the session, and what is wished. Raises ErreurWLangage for arguments that fit no form."""
    given = _bound(arguments, named)
    for needed in ("NomUtilisateur", "AdresseServeurSMTP"):
        if not isinstance(given.get(needed), str):
            raise ErreurWLangage(
                f"EmailOuvreSessionSMTP : {needed} est une chaîne, et il la faut",
                f"EmailStartSMTPSession: {_PARAMETERS[needed][0]} is a string, and is needed",
            )
    name = str(given["NomUtilisateur"])
    variable = emailSessionSMTP(
        Nom=name,
        AdresseServeur=given["AdresseServeurSMTP"],
        Port=given.get("NuméroPortSMTP", 25),
        Asynchrone=given.get("ModeAsynchrone", False),
        Option=given.get("Option", SessionOption.DÉFAUT),
    )
    if given.get("MotDePasse") is not None:
        variable.MotDePasse = given["MotDePasse"]
    return name, read_variable(variable)


def read_variable(variable: emailSessionSMTP) -> Request:
    """What a session variable wishes."""
    if variable.Asynchrone:
        raise ErreurWLangage(
            "le mode asynchrone n'existe pas encore : donnez emailSynchrone (ou Faux). Il déposera le courrier dans "
            "une boîte d'envoi sur disque",
            "the asynchronous mode does not exist yet: give emailSynchronous (or False). It will put the mail into an "
            "outbox on disk",
        )
    token = bool(variable.JetonAuth)
    credentials = _token(variable) if token else _password(variable)
    return Request(variable.AdresseServeur, variable.Port, session_option(variable.Option), credentials, not token)


# The steps.


def _bound(arguments: tuple[object, ...], named: dict[str, object]) -> dict[str, object]:
    """Each argument beside the name of its parameter."""
    given: dict[str, object] = {}
    for keyword, value in named.items():
        parameter = _KEYWORDS.get(_plain(keyword))
        if parameter is None or parameter in given:
            raise ErreurWLangage(
                f"EmailOuvreSessionSMTP n'a pas de paramètre {keyword}, ou l'a reçu deux fois ; il y a : "
                f"{', '.join(_PARAMETERS)}",
                f"EmailStartSMTPSession has no parameter {keyword}, or was given it twice; there are: {_english()}",
            )
        given[parameter] = value
    places = [each for each in _PARAMETERS if each not in given]
    if "MotDePasse" in places and "AdresseServeurSMTP" in places and not _holds_password(arguments):
        places.remove("MotDePasse")
    if len(arguments) > len(places):
        raise ErreurWLangage(
            f"EmailOuvreSessionSMTP : {len(arguments)} arguments sans nom, pour {len(places)} places",
            f"EmailStartSMTPSession: {len(arguments)} arguments without a name, for {len(places)} places",
        )
    return given | dict(zip(places, arguments, strict=False))


def _holds_password(arguments: tuple[object, ...]) -> bool:
    """The password stands before the server, and may be missing: an integer in third place is the port."""
    return len(arguments) > 2 and not isinstance(arguments[2], int)


def _password(variable: emailSessionSMTP) -> Credentials | None:
    from courriel import Password, TokenSource

    match variable.MotDePasse:
        case None | "":
            return None
        case str(secret):
            return Password(variable.Nom, secret)
        case Password() | TokenSource() as credentials:
            return credentials
        case _:
            pass
    raise ErreurWLangage(
        "le mot de passe est une chaîne, ou un courriel.Password", "the password is a string, or a courriel.Password"
    )


def _token(variable: emailSessionSMTP) -> Credentials:
    from courriel import TokenSource

    token = variable.JetonAuth
    if isinstance(token, str):
        return TokenSource(variable.Nom, lambda: token)
    if callable(token):
        return TokenSource(variable.Nom, cast("Fetch", token))
    raise ErreurWLangage(
        "JetonAuth est une chaîne, ou une fonction qui en renvoie une",
        "AuthToken is a string, or a function that returns one",
    )


def _plain(keyword: str) -> str:
    return unaccented(keyword).replace("_", "").casefold()


def _english() -> str:
    return ", ".join(english[0] for english in _PARAMETERS.values())


_KEYWORDS = {_plain(name): french for french, others in _PARAMETERS.items() for name in (french, *others)}
