"""How many examples hypothesis tries: all of them in a whole run, fewer in the fast part."""

from __future__ import annotations

from hypothesis import settings

WHOLE = 100  # examples of a test that names no number, in a whole run
FAST = 15  # and in the fast part


def examples(number: int) -> int:
    """This number in a whole run, in the fast part as many fewer as for a test that names none."""
    return max(5, number * settings().max_examples // WHOLE)
