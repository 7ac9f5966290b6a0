"""Features that named mail clients do not show: a short table of HTML and CSS that people stumble over.

The facts are those that the makers' pages and the tests of the trade agree on; a client that is not named here shows
it, or nobody looked. Web mails of France are in it beside Gmail and Outlook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from courriel.sandbox.web.checks.check import Check
from courriel.sandbox.web.checks.elements import Element, Elements

_OUTLOOK = "Outlook (Windows)"
_FRENCH = ("Orange", "SFR", "La Poste", "Free")


@dataclass(frozen=True)
class Feature:
    """One feature: an expression that finds it in CSS, or tags; which clients do not show it, and what to do."""

    name: str
    clients: tuple[str, ...]
    fr: str
    en: str
    css: str = ""
    tags: tuple[str, ...] = ()


FEATURES = (
    Feature("<script>", ("Gmail", "Outlook", "Apple Mail", "Thunderbird", *_FRENCH),
            "Aucune messagerie n'exécute de script.", "No mail client runs a script.", tags=("script",)),
    Feature("<form>, <input>", ("Gmail", "Outlook", *_FRENCH),
            "Mettez un lien vers une page.", "Put a link to a page.",
            tags=("form", "input", "textarea", "select", "button")),
    Feature("<video>, <audio>", ("Gmail", "Outlook", "Thunderbird", *_FRENCH),
            "Mettez une image qui mène au film.", "Put a picture that leads to the film.", tags=("video", "audio")),
    Feature("<iframe>, <object>, <embed>", ("Gmail", "Outlook", "Apple Mail", "Thunderbird", *_FRENCH),
            "Mettez un lien.", "Put a link.", tags=("iframe", "object", "embed")),
    Feature("<svg>", ("Gmail", "Outlook", *_FRENCH), "Mettez un PNG.", "Put a PNG.", tags=("svg",)),
    Feature("<link rel=stylesheet>", ("Gmail", "Outlook", *_FRENCH),
            "Écrivez le style dans les éléments (courriel[html] le fait).",
            "Write the style into the elements (courriel[html] does it).", tags=("link",)),
    Feature("@import", ("Gmail", "Outlook", *_FRENCH), "Écrivez le style dans les éléments.",
            "Write the style into the elements.", css=r"@import\b"),
    # caniemail.com, css-display-flex: Orange since 2021-03, GMX in the browser, La Poste shows it since 2021-08.
    Feature("display: flex", (_OUTLOOK, "Gmail (IMAP)", "Orange", "GMX"), "Composez avec des tableaux.",
            "Lay out with tables.", css=r"display\s*:\s*(?:inline-)?flex"),
    Feature("display: grid", ("Gmail", _OUTLOOK, *_FRENCH), "Composez avec des tableaux.", "Lay out with tables.",
            css=r"display\s*:\s*(?:inline-)?grid"),
    # caniemail.com, css-gap (2022-12): Gmail and Outlook.com know column-gap in a flexbox, and no other.
    Feature("gap", ("Gmail", "Outlook", "Orange", "Yahoo", "GMX"), "Donnez des marges.", "Give margins.",
            css=r"(?<![\w-])(?:row-|grid-)?gap\s*:"),
    # caniemail.com, css-column-count (2019-02, GMX 2022-06).
    Feature("column-count", (_OUTLOOK, "Yahoo", "GMX"), "Composez avec des tableaux.", "Lay out with tables.",
            css=r"(?<![\w-])(?:column-count|columns)\s*:"),
    # caniemail.com, css-aspect-ratio (2021-10).
    Feature("aspect-ratio", ("Gmail", "Outlook", "Yahoo", "Orange", "SFR"), "Donnez largeur et hauteur.",
            "Give width and height.", css=r"(?<![\w-])aspect-ratio\s*:"),
    # caniemail.com, css-background-blend-mode (2019-02).
    Feature("background-blend-mode", (_OUTLOOK, "Gmail (IMAP)", "Yahoo"), "Mettez l'effet dans l'image.",
            "Put the effect into the picture.", css=r"background-blend-mode\s*:"),
    # caniemail.com, css-at-media-prefers-color-scheme (2020-01): these have a dark mode of their own, or none.
    Feature("prefers-color-scheme", ("Gmail", _OUTLOOK, "Yahoo", "Proton Mail", "Samsung Email"),
            "Choisissez des couleurs qui vont aussi sur fond sombre.", "Choose colours that are fine on a dark ground.",
            css=r"prefers-color-scheme"),
    Feature("position", ("Gmail", "Outlook", *_FRENCH), "Composez avec des tableaux.", "Lay out with tables.",
            css=r"(?<![\w-])position\s*:\s*(?:absolute|fixed|relative|sticky)"),
    Feature("border-radius", (_OUTLOOK,), "Les coins y restent droits.", "Corners stay square there.",
            css=r"border(?:-[a-z]+)*-radius\s*:"),
    Feature("background-image", (_OUTLOOK, "Free"), "Donnez aussi une couleur de fond.",
            "Give a background colour as well.", css=r"background(?:-image)?\s*:[^;{}:]{0,300}(?:url|gradient)\s*\("),
    Feature("box-shadow", (_OUTLOOK, "Gmail (IMAP)"), "L'ombre y manque, rien d'autre.",
            "The shadow is missing there, nothing else.", css=r"box-shadow\s*:"),
    Feature("max-width", (_OUTLOOK,), "Donnez une largeur à un tableau.", "Give a width to a table.",
            css=r"(?<![\w-])max-width\s*:\s*\d"),
    Feature("var(--…)", ("Gmail", "Outlook", *_FRENCH), "Écrivez les valeurs elles-mêmes.",
            "Write the values themselves.", css=r"var\s*\(\s*--"),
    Feature("@font-face", ("Gmail", "Outlook", *_FRENCH), "Nommez une police de repli.", "Name a fallback font.",
            css=r"@font-face\b"),
    Feature("@media", ("Gmail (IMAP)", _OUTLOOK, "Orange", "La Poste", "Free"),
            "Faites que la page tienne aussi sans elles.", "Make the page work without them.", css=r"@media\b"),
    Feature("animation", ("Gmail", "Outlook", *_FRENCH), "Mettez un GIF animé.", "Put an animated GIF.",
            css=r"(?<![\w-])animation(?:-name)?\s*:|@keyframes\b"),
    Feature("calc()", ("Gmail", _OUTLOOK, "La Poste"), "Écrivez la valeur.", "Write the value.", css=r"calc\s*\("),
    Feature("rem, vw, vh", (_OUTLOOK, "La Poste"), "Écrivez des px.", "Write px.",
            css=r":[^;{}:]{0,80}\d(?:rem|vw|vh)\b"),
    Feature("object-fit", ("Gmail", "Outlook", *_FRENCH), "Taillez l'image elle-même.", "Cut the picture itself.",
            css=r"object-fit\s*:"),
    Feature("clip-path, filter, mask", ("Gmail", "Outlook", *_FRENCH), "Mettez l'effet dans l'image.",
            "Put the effect into the picture.", css=r"(?<![\w-])(?:clip-path|filter|mask)\s*:"),
    Feature("WebP", (_OUTLOOK, "La Poste"), "Mettez un PNG ou un JPEG.", "Put a PNG or a JPEG."),
    Feature("data:", ("Gmail", "Outlook", "Yahoo", *_FRENCH), "Joignez l'image et appelez-la par cid:.",
            "Attach the picture and call it by cid:."),
)  # fmt: skip
_FOUND = tuple((feature, re.compile(feature.css, re.IGNORECASE)) for feature in FEATURES if feature.css)


def unsupported(elements: Elements) -> Iterator[Check]:
    """Features of this mail that some named client does not show."""
    for feature in FEATURES:
        where = _places(feature, elements)
        if where:
            clients = ", ".join(feature.clients)
            yield Check(
                "warning" if len(feature.clients) > 3 else "note",
                f"{feature.name} : pas dans {clients}. {feature.fr}",
                f"{feature.name}: not in {clients}. {feature.en}",
                tuple(where),
            )


# The steps.


def _places(feature: Feature, elements: Elements) -> list[str]:
    """Lines at which a feature is found."""
    if feature.tags:
        return [
            f"<{each.tag}> {each.line}"
            for each in elements.found
            if each.tag in feature.tags
            and not (each.tag == "link" and "stylesheet" not in each.attributes.get("rel", ""))
        ]
    if feature.name in ("WebP", "data:"):
        return [f"<img> {each.line}" for each in elements.found if _is_picture(each, feature.name)]
    expression = next(compiled for known, compiled in _FOUND if known is feature)
    found = [f"<style> {match[0][:80]}" for sheet in elements.sheets for match in expression.finditer(sheet)]
    return found + [
        f"<{each.tag}> {each.line}: {match[0][:80]}"
        for each in elements.found
        if (style := each.attributes.get("style")) and (match := expression.search(style[:5000]))
    ]


def _is_picture(element: Element, kind: str) -> bool:
    source = element.attributes.get("src", "")[:200].lower()
    if element.tag != "img":
        return False
    return source.startswith("data:") if kind == "data:" else source.partition("?")[0].endswith(".webp")
