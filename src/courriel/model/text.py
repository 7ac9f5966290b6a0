"""What counts as text where a caller gives text: `str`, its kinds, and lazy strings; and what is said of the rest."""

from __future__ import annotations

_OF_TEXTS = ("encode", "casefold", "splitlines")  # what can do all of it is a text; bytes, numbers and lists cannot


def text_of(value: object) -> str | None:
    """The plain text of what stands for one; None for anything else."""
    if isinstance(value, str):
        return str.__str__(value)
    # Known by what only texts can do: numbers, lists and None have a str() too, which nobody wants in a mail.
    lazy = not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in _OF_TEXTS)
    return str.__str__(str(value)) if lazy else None


def described(value: object) -> str:
    """The kind of a value that is no text, with what makes text of it."""
    match value:
        case None:
            return 'None; leave it out, or give ""'
        case bytes() | bytearray():
            return f'{type(value).__name__}; .decode("utf-8") makes text of it'
        case bool() | int() | float():
            return f"{type(value).__name__}; str(…) makes text of it"
        case _:
            return type(value).__name__
