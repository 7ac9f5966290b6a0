"""Tabs of an open mail: the values that each shows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from courriel.failures import spoken
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.structure import MailPart, parts_of
from courriel.sandbox.web.checks.all_checks import check_mail
from courriel.sandbox.web.checks.links import one_click_link
from courriel.sandbox.web.mail_html import mail_html
from courriel.sandbox.web.pages.as_code import as_python, as_test
from courriel.sandbox.web.pages.envelope import envelope_of
from courriel.sandbox.web.pages.invitation import invitation_of
from courriel.sandbox.web.parts import SHOWN, file_name

LONGEST = 300_000
"""Characters of one text in a tab; the rest is in the file."""
_MOST_FIELDS = 500
_MOST_PARTS = 300
_MOST_INVITATIONS = 5


def tab_values(mail: CapturedMessage, tab: str) -> dict[str, Any]:
    """Values for the template of a tab, with those that every tab has."""
    content = mail.content
    parts = parts_of(content)
    files = [_File(part) for part in parts if not _is_within(part)][:_MOST_PARTS]
    calendars = (
        invitation
        for part in parts[:_MOST_PARTS]
        if part.content_type == "text/calendar" and (invitation := invitation_of(part.decoded(content))) is not None
    )
    invitations = list(islice(calendars, _MOST_INVITATIONS))
    return {"tabs": list(TABS), "files": files, "invitations": invitations, **TABS[tab](mail)}


class _File:
    """An attachment as the page shows it."""

    def __init__(self, part: MailPart) -> None:
        self.part = part
        self.name = file_name(part)
        self.shown = part.content_type in SHOWN
        self.picture = self.shown and part.content_type.startswith("image/")


# The steps.


def _is_within(part: MailPart) -> bool:
    """Whether a part is shown within the mail: its texts, and pictures that its HTML calls."""
    if part.attached:
        return False
    if part.content_type in ("text/plain", "text/html"):
        return not part.name
    return bool(part.content_id) and part.within == "multipart/related"


def _html(mail: CapturedMessage) -> dict[str, Any]:
    made = mail_html(mail)
    return {"held_back": made.held_back, "cut": made.cut}


def _text(mail: CapturedMessage) -> dict[str, Any]:
    own = any(part.is_text for part in parts_of(mail.content))
    return {"text": mail.text[:LONGEST], "own": own, "cut": len(mail.text) > LONGEST}


def _headers(mail: CapturedMessage) -> dict[str, Any]:
    return {"fields": mail.headers[:_MOST_FIELDS]}


def _source(mail: CapturedMessage) -> dict[str, Any]:
    source = mail.content[:LONGEST].decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return {"source": source, "cut": mail.size > LONGEST}


def _parts(mail: CapturedMessage) -> dict[str, Any]:
    return {"parts": parts_of(mail.content)[:_MOST_PARTS]}


def _session(mail: CapturedMessage) -> dict[str, Any]:
    lines = mail.said.lines()
    return {"said": lines, "remarks_made": [spoken(finding.text) for finding in mail.findings]}


def _envelope(mail: CapturedMessage) -> dict[str, Any]:
    return {"envelope": envelope_of(mail)}


def _checks(mail: CapturedMessage) -> dict[str, Any]:
    return {"checks": check_mail(mail), "one_click": one_click_link(mail) is not None}


def _code(mail: CapturedMessage) -> dict[str, Any]:
    return {"test": as_test(mail), "python": as_python(mail)}


TABS: dict[str, Callable[[CapturedMessage], dict[str, Any]]] = {
    "html": _html, "text": _text, "headers": _headers, "source": _source, "parts": _parts, "envelope": _envelope,
    "session": _session, "checks": _checks, "code": _code,
}  # fmt: skip
"""Tabs in their order."""
