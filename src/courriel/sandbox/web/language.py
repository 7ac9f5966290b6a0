"""Language of a page: what was chosen in it, else what the browser prefers, else the locale."""

from __future__ import annotations

from starlette.requests import Request

from courriel.failures import Language, language, speak

COOKIE = "courriel_lang"


def language_of(request: Request) -> Language:
    """French or English for this request."""
    chosen = request.query_params.get("lang") or request.cookies.get(COOKIE)
    if chosen in ("fr", "en"):
        return "fr" if chosen == "fr" else "en"
    for each in request.headers.get("accept-language", "").split(",")[:20]:
        name = each.partition(";")[0].strip().lower()[:2]
        if name in ("fr", "en"):
            return "fr" if name == "fr" else "en"
    speak(None)
    return language()


def say(fr: str, en: str) -> str:
    """The text for the language that was set for this request."""
    return fr if language() == "fr" else en
