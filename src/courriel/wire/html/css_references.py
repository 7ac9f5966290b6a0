"""References of CSS to files: `url(…)` and `@import`, found outside of comments and strings, and replaced in place."""

from __future__ import annotations

from typing import Protocol

from courriel._lazy_re import expression

TYPE_CHECKING = False

if TYPE_CHECKING:
    import re

# Each alternative takes all that it began with, so that nothing is looked at twice: a comment or a string that is never
# closed extends to its end (possessive repetitions).
_STRING = r'"(?:[^"\n\\]|\\[\s\S])*+"?|' + r"'(?:[^'\n\\]|\\[\s\S])*+'?"
_QUOTED = r"""(?:"([^"\n]*+)"|'([^'\n]*+)'"""
_URL = rf"url\([ \t\r\n\f]*+{_QUOTED}|([^\"'()\s]*+))[ \t\r\n\f]*+\)"
_IMPORT = rf"@import[ \t\r\n\f]++(?:{_URL}|{_QUOTED}))([^;{{}}]*+);?"
_REFERENCE = expression(rf"(?i)/\*(?:[^*]|\*(?!/))*+(?:\*/)?|{_IMPORT}|{_STRING}|(?<![\w-]){_URL}")
_CHARSET = expression(r'(?i)\A@charset[ \t]+"[^"\n]{0,60}";')


class CssFiles(Protocol):
    """Replacement of the files that CSS refers to; None leaves a reference as it stands."""

    def picture(self, reference: str) -> str | None:
        """URL that shows this picture (`cid:`, `data:`)."""
        ...

    def sheet(self, reference: str) -> str | None:
        """Text of this style sheet, its own references replaced."""
        ...


def with_css_references(css: str, files: CssFiles) -> str:
    """The CSS with its references replaced, and imported sheets in the place of their `@import`. Linear."""

    def replaced(found: re.Match[str]) -> str:
        if found[6] is not None:
            sheet = files.sheet(_first(found, 1, 6))
            media = found[6].strip()
            if sheet is None:
                return found[0]
            return "".join(("@media ", media, " {\n", sheet, "\n}")) if media else sheet
        if found[0][:3].lower() != "url":
            return found[0]
        url = files.picture(_first(found, 7, 10))
        return found[0] if url is None else f'url("{url}")'

    return _REFERENCE.sub(replaced, css)


def as_sheet(css: str) -> str:
    """The CSS of a file as it may stand in a `<style>` element: it cannot end that, and names no charset."""
    return _CHARSET.sub("", css).replace("</", "<\\/")


# The steps.


def _first(found: re.Match[str], since: int, until: int) -> str:
    """The address of a reference, whichever way it is quoted: one of these groups."""
    return next((found[each] for each in range(since, until) if found[each] is not None), "")
