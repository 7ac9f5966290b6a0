"""Arguments of MAIL and RCPT on the server side, strictly parsed: path and parameters (RFC 5321 4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Container

from courriel._dataclass import dataclass
from courriel.errors import InvalidAddress
from courriel.model.address import Address, without_local_part
from courriel.model.envelope import Notify, Return
from courriel.wire.smtp.server_syntax import Objection

_PATH = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^"<>])*)>(?: +(.*))?')
# A source route before an address (RFC 5321 4.1.2, A-d-l): accepted and ignored (4.1.1.3, appendix C).
_DOMAIN = r'(?:[^\x00-\x20"(),:;<>@\[\\\]\x7f]+|\[[^\[\]\s]*\])'
_ROUTE = re.compile(rf"@{_DOMAIN}(?:,@{_DOMAIN})*:(?=.)")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f]+))?")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_ORIGINAL = re.compile(r"([A-Za-z0-9-]+);([!-~]+)")
_NUMBER = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class MailFrom:
    """Argument of MAIL: the sender (None for the null sender) and the parameters."""

    sender: Address | None
    size: int | None = None
    eight_bit: bool = False
    binary: bool = False
    utf8: bool = False
    ret: Return | None = None
    envid: str = ""
    auth: str = ""
    require_tls: bool = False


@dataclass(frozen=True, slots=True)
class RcptTo:
    """Argument of RCPT: one recipient, and the delivery reports about it (RFC 3461 4)."""

    address: Address
    notify: frozenset[Notify] = frozenset()
    original: str = ""


def read_mail(argument: str, offered: Container[str]) -> MailFrom:
    """Parse the argument of MAIL; `offered` are the extensions whose parameters are allowed. Raises Objection."""
    path, parameters = _read_path(argument, "FROM", offered, _MAIL_PARAMETERS)
    if not parameters:
        return MailFrom(_read_address(path, "5.1.7", utf8=False) if path else None)
    utf8 = "SMTPUTF8" in parameters
    body = (parameters.get("BODY") or "7BIT").upper()
    if body not in ("7BIT", "8BITMIME", "BINARYMIME"):
        raise Objection(501, "5.5.4 BODY is 7BIT, 8BITMIME or BINARYMIME")
    return MailFrom(
        sender=_read_address(path, "5.1.7", utf8) if path else None,
        size=_read_size(parameters["SIZE"]) if "SIZE" in parameters else None,
        eight_bit=body == "8BITMIME",
        binary=body == "BINARYMIME",
        utf8=utf8,
        ret=_read_return(parameters["RET"]) if "RET" in parameters else None,
        envid=_read_xtext("ENVID", parameters["ENVID"], 100) if "ENVID" in parameters else "",
        auth=_read_xtext("AUTH", parameters["AUTH"], 500) if "AUTH" in parameters else "",
        require_tls="REQUIRETLS" in parameters,
    )


def read_rcpt(argument: str, offered: Container[str], *, utf8: bool, our_name: str) -> RcptTo:
    """Parse the argument of RCPT; `postmaster` (RFC 5321 4.1.1.3) gets the domain `our_name`. Raises Objection."""
    path, parameters = _read_path(argument, "TO", offered, _RCPT_PARAMETERS)
    if path.lower() == "postmaster":
        path = f"{path}@{our_name}"
    return RcptTo(
        address=_read_address(path, "5.1.3", utf8),
        notify=_read_notify(parameters["NOTIFY"]) if "NOTIFY" in parameters else frozenset(),
        original=_read_original(parameters["ORCPT"]) if "ORCPT" in parameters else "",
    )


# The steps.

# Each parameter: its extension, and whether it has a value.
_MAIL_PARAMETERS = {
    "SIZE": ("SIZE", True), "BODY": ("8BITMIME", True), "SMTPUTF8": ("SMTPUTF8", False), "RET": ("DSN", True),
    "ENVID": ("DSN", True), "AUTH": ("AUTH", True), "REQUIRETLS": ("REQUIRETLS", False),
}  # fmt: skip
_RCPT_PARAMETERS = {"NOTIFY": ("DSN", True), "ORCPT": ("DSN", True)}


def _read_path(
    argument: str, keyword: str, offered: Container[str], known: dict[str, tuple[str, bool]]
) -> tuple[str, dict[str, str]]:
    """Split `FROM:<path> parameters`; a space after the colon is wrong, but too common to refuse."""
    word, colon, rest = argument.partition(":")
    found = _PATH.fullmatch(rest.lstrip(" "))
    if word.upper() != keyword or not colon or found is None:
        raise Objection(501, f"5.5.2 It is said {keyword}:<address>, with the address in angle brackets")
    path = found[1]
    route = _ROUTE.match(path) if path.startswith("@") else None
    return path[route.end() :] if route else path, _read_parameters(found[2], offered, known) if found[2] else {}


def _read_parameters(text: str, offered: Container[str], known: dict[str, tuple[str, bool]]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for word in text.split():
        found = _PARAMETER.fullmatch(word)
        if found is None:
            raise Objection(501, "5.5.4 A parameter is a word, or a word=value")
        name = found[1].upper()
        extension, has_value = known.get(name, ("", False))
        if extension not in offered:
            raise Objection(555, f"5.5.4 The parameter {name[:20]} is not known here")
        if has_value != (found[2] is not None):
            raise Objection(501, f"5.5.4 {name} {'needs a' if has_value else 'has no'} value")
        if name in parameters:
            raise Objection(501, f"5.5.4 {name} was said twice")
        parameters[name] = found[2] or ""
    return parameters


def _read_address(path: str, enhanced: str, utf8: bool) -> Address:
    # `Address` ignores surrounding white space, for people who type; on the wire it is an error.
    if path != path.strip():
        raise Objection(553, f"{enhanced} A space does not belong to an address")
    if not path.isascii() and not utf8:
        raise Objection(553, "5.6.7 An address that is not ASCII needs SMTPUTF8")
    try:
        return without_local_part(path[3:]) if path.startswith('""@') else Address.parse(path)
    except InvalidAddress:
        raise Objection(553, f"{enhanced} This is not an address") from None


def _read_size(value: str) -> int:
    if not _NUMBER.fullmatch(value):
        raise Objection(501, "5.5.4 SIZE is a number of octets")
    return int(value)


def _read_return(value: str) -> Return:
    try:
        return Return(value.upper())
    except ValueError:
        raise Objection(501, "5.5.4 RET is FULL or HDRS") from None


def _read_notify(value: str) -> frozenset[Notify]:
    try:
        conditions = frozenset(Notify(word) for word in value.upper().split(","))
    except ValueError:
        raise Objection(501, "5.5.4 NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY") from None
    if Notify.NEVER in conditions and len(conditions) > 1:
        raise Objection(501, "5.5.4 NOTIFY=NEVER stands alone")
    return conditions


def _read_original(value: str) -> str:
    found = _ORIGINAL.fullmatch(value)
    if found is None or len(value) > 500:
        raise Objection(501, "5.5.4 ORCPT is a type, a semicolon and an address")
    if found[1].lower() == "utf-8":
        return f"utf-8;{found[2]}"  # RFC 6533 3 has its own encoding of non-ASCII characters, which is not decoded here
    return f"{found[1].lower()};{_read_xtext('ORCPT', found[2], 500)}"


def _read_xtext(name: str, value: str, longest: int) -> str:
    """Decode xtext (RFC 3461 4); the result must be printable ASCII."""
    if not _XTEXT.fullmatch(value):
        raise Objection(501, f"5.5.4 {name} is not xtext")
    text = re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), value)
    if len(text) > longest or not text.isascii() or not text.isprintable():
        raise Objection(501, f"5.5.4 {name} holds what it may not, or too much of it")
    return text
