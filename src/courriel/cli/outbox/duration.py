"""Numbers and durations in the language of the terminal."""

from __future__ import annotations

from courriel.cli.i18n import say
from courriel.failures import language


def number(count: int) -> str:
    """A number with a mark at each thousand: 2,000, and 2 000 in French."""
    return f"{count:,}".replace(",", say("\u202f", ","))


def counted(count: int, one: str, several: str) -> str:
    """A number with its noun in the right form; 0 is singular in French, plural in English."""
    alone = count in (0, 1) if language() == "fr" else count == 1
    return f"{number(count)} {one if alone else several}"


def span(seconds: float) -> str:
    """Seconds as a readable duration: 45 s, 12 min, 2 h 06, 3 d."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes, hours = whole // 60, whole // 3600
    if minutes < 100:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60:02}"
    return say(f"{hours // 24} j", f"{hours // 24} d")
