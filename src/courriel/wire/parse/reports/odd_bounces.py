"""Bounces outside the standard: qmail's and Exim's own, and odd ones that flufl.bounce knows (extra `bounces`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from courriel import failures
from courriel._lazy_re import expression
from courriel.model.received.report import RecipientReport, Report, ReportKind
from courriel.wire.parse.addresses import received_addresses
from courriel.wire.parse.charsets.decoding import guessed, ignore_defect
from courriel.wire.parse.header import Header
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.reports.fields import code_in
from courriel.wire.parse.reports.original import Original, answered_id, original_in, returned_mail
from courriel.wire.parse.transfer import unpacked_slice
from courriel.wire.parse.words import one_line, value_of

LONGEST_TEXT = 131_072  # octets of the text that are read: what a bounce says stands at its beginning
LONGEST_LINE = 1_000
MOST_RECIPIENTS = 1_000

_QMAIL = ("hi. this is the", "hi, this is the", "this is the qmail", "bonjour. ici le")
_COPY = expression(
    r"^(?:--- (?:Below|Enclosed)|-{4,10} ?(?:This is a copy|Original|Returned|Message d)|Received: |Return-Path: )",
    re.MULTILINE,
)
_LONGEST_REASON = 2_000


def odd_bounce(header: Header, content_type: str, data: bytes, leaves: Sequence[Leaf]) -> Report | None:
    """Bounce in a form of some server's own; None when none is recognised."""
    text, rest = _halves(data, leaves)
    recipients = _by_header(header, text) or _by_qmail(text) or _by_library(header, content_type, text)
    if not recipients:
        return None
    original = returned_mail(data, leaves)
    if not original.headers:
        original = _copied(rest)
    return Report(
        ReportKind.DELIVERY,
        recipients,
        message_id=original.message_id or answered_id(header),
        original_headers=original.headers,
        certain=False,
    )


# The steps.


def _halves(data: bytes, leaves: Sequence[Leaf]) -> tuple[str, str]:
    """The text of the first part, what precedes the copy of the mail that came back, and that copy."""
    leaf = next((leaf for leaf in leaves if leaf.label.content_type == "text/plain"), None)
    if leaf is None:
        return "", ""
    end = min(leaf.end, leaf.start + LONGEST_TEXT)
    text = guessed(unpacked_slice(data, leaf.start, end, leaf.label.encoding, ignore_defect)).replace("\r", "")
    text = "\n".join(line[:LONGEST_LINE] for line in text.split("\n"))
    cut = _COPY.search(text)
    return (text[: cut.start()], text[cut.start() :]) if cut else (text, "")


def _copied(rest: str) -> Original:
    """Header of the mail that stands as text behind a line that announces it."""
    announced, _, copy = rest.partition("\n")
    if announced.startswith(("Received: ", "Return-Path: ")):
        copy = rest
    return original_in(copy.encode("utf-8", "replace"))


def _by_header(header: Header, text: str) -> tuple[RecipientReport, ...]:
    """Recipients that the field of Exim names, which others write as well."""
    named = received_addresses(value_of(header.first("x-failed-recipients"), ignore_defect), ignore_defect)
    return _failed((each.spec for each in named), text)


def _by_qmail(text: str) -> tuple[RecipientReport, ...]:
    """Recipients of a bounce in the format of qmail (QSBMF): paragraphs that begin with `<address>:`."""
    if not text.lstrip().lower().startswith(_QMAIL):
        return ()
    found: list[RecipientReport] = []
    for paragraph in text.split("\n\n")[:MOST_RECIPIENTS]:
        first, _, reason = paragraph.strip("\n").partition("\n")
        first = first.rstrip()
        if first.startswith("<") and first.endswith(">:") and "@" in first:
            found.append(_recipient(first[1:-2], "failed", reason))
    return tuple(found)


def _by_library(header: Header, content_type: str, text: str) -> tuple[RecipientReport, ...]:
    """Recipients that flufl.bounce finds, where it is installed."""
    from courriel.wire.parse.reports.flufl import recipients_by_flufl  # noqa: PLC0415 - few letters come this far

    delayed, failed = recipients_by_flufl(header, content_type, text)
    paragraphs = _Paragraphs(text)
    return (
        *(_recipient(each, "failed", paragraphs.about(each)) for each in failed),
        *(_recipient(each, "delayed", paragraphs.about(each)) for each in delayed),
    )


def _failed(addresses: Iterable[str], text: str) -> tuple[RecipientReport, ...]:
    paragraphs = _Paragraphs(text)
    listed = list(dict.fromkeys(filter(None, addresses)))[:MOST_RECIPIENTS]
    return tuple(_recipient(each, "failed", paragraphs.about(each)) for each in listed)


def _recipient(address: str, action: str, reason: str) -> RecipientReport:
    reason = one_line(" ".join(reason.split()), ignore_defect)[:_LONGEST_REASON]
    return RecipientReport(one_line(address, ignore_defect), action, _status_in(reason), reason)


def _status_in(reason: str) -> str:
    """Status code in the words of a server; of a bare reply code its class alone."""
    if found := code_in(reason):
        return found
    code = failures.read(reason, stage="recipient").code
    return f"{code // 100}.0.0" if code and code >= 400 else ""


class _Paragraphs:
    """Places of the addresses in a text: what stands behind one is read when it is asked for."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._places: dict[str, tuple[int, int]] = {}
        for number, line in enumerate(self._lines):
            for word in _ADDRESS.finditer(line):
                self._places.setdefault(word[0].lower(), (number, word.end()))

    def about(self, address: str) -> str:
        """What the text says behind this address: on its line and below, until an empty line."""
        if address.lower() not in self._places:
            return ""
        number, end = self._places[address.lower()]
        found = [self._lines[number][end:].strip(" >:;.,\"')")]
        for line in self._lines[number + 1 : number + _MOST_LINES]:
            if line.strip():
                found.append(line.strip())
            elif any(found):
                break
        return " ".join(found).strip()


_ADDRESS = expression(r"(?<![^\s<>()\[\]:;,\"'])[^\s<>()\[\]:;,\"'@]{1,64}@[^\s<>()\[\]:;,\"'@]{1,255}")
_MOST_LINES = 20  # of one reason
