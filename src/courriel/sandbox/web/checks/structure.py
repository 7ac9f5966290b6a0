"""Checks of size, texts, pictures and addresses."""

from __future__ import annotations

from collections.abc import Iterator

from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.structure import parts_of
from courriel.sandbox.web.checks.check import Check
from courriel.sandbox.web.checks.elements import Elements

CLIPPED = 102 * 1024
"""Octets of HTML after which Gmail cuts a mail ("[Message clipped]")."""
LARGE = 10 * 1000 * 1000
"""Octets of a mail after which some servers refuse it; most take 20 to 25 MB."""


def structure(mail: CapturedMessage, elements: Elements) -> Iterator[Check]:
    """Size, text part, pictures."""
    html = mail.html
    octets = len(html.encode("utf-8", "replace"))
    if octets > CLIPPED:
        yield Check(
            "warning",
            f"Le HTML fait {octets:,} octets : Gmail coupe après {CLIPPED:,}.".replace(",", " "),
            f"The HTML has {octets:,} bytes: Gmail clips it after {CLIPPED:,}.",
        )
    if mail.size > LARGE:
        yield Check(
            "warning",
            "Le message dépasse 10 Mo : des serveurs le refuseront.",
            "The mail is larger than 10 MB: some servers will refuse it.",
        )
    has_text = any(part.is_text and part.size > 1 for part in parts_of(mail.content))
    if html and not has_text:
        yield Check(
            "warning",
            "Il n'y a pas de partie texte : les filtres s'en méfient, et certains lecteurs n'affichent rien.",
            "There is no text part: filters distrust that, and some readers show nothing.",
        )
    elif html:
        yield Check("good", "Une partie texte accompagne le HTML.", "A text part goes with the HTML.")
    yield from _pictures(elements)


def addresses(mail: CapturedMessage) -> Iterator[Check]:
    """Addresses of the header, beside those of the envelope."""
    letter = mail.letter
    claimed = letter.sender.spec if letter.sender else ""
    if mail.sender and claimed and _domain(mail.sender) != _domain(claimed):
        yield Check(
            "warning",
            "Le domaine de l'expéditeur dans l'enveloppe n'est pas celui de From : SPF ne suffira pas à DMARC.",
            "The domain of the envelope's sender is not that of From: SPF will not be enough for DMARC.",
            (f"MAIL FROM:<{mail.sender}>", f"From: {claimed}"),
        )
    if not mail.sender:
        yield Check(
            "note",
            "L'expéditeur de l'enveloppe est vide, comme pour un avis de non-remise.",
            "The envelope's sender is empty, as in a delivery report.",
        )
    replies = [each.spec for each in letter.reply_to] if letter.header("reply-to") else []
    strange = tuple(each for each in replies if claimed and _domain(each) != _domain(claimed))
    if strange:
        yield Check(
            "note",
            "Les réponses iront à un autre domaine que celui de From.",
            "Replies will go to another domain than that of From.",
            strange,
        )
    named = {each.spec.lower() for each in (*letter.to, *letter.cc)}
    absent = tuple(sorted(named.difference(map(str.lower, mail.recipients))))
    if absent:
        yield Check(
            "note",
            "Des adresses de l'en-tête ne reçoivent pas ce message (l'enveloppe ne les a pas).",
            "Addresses of the header do not receive this mail (the envelope does not have them).",
            absent,
        )


# The steps.


def _pictures(elements: Elements) -> Iterator[Check]:
    images = [each for each in elements.found if each.tag == "img"]
    without = tuple(
        f"{'L' if not each.attributes.get('src') else ''}{each.attributes.get('src', '')[:200]} ({each.line})"
        for each in images
        if "alt" not in each.attributes
    )
    if without:
        yield Check(
            "warning",
            f"{len(without)} image(s) sans texte de remplacement (alt) : invisibles pour qui bloque les images "
            "ou écoute son courrier. Entre parenthèses, la ligne.",
            f"{len(without)} picture(s) without a text in their place (alt): nothing for whoever blocks pictures or "
            "listens to their mail. In brackets, the line.",
            without,
        )
    elif images:
        yield Check(
            "good", "Toutes les images ont un texte de remplacement.", "All pictures have a text in their place."
        )
    outside = tuple(
        dict.fromkeys(
            each.attributes["src"][:300]
            for each in images
            if each.attributes.get("src", "").strip().lower().startswith(("http:", "https:", "//"))
        )
    )
    if outside:
        yield Check(
            "note",
            f"{len(outside)} image(s) distante(s), que beaucoup de messageries ne chargent pas d'elles-mêmes. "
            "Rien n'a été téléchargé ici.",
            f"{len(outside)} picture(s) from outside, which many clients do not load by themselves. "
            "Nothing was fetched here.",
            outside,
        )


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
