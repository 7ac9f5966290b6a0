"""An envelope in the words of MAIL and RCPT, with the parameters that a server must know (RFC 5321 4.1.1.2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping

from courriel.errors import NotSupported
from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.envelope import Envelope, Notify
from courriel.wire.smtp import command


def mail(envelope: Envelope, content: Content, capabilities: Mapping[str, str]) -> bytes:
    """The MAIL command. Raises NotSupported for what this server cannot take; nothing has been sent then."""
    utf8 = _needs_utf8(envelope, content)
    _check(content, envelope, utf8, capabilities)
    words = [f"FROM:<{envelope.sender.wire(utf8) if envelope.sender else ''}>"]
    if "SIZE" in capabilities:
        words.append(f"SIZE={content.size}")
    if "8BITMIME" in capabilities and (content.eight_bit or content.utf8):
        words.append("BODY=8BITMIME")
    if utf8:
        words.append("SMTPUTF8")
    if envelope.require_tls:
        words.append("REQUIRETLS")
    if "DSN" in capabilities:
        if envelope.ret:
            words.append(f"RET={envelope.ret.value}")
        if envelope.envid:
            words.append(f"ENVID={xtext(envelope.envid)}")
    return command("MAIL", *words)


def rcpt(recipient: Address, envelope: Envelope, content: Content, capabilities: Mapping[str, str]) -> bytes:
    """The RCPT command for one recipient."""
    utf8 = _needs_utf8(envelope, content)
    words = [f"TO:<{recipient.wire(utf8)}>"]
    if "DSN" in capabilities and envelope.notify:
        words.append("NOTIFY=" + ",".join(wish.value for wish in Notify if wish in envelope.notify))
        words.append(_original_recipient(recipient))
    return command("RCPT", *words)


def xtext(text: str) -> str:
    """Printable ASCII as DSN parameters carry it: `+`, `=` and what is not printable as +XX (RFC 3461 4)."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


# The steps.


def _original_recipient(recipient: Address) -> str:
    if recipient.needs_smtputf8:
        # RFC 6533 3: a `utf-8` address type, whose every odd character is written as \\x{HEX}.
        shown = "".join(
            c if "!" <= c <= "~" and c not in "+=\\" else f"\\x{{{ord(c):X}}}" for c in recipient.wire(utf8=True)
        )
        return f"ORCPT=utf-8;{shown}"
    return f"ORCPT=rfc822;{xtext(recipient.wire())}"


def _needs_utf8(envelope: Envelope, content: Content) -> bool:
    return content.utf8 or envelope.needs_smtputf8


def _check(content: Content, envelope: Envelope, utf8: bool, capabilities: Mapping[str, str]) -> None:
    limit = capabilities.get("SIZE", "")
    if limit.isascii() and limit.isdecimal() and 0 < int(limit) < content.size:
        raise NotSupported(
            f"the message has {content.size:,} octets, and the server takes {int(limit):,} at most",
            capability="SIZE",
            stage="sender",
            hint_id="MESSAGE-TOO-BIG",
        )
    if utf8 and "SMTPUTF8" not in capabilities:
        odd = next((a.spec for a in (*envelope.recipients, envelope.sender) if a and a.needs_smtputf8), "a header")
        raise NotSupported(
            f"{odd} cannot be written in ASCII, and the server does not offer SMTPUTF8",
            capability="SMTPUTF8",
            stage="sender",
            hint_id="ADDRESS-NEEDS-SMTPUTF8",
        )
    if content.eight_bit and "8BITMIME" not in capabilities:
        raise NotSupported(
            "the message holds octets above 127, and the server does not offer 8BITMIME",
            capability="8BITMIME",
            stage="sender",
        )
    if envelope.require_tls and "REQUIRETLS" not in capabilities:
        raise NotSupported(
            "the server does not promise TLS on the way further (REQUIRETLS)", capability="REQUIRETLS", stage="sender"
        )
