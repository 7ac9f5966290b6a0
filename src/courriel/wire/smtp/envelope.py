"""Envelope as MAIL and RCPT commands, with the parameters of the extensions (RFC 5321 4.1.1.2 and 3)."""

from __future__ import annotations

from courriel.errors import NotSupported
from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.envelope import Envelope, Notify
from courriel.wire.smtp.extensions import Extensions


def announcement(envelope: Envelope, content: Content, extensions: Extensions) -> list[str]:
    """MAIL, and RCPT for each recipient, without their line ends.

    Raises NotSupported when the server lacks an extension that the message needs; nothing has been sent then.
    """
    sender, utf8 = envelope.sender, content.utf8 or envelope.needs_smtputf8
    size = f" SIZE={content.size}" if extensions.size else ""
    if not (
        utf8 or content.eight_bit or content.binary or envelope.requests_reports or content.size > extensions.largest
    ):
        # The usual mail: no parameters but SIZE.
        commands = [f"MAIL FROM:<{sender.narrow if sender else ''}>{size}"]
        for recipient in envelope.recipients:
            commands.append(f"RCPT TO:<{recipient.narrow}>")  # noqa: PERF401 - mostly a single recipient
        return commands
    _check(content, envelope, utf8, extensions)
    commands = [
        f"MAIL FROM:<{sender.wire(utf8) if sender else ''}>{size}{_parameters(envelope, content, utf8, extensions)}"
    ]
    reports = ""
    if extensions.reports and envelope.notify:
        reports = " NOTIFY=" + ",".join(condition.value for condition in Notify if condition in envelope.notify)
    for recipient in envelope.recipients:
        original = f"{reports} {_original_recipient(recipient)}" if reports else ""
        commands.append(f"RCPT TO:<{recipient.wire(utf8)}>{original}")
    return commands


def xtext(text: str) -> str:
    """Printable ASCII as DSN parameters carry it: `+`, `=` and what is not printable as +XX (RFC 3461 4)."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


# The steps.


def _parameters(envelope: Envelope, content: Content, utf8: bool, extensions: Extensions) -> str:
    """Parameters of MAIL besides the size."""
    parameters = ""
    if content.binary:
        parameters += " BODY=BINARYMIME"
    elif extensions.eight_bit and (content.eight_bit or content.utf8):
        parameters += " BODY=8BITMIME"
    if utf8:
        parameters += " SMTPUTF8"
    if envelope.require_tls:
        parameters += " REQUIRETLS"
    if extensions.reports and envelope.wants_reports:
        if envelope.ret:
            parameters += f" RET={envelope.ret.value}"
        if envelope.envid:
            parameters += f" ENVID={xtext(envelope.envid)}"
    return parameters


def _original_recipient(recipient: Address) -> str:
    if recipient.needs_smtputf8:
        # RFC 6533 3: a `utf-8` address type, whose every odd character is written as \\x{HEX}.
        shown = "".join(
            c if "!" <= c <= "~" and c not in "+=\\" else f"\\x{{{ord(c):X}}}" for c in recipient.wire(utf8=True)
        )
        return f"ORCPT=utf-8;{shown}"
    return f"ORCPT=rfc822;{xtext(recipient.wire())}"


def _check(content: Content, envelope: Envelope, utf8: bool, extensions: Extensions) -> None:
    if content.size > extensions.largest:
        raise NotSupported(
            f"the message has {content.size:,} octets, and the server takes {extensions.largest:,} at most",
            capability="SIZE",
            stage="sender",
            hint_id="MESSAGE-TOO-BIG",
        )
    if utf8 and not extensions.utf8:
        odd = next((a.spec for a in (*envelope.recipients, envelope.sender) if a and a.needs_smtputf8), "")
        raise NotSupported(
            f"{odd or 'a header'} cannot be written in ASCII, and the server does not offer SMTPUTF8",
            capability="SMTPUTF8",
            stage="sender",
            hint_id="ADDRESS-NEEDS-SMTPUTF8" if odd else "HEADER-NEEDS-SMTPUTF8",
        )
    if content.binary and not extensions.binary:
        raise NotSupported(
            "the message holds files as they are, and the server does not take them so (BINARYMIME and CHUNKING)",
            capability="BINARYMIME",
            stage="sender",
        )
    if content.eight_bit and not extensions.eight_bit:
        raise NotSupported(
            "the message holds octets above 127, and the server does not offer 8BITMIME",
            capability="8BITMIME",
            stage="sender",
        )
    if envelope.require_tls and not extensions.require_tls:
        raise NotSupported(
            "the server does not promise TLS on the way further (REQUIRETLS)", capability="REQUIRETLS", stage="sender"
        )
