"""Regular expressions that are compiled at their first use.

A program that sends one mail uses a few of the hundred in this package, and each costs 0.1 to 1 ms to compile; a
program that only imports the names uses none, and saves the import of `re`, 2 ms. Expressions needed for every mail are
compiled at import by `re.compile`, which makes each use 20 ns faster.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    import re
    from typing import AnyStr


def expression(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern like `re.compile`, compiled at its first use; an error in it is raised only then."""
    return Expression(pattern, flags)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


# The steps.


class Expression:
    """Proxy of a compiled pattern, whose methods it looks up once and keeps."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self.pattern, self.flags = pattern, flags

    def __getattr__(self, name: str) -> object:
        import re  # noqa: PLC0415 - a program may never match anything

        # Stored as an attribute, so that __getattr__ is not called for it again.
        found: object = getattr(re.compile(self.pattern, self.flags), name)
        setattr(self, name, found)
        return found
