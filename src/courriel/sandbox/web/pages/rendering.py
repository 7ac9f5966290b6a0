"""Templates of the pages: filled in the language of the request, everything from mails escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from courriel.failures import language, speak, spoken
from courriel.sandbox.web.language import language_of, say

THEME = "courriel_theme"
_MONTHS = {
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    "fr": ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
}  # fmt: skip


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, or a piece of one, in the language of the request."""
    speak(language_of(request))
    theme = request.cookies.get(THEME, "")
    text = (
        templates()
        .get_template(template)
        .render(
            request=request,
            t=say,
            query=query,
            lang=language(),
            theme=theme if theme in ("light", "dark") else "",
            **values,
        )
    )
    return HTMLResponse(text, status)


@cache
def templates() -> Environment:
    """The templates of this package; every value is escaped, and a missing one is an error."""
    made = Environment(
        loader=PackageLoader("courriel.sandbox.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({
        "size": size, "moment": moment, "instant": instant, "shown": shown, "spoken": spoken, "initials": initials,
        "seconds": seconds,
    })  # fmt: skip
    return made


# The filters.


def query(**values: object) -> str:
    """MailQuery of an address, of the values that are there; "" for none."""
    given = {name: value for name, value in values.items() if value not in (None, "", 0)}
    return f"?{urlencode(given)}" if given else ""


def size(octets: int) -> str:
    """A size for people: 812 B, 14 kB, 2.3 MB."""
    unit = say("o", "B")
    if octets < 1000:
        return f"{octets} {unit}"
    for factor, prefix in ((1000, "k"), (1000**2, "M"), (1000**3, "G")):
        amount = octets / factor
        if amount < 1000 or prefix == "G":
            text = f"{amount:.1f}" if amount < 10 else f"{amount:.0f}"
            return f"{text.replace('.', ',') if language() == 'fr' else text} {prefix}{unit}"
    return str(octets)


def moment(when: datetime) -> str:
    """A moment for a list: the time of today, else the day."""
    here, now = when.astimezone(), datetime.now(UTC).astimezone()
    if here.date() == now.date():
        return f"{here:%H:%M}"
    month = _MONTHS[language()][here.month - 1]
    day = f"{here.day} {month}"
    return day if here.year == now.year else f"{day} {here.year}"


def instant(when: datetime) -> str:
    """A moment in full, to the second, in the zone of this machine."""
    here = when.astimezone()
    month = _MONTHS[language()][here.month - 1]
    return f"{here.day} {month} {here.year} {here:%H:%M:%S}"


def seconds(value: float) -> str:
    """Seconds since the beginning of a session."""
    text = f"{value:.3f}"
    return text.replace(".", ",") if language() == "fr" else text


def shown(text: str) -> str:
    """Text from outside with its control and invisible characters made visible; line ends and tabs stay."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape", "backslashreplace").decode()
        for each in text
    )


def initials(name: str) -> str:
    """One or two letters that stand for a sender."""
    words = [word for word in name.replace("@", " ").replace(".", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"
