"""All checks of a mail, the gravest first."""

from __future__ import annotations

from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.web.checks.check import Check
from courriel.sandbox.web.checks.clients import unsupported
from courriel.sandbox.web.checks.elements import elements_of
from courriel.sandbox.web.checks.links import links, unsubscribing
from courriel.sandbox.web.checks.structure import addresses, structure

_ORDER = {"bad": 0, "warning": 1, "note": 2, "good": 3}


def check_mail(mail: CapturedMessage) -> list[Check]:
    """Check a mail: linear in its size, and of its HTML only so much. Nothing is fetched."""
    elements = elements_of(mail.html)
    found = [
        *structure(mail, elements),
        *addresses(mail),
        *unsubscribing(mail),
        *unsupported(elements),
        *links(mail, elements),
    ]
    if not elements.whole:
        found.append(Check("note", "Le HTML est très long : seul son début a été vérifié.",
                           "The HTML is very long: only its beginning was checked."))  # fmt: skip
    return sorted(found, key=lambda check: _ORDER[check.grade])
