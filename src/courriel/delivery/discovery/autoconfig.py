"""
Parser of Thunderbird's autoconfiguration (config-v1.1.xml, draft-ietf-mailmaint-autoconfig), for servers with TLS.

The file comes from the domain of the address. It is parsed without a document type, so that it cannot declare entities
or name other files, and with limits for its size and depth.
"""

from __future__ import annotations

from xml.parsers import expat

from courriel import errors
from courriel.delivery.discovery.proposal import FoundServer
from courriel.model.address import Address
from courriel.model.servers.server import Dialect, Security

LONGEST = 256 * 1024
"""Bytes of a file; that of a large provider has 4 KiB."""
_DEEPEST = 16
_LONGEST_TEXT = 1024
_DIALECTS = {"smtp": Dialect.SMTP, "imap": Dialect.IMAP, "pop3": Dialect.POP3}
_SECURITY = {"SSL": Security.TLS, "STARTTLS": Security.STARTTLS}


def servers(xml: bytes, address: Address) -> list[FoundServer]:
    """The TLS servers that the file offers for this address, in its order; those with an unusable entry are left out.

    Raises RemoteProtocolError for a file that is too long, too deep, no XML, or has a document type.
    """
    if len(xml) > LONGEST:
        raise _unreadable(f"it is longer than {LONGEST // 1024} KiB")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, LookupError, ValueError) as broken:
        raise _unreadable(f"it is no XML: {broken}") from None
    return [server for entry in reader.entries if (server := _server(entry, address))]


# The steps.


class _Entry:
    """One incomingServer or outgoingServer: its type, and the texts of its elements (the first of each name)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.texts: dict[str, str] = {}
        self.authentication: list[str] = []


class _Reader:
    """Handlers of expat, which keep the server entries."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self._path: list[str] = []
        self._entry: _Entry | None = None
        self._text = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise _unreadable(f"its elements are nested more than {_DEEPEST} deep")
        self._text = ""
        if self._path == ["clientConfig", "emailProvider", name] and name in ("incomingServer", "outgoingServer"):
            self._entry = _Entry(attributes.get("type", "").lower())

    def end(self, name: str) -> None:
        entry = self._entry
        if entry is not None and len(self._path) == 4:
            if name == "authentication":
                entry.authentication.append(self._text.strip())
            entry.texts.setdefault(name, self._text.strip())
        elif entry is not None and len(self._path) == 3:
            self.entries.append(entry)
            self._entry = None
        self._path.pop()
        self._text = ""

    def text(self, more: str) -> None:
        if self._entry is not None and len(self._text) < _LONGEST_TEXT:
            self._text += more[:_LONGEST_TEXT]

    def refuse(self, *_: object) -> None:
        raise _unreadable("it declares a document type or an entity")


def _server(entry: _Entry, address: Address) -> FoundServer | None:
    dialect, security = _DIALECTS.get(entry.kind), _SECURITY.get(entry.texts.get("socketType", "").upper())
    host, port = _with_address_filled_in(entry.texts.get("hostname", ""), address), entry.texts.get("port", "")
    user = _with_address_filled_in(entry.texts.get("username", ""), address)
    if dialect is None or security is None or not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    if not user or not user.isprintable():
        return None
    ways = {each.lower() for each in entry.authentication}
    try:
        return FoundServer(dialect, host, int(port), security, user, tokens_only=ways == {"oauth2"})
    except errors.InvalidServer:
        return None


def _with_address_filled_in(text: str, address: Address) -> str:
    for name, value in (
        ("%EMAILADDRESS%", address.spec), ("%EMAILLOCALPART%", address.local), ("%EMAILDOMAIN%", address.domain),
    ):  # fmt: skip
        text = text.replace(name, value)
    return text


def _unreadable(reason: str) -> errors.RemoteProtocolError:
    return errors.RemoteProtocolError(f"the autoconfiguration cannot be used: {reason}")
