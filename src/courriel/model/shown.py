"""What errors show of a text that was given in place of something else: of a URL no more than its scheme."""

from __future__ import annotations

from courriel.expressions import expression

# A URL with a login stands where a file, a host or a name was asked for, more often than one thinks: whole, without its
# slashes, or without its scheme.
_SCHEME = expression(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,30}):")
_LIKE_URL = expression(r"(?s).*?(?:://|:[^@]*@).*|//.*")


def safely_shown(value: object) -> str:
    """A text in quotes, shortened; one that looks like a URL could hold a password, and only its scheme is shown."""
    if not isinstance(value, str) or not is_like_url(value):
        return _written(value)
    scheme = _SCHEME.match(value)
    return f"a URL ({scheme[1]}:…)" if scheme and "://" in value else "something like a URL"


def is_like_url(text: str, *, whole_paths: bool = False) -> bool:
    """Whether it begins like a URL, or holds a login as one does (`user:password@`).

    With `whole_paths`, what begins with / or . is a path, whatever stands in it; two slashes begin none.
    """
    if whole_paths and text.startswith(("/", "./", "../")) and not text.startswith("//"):
        return False
    return _LIKE_URL.fullmatch(text) is not None


# The steps.


def _written(value: object) -> str:
    """As Python writes it, shortened; a number of thousands of digits, and what fails at it, by its type alone."""
    try:
        return f"{value!r:.200}"
    except Exception:  # noqa: BLE001 - the value is somebody else's, and what is told is that it is wrong
        return f"a value of {type(value).__name__} that cannot be shown"
