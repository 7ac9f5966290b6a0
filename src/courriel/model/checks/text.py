"""Callers' values as text: `str`, its subclasses, lazy strings; and descriptions of all other types for errors."""

from __future__ import annotations

_OF_TEXTS = ("encode", "casefold", "splitlines")  # methods of texts; bytes, numbers and lists lack one or more


def text_of(value: object) -> str | None:
    """Plain `str` of a text, a subclass or a lazy string; None for anything else."""
    if isinstance(value, str):
        return str.__str__(value)
    # Recognised by the methods that only texts have: numbers, lists and None have a str() too, which is no mail text.
    lazy = not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in _OF_TEXTS)
    return str.__str__(str(value)) if lazy else None


def described(value: object) -> str:
    """Type of a value that is no text, with the conversion that makes text of it."""
    match value:
        case None:
            return 'None; leave it out, or give ""'
        case bytes() | bytearray():
            return f'{type(value).__name__}; .decode("utf-8") makes text of it'
        case bool() | int() | float():
            return f"{type(value).__name__}; str(…) makes text of it"
        case _:
            return type(value).__name__
