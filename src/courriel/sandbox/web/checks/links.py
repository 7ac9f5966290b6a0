"""Links of a mail and its List-Unsubscribe, checked: they are listed, and never followed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.web.checks.check import Check
from courriel.sandbox.web.checks.elements import Elements

_IN_TEXT = re.compile(r"https?://[^\s<>\"')\]]{1,2000}")
_ANGLE = re.compile(r"<\s*([^<>\s]{1,2000})\s*>")
_MOST = 2000


def links(mail: CapturedMessage, elements: Elements) -> Iterator[Check]:
    """Links of the HTML and of the text."""
    found = dict.fromkeys(
        each.attributes["href"].strip()[:500]
        for each in elements.found
        if each.tag in ("a", "area") and each.attributes.get("href", "").strip()
    )
    found |= dict.fromkeys(address[:500] for address in _IN_TEXT.findall(mail.text[:200_000])[:_MOST])
    web = [each for each in found if each.lower().startswith(("http:", "https:"))]
    if web:
        yield Check(
            "note",
            f"{len(web)} lien(s), énumérés sans être suivis.",
            f"{len(web)} link(s), listed and not followed.",
            tuple(web),
        )
    if clear := tuple(each for each in web if each.lower().startswith("http:")):
        yield Check("warning", "Des liens sans TLS (http:).", "Links without TLS (http:).", clear)
    if local := tuple(each for each in web if _is_local(each)):
        yield Check(
            "bad",
            "Des liens mènent à cette machine ou à un réseau privé : chez le destinataire, ils ne mènent nulle part.",
            "Links lead to this machine or to a private network: at the recipient's they lead nowhere.",
            local,
        )
    strange = tuple(
        each
        for each in found
        if re.match(r"[a-z][a-z0-9+.-]*:", each, re.IGNORECASE)
        and not each.lower().startswith(("http:", "https:", "mailto:", "tel:", "#", "sms:"))
    )
    if strange:
        yield Check(
            "bad",
            "Des liens d'une sorte que les messageries suppriment.",
            "Links of a kind that mail clients remove.",
            strange,
        )
    relative = tuple(each for each in found if not re.match(r"[a-z][a-z0-9+.-]*:|#|//", each, re.IGNORECASE))
    if relative:
        yield Check(
            "bad",
            "Des liens relatifs : dans un message, ils ne mènent nulle part.",
            "Relative links: in a mail they lead nowhere.",
            relative,
        )


def one_click_link(mail: CapturedMessage) -> str | None:
    """The link to which a provider posts one click: the first of https, where both fields are there (RFC 8058 3.2)."""
    if mail.header("List-Unsubscribe-Post").replace(" ", "").lower() != "list-unsubscribe=one-click":
        return None
    addresses = _ANGLE.findall(mail.header("List-Unsubscribe"))
    return next((each for each in addresses if each.lower().startswith("https:")), None)


def unsubscribing(mail: CapturedMessage) -> Iterator[Check]:
    """List-Unsubscribe (RFC 2369) and one click (RFC 8058), which Gmail and Yahoo ask of newsletters."""
    header, post = mail.header("List-Unsubscribe"), mail.header("List-Unsubscribe-Post")
    if not header:
        if mail.header("List-Id") or mail.header("Precedence").lower() in ("bulk", "list"):
            yield Check(
                "warning",
                "Un envoi en nombre sans List-Unsubscribe : Gmail et Yahoo l'exigent.",
                "A bulk mail without List-Unsubscribe: Gmail and Yahoo ask for it.",
            )
        return
    addresses = _ANGLE.findall(header)
    if not addresses:
        yield Check(
            "bad",
            "List-Unsubscribe ne contient aucune adresse entre < et > (RFC 2369).",
            "List-Unsubscribe has no address in < and > (RFC 2369).",
            (header[:300],),
        )
        return
    https = [each for each in addresses if each.lower().startswith("https:")]
    if one_click_link(mail) is not None:
        yield Check(
            "good",
            "Désabonnement en un clic (RFC 8058).",
            "Unsubscribing with one click (RFC 8058).",
            tuple(addresses),
        )
        return
    if post and not https:
        reason = ("il faut une adresse https:", "an https: address is needed")
    elif post:
        reason = ("List-Unsubscribe-Post doit valoir List-Unsubscribe=One-Click",
                  "List-Unsubscribe-Post has to be List-Unsubscribe=One-Click")  # fmt: skip
    else:
        reason = ("il manque List-Unsubscribe-Post", "List-Unsubscribe-Post is missing")
    yield Check(
        "warning",
        f"Désabonnement sans l'unique clic de la RFC 8058 : {reason[0]}.",
        f"Unsubscribing without the one click of RFC 8058: {reason[1]}.",
        tuple(addresses),
    )


# The steps.


def _is_local(link: str) -> bool:
    import ipaddress

    try:
        host = urlsplit(link).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".test", ".lan")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host
