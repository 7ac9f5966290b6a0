"""Values shown in errors: shortened, and a URL, which may hold a password, by its scheme alone."""

from __future__ import annotations

from courriel._lazy_re import expression

# A URL with a password is often given by mistake where a file, a host or a name is expected: whole, without its
# slashes, or without its scheme.
_SCHEME = expression(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,30}):")
_LIKE_URL = expression(r"(?s).*?(?:://|:[^@]*@).*|//.*")


def safely_shown(value: object) -> str:
    """Repr of a value, at most 200 characters; of a text like a URL, which may hold a password, only the scheme."""
    if not isinstance(value, str) or not is_like_url(value):
        return _written(value)
    scheme = _SCHEME.match(value)
    return f"a URL ({scheme[1]}:…)" if scheme and "://" in value else "something like a URL"


def is_like_url(text: str, *, whole_paths: bool = False) -> bool:
    """Whether the text begins like a URL, or holds a login as a URL does (`user:password@`).

    With `whole_paths`, a text that begins with / or . is a path, whatever follows; one that begins with two slashes is
    not.
    """
    if whole_paths and text.startswith(("/", "./", "../")) and not text.startswith("//"):
        return False
    return _LIKE_URL.fullmatch(text) is not None


# The steps.


def _written(value: object) -> str:
    """Python's repr, shortened; when repr() fails, as for a number of thousands of digits, the type alone."""
    try:
        return f"{value!r:.200}"
    except Exception:  # noqa: BLE001 - repr() is the caller's code, and the error to report is that the value is wrong
        return f"a value of {type(value).__name__} that cannot be shown"
