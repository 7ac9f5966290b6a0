"""Envelope, and the delivery reports that sendmail is asked for (-N, -R, -V), as options of `put`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel import Notify, Return, errors

if TYPE_CHECKING:
    from courriel.types import SendArguments


def send_terms(sender: str, to: list[str], notify: tuple[str, ...], ret: str, envid: str) -> SendArguments:
    """Send options of an envelope. Raises InvalidMessage for a word that is none."""
    terms: SendArguments = {"sender": sender, "to": to}
    try:
        if notify:
            terms["notify"] = [Notify[word.upper()] for word in notify]
        if ret:
            terms["ret"] = Return.HEADERS if ret == "hdrs" else Return[ret.upper()]
    except KeyError as unknown:
        raise errors.InvalidMessage(f"{unknown} is no option of a delivery report", stage="compose") from None
    if envid:
        terms["envid"] = envid
    return terms
