"""
Regular expressions that are compiled when they are first used.

A program that sends one mail needs a few of the hundred that are written here, and each costs 0.1 to 1 ms to compile; a
program that only knows the names needs none, and not `re` either, which is 2 ms. What is loaded with the first session,
and needed for every mail, is compiled at once, by `re.compile`, and is 20 ns faster for it.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    import re
    from typing import AnyStr


def expression(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Like `re.compile`; a mistake in the pattern is found late, too, unless a test looks for it."""
    return _Expression(pattern, flags)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


# The steps.


class _Expression:
    """Looks like the compiled expression, whose methods it hands on and keeps."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._pattern, self._flags = pattern, flags

    def __getattr__(self, name: str) -> object:
        import re  # noqa: PLC0415 - a program may never look for anything

        # From now on it is an attribute of ours, and this method is not asked for it again.
        found: object = getattr(re.compile(self._pattern, self._flags), name)
        setattr(self, name, found)
        return found
