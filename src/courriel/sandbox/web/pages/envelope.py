"""Envelope of a mail beside its header: who really receives it, and what differs."""

from __future__ import annotations

from dataclasses import dataclass

from courriel.sandbox.letter import CapturedMessage


@dataclass(frozen=True)
class Receiver:
    """One recipient: in the envelope or not, and in which field of the header."""

    address: str
    received: bool
    field: str
    """To or Cc; "" for one that is in no field: Bcc."""


@dataclass(frozen=True)
class EnvelopeView:
    """Senders by what names them, recipients, and parameters of MAIL and RCPT."""

    senders: tuple[tuple[str, str], ...]
    differ: bool
    receivers: tuple[Receiver, ...]
    parameters: tuple[str, ...]


def envelope_of(mail: CapturedMessage) -> EnvelopeView:
    """Compare envelope and header."""
    letter = mail.letter
    claimed = letter.sender.spec if letter.sender else ""
    senders = [("MAIL FROM", f"<{mail.sender}>"), ("From", letter.header("from"))]
    senders += [(name, value) for name in ("Sender", "Reply-To", "Return-Path") if (value := letter.header(name))]
    fields = {each.spec.lower(): "Cc" for each in letter.cc} | {each.spec.lower(): "To" for each in letter.to}
    envelope = {each.lower() for each in mail.recipients}
    receivers = [Receiver(each, received=True, field=fields.get(each.lower(), "")) for each in mail.recipients[:500]]
    receivers += [
        Receiver(each.spec, received=False, field=fields[each.spec.lower()])
        for each in (*letter.to, *letter.cc)[:500]
        if each.spec and each.spec.lower() not in envelope
    ]
    return EnvelopeView(
        tuple(senders), mail.sender.lower() != claimed.lower(), tuple(receivers), tuple(_parameters(mail))
    )


# The steps.


def _parameters(mail: CapturedMessage) -> list[str]:
    if mail.delivery is None:
        return []
    origin = mail.delivery.origin
    found = [f"SIZE={origin.size}"] if origin.size is not None else []
    found += ["BODY=BINARYMIME"] if origin.binary else ["BODY=8BITMIME"] if origin.eight_bit else []
    found += ["SMTPUTF8"] if origin.utf8 else []
    found += ["REQUIRETLS"] if origin.require_tls else []
    found += [f"RET={origin.ret}"] if origin.ret else []
    found += [f"ENVID={origin.envid}"] if origin.envid else []
    for recipient in mail.delivery.recipients[:50]:
        if recipient.notify:
            found.append(
                f"{recipient.address.spec}: NOTIFY={','.join(sorted(each.value for each in recipient.notify))}"
            )
    return found
