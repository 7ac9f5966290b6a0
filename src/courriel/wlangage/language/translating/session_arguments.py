"""Arguments of EmailOuvreSessionSMTP that are certain enough for a Server and a Password."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from courriel.errors import CourrielError
from courriel.wlangage.language.syntax.nodes import Expression
from courriel.wlangage.language.translating.known_values import KnownValues
from courriel.wlangage.language.translating.session_nodes import Opening
from courriel.wlangage.structures.constants import SessionOption

_USUAL_PORT = 25
_SECURITY: dict[SessionOption, Literal["NONE", "STARTTLS", "TLS"]] = {
    SessionOption.DÉFAUT: "NONE",
    SessionOption.SÉCURISÉ_TLS: "STARTTLS",
    SessionOption.SSL: "TLS",
}


def opening_of(arguments: Sequence[Expression | None], known: KnownValues) -> Opening | None:
    """The session that a call opens; None where its server is not certain, or it sends through the outbox.

    Host, port, mode and option have to be literals, constants, or variables set once: a host may name a profile, and a
    port may be none, which the WLangage tells in other words than Server. Name and password may be any text variable.
    """
    given = [each for each in arguments if each is not None]
    if len(given) != len(arguments) or len(given) < 2 or known.type(given[0]) != "str":
        return None
    password: Expression | None = None
    rest = given[1:]
    if len(given) > 2:
        third = known.value(given[2])
        if third is None:
            return None
        if not _is_port(third):
            password, rest = given[1], given[2:]
    values = [known.value(each) for each in rest]
    if None in values or len(values) > 4:
        return None
    usual: list[object] = [None, _USUAL_PORT, False, SessionOption.DÉFAUT]
    host, port, mode, option = values + usual[len(values) :]
    if not (isinstance(host, str) and _is_port(port) and isinstance(mode, int) and mode == 0 and _is_option(option)):
        return None
    number = int(port)  # type: ignore[call-overload]
    if not _is_server(host, number):
        return None
    security = _SECURITY[SessionOption(option)]  # type: ignore[arg-type]
    name = given[0]
    if password is None or known.value(password) == "":
        return Opening(name, rest[0], number, security, None, is_known=True)
    if known.type(password) != "str":
        return None
    is_known = _is_login(known.value(name), known.value(password))
    return Opening(name, rest[0], number, security, password, is_known)


# The steps.


def _is_port(value: object) -> bool:
    """Whether it is taken for a port: a number, or a text of digits."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= 5
    return isinstance(value, int) and not isinstance(value, bool)


def _is_option(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in set(SessionOption)


def _is_server(host: str, port: int) -> bool:
    """Whether a Server takes them as they are; the name of a profile has a colon, and is no host."""
    from courriel import Server

    try:
        return port > 0 and Server(host, port).host == host
    except CourrielError:
        return False


def _is_login(name: object, password: object) -> bool:
    from courriel import Password

    if not (isinstance(name, str) and isinstance(password, str)):
        return False
    try:
        Password(name, password)
    except CourrielError:
        return False
    return True
