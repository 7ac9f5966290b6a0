"""Plan of the site: its four parts, and the pages in each, by their names in `docs/` without the endings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = ("en", "fr")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the site: its folder, its titles, what it is for, and its pages."""

    folder: str
    title: dict[Language, str]
    purpose: dict[Language, str]
    pages: tuple[str, ...]


PARTS = (
    Part(
        "tutorials",
        {"en": "Tutorials", "fr": "Premiers pas"},
        {
            "en": "Learn by doing, from nothing to a mail that arrived.",
            "fr": "Apprendre en faisant, de rien à un courriel arrivé.",
        },
        ("install", "tutorial", "tutorial-wlangage", "tour"),
    ),
    Part(
        "how-to",
        {"en": "How to", "fr": "Comment faire"},
        {
            "en": "One task each, with samples that the tests run.",
            "fr": "Une tâche par page, avec des exemples que les tests exécutent.",
        },
        (
            "confirmation",
            "newsletter",
            "password-reset",
            "cron",
            "orders",
            "office-gmail",
            "proxy",
            "private-authority",
            "several-machines",
            "mail-tests",
            "observing",
            "secrets",
            "platforms",
            "moving",
            "messages",
            "calendar",
            "templates",
            "outbox",
            "outbox-file",
            "bounces",
            "unsubscribe",
            "routes",
            "operations",
            "pools",
            "reading",
            "letters",
            "reports",
            "imap",
            "login",
            "dkim",
            "http-providers",
            "oauth-bridge",
            "doctor",
            "testing",
            "sandbox",
            "sandbox-imap",
            "django",
            "flask",
            "fastapi",
            "celery",
            "rq",
            "dramatiq",
            "procrastinate",
            "logging",
            "sendmail",
            "transports",
            "transcripts",
            "wlangage-programs",
        ),
    ),
    Part(
        "reference",
        {"en": "Reference", "fr": "Référence"},
        {
            "en": "Every name, option, error and failure, generated from the code and its data.",
            "fr": "Chaque nom, option, erreur et panne, écrits à partir du code et de ses données.",
        },
        ("settings", "errors", "time-limits", "providers", "wlangage", "versioning", "glossary"),
    ),
    Part(
        "explanation",
        {"en": "Explanation", "fr": "Explications"},
        {
            "en": "How it works, what is promised and what is not, and why.",
            "fr": "Comment cela marche, ce qui est promis et ce qui ne l'est pas, et pourquoi.",
        },
        ("how-it-works", "speed", "not-there", "capacity", "hazards"),
    ),
)
GENERATED: dict[Language, dict[str, str]] = {
    "en": {
        "python": "Python: every export",
        "types": "Python: types of the signatures",
        "exceptions": "Python: every error",
        "command": "The command line",
        "url-options": "Options of URLs",
        "environment": "Environment variables",
        "exit-codes": "Exit codes",
        "stages": "Stages",
        "extras": "Extras",
        "names": "WLangage: every name",
        "failures": "Every failure: what servers and programs say",
        "provider": "Every provider",
    },
    "fr": {
        "python": "Python : chaque export",
        "types": "Python : les types des signatures",
        "exceptions": "Python : chaque erreur",
        "command": "La ligne de commande",
        "url-options": "Options des URL",
        "environment": "Variables d'environnement",
        "exit-codes": "Codes de sortie",
        "stages": "Étapes",
        "extras": "Extras",
        "names": "WLangage : chaque nom",
        "failures": "Chaque panne : ce que disent serveurs et programmes",
        "provider": "Chaque fournisseur",
    },
}
"""Titles of the generated pages of the reference, by their names."""

OTHER_FILES = {
    "CONTRIBUTING": "CONTRIBUTING.md",
    "SECURITY": "SECURITY.md",
    "CHANGELOG": "CHANGELOG.md",
    "CODE_OF_CONDUCT": "CODE_OF_CONDUCT.md",
    "bench-method": "bench/README.md",
    "bench-results": "bench/RESULTS.md",
    "bench-imap": "bench/RESULTS-imap.md",
    "bench-capacity": "bench/CAPACITY.md",
    "tests": "tests/README.md",
}
"""Pages of the part "explanation" that lie outside `docs/`, by their names in the site; README is the start page."""

NAVIGATION: dict[Language, dict[str, str]] = {
    "en": {
        "bench-results": "How fast: every row",
        "bench-imap": "How fast: IMAP",
        "decisions/index": "Decisions",
    },
    "fr": {
        "CHANGELOG": "Les changements (en anglais)",
        "bench-method": "Le banc d'essai (en anglais)",
        "bench-results": "À quelle vitesse : chaque ligne (en anglais)",
        "bench-imap": "À quelle vitesse : IMAP (en anglais)",
        "bench-capacity": "Ce qu'un PostgreSQL a porté (en anglais)",
        "tests": "Les tests (en anglais)",
        "hazards": "Accidents connus (en anglais)",
        "decisions/index": "Décisions (en anglais)",
    },
}
"""Titles in the navigation where that of the page would not do: two pages of one title, or a page in English only."""
