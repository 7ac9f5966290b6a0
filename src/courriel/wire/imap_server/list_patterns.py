"""Patterns of LIST (RFC 9051 6.3.9): `*` matches anything, `%` anything within one level; nothing is tried twice."""

from __future__ import annotations

from collections.abc import Sequence

from courriel.wire.smtp.server_syntax import Objection

_LONGEST = 255  # characters of a pattern


class ListPattern:
    """One pattern, with the reference before it."""

    def __init__(self, reference: str, pattern: str) -> None:
        whole = reference + pattern
        if len(whole) > _LONGEST:
            raise Objection(500, "The pattern is too long")
        if whole.upper().startswith("INBOX") and (len(whole) == 5 or whole[5] == "/"):
            whole = f"INBOX{whole[5:]}"
        self._pattern = whole

    def matches(self, name: str) -> bool:
        """Whether a name fits, by the set of places in the pattern that its beginning leads to."""
        pattern = self._pattern
        places = _after_wildcards(pattern, {0})
        for character in name:
            following: set[int] = set()
            for place in places:
                if place == len(pattern):
                    continue
                sign = pattern[place]
                if sign == "*" or (sign == "%" and character != "/"):
                    following.add(place)
                elif sign == character:
                    following.add(place + 1)
            places = _after_wildcards(pattern, following)
            if not places:
                return False
        return len(pattern) in places


def any_matches(patterns: Sequence[ListPattern], name: str) -> bool:
    """Whether one of the patterns fits. INBOX is the same in any case, which `pattern` "inbox" has in mind too."""
    return any(pattern.matches(name) for pattern in patterns)


# The steps.


def _after_wildcards(pattern: str, places: set[int]) -> set[int]:
    """Places in the pattern, and those behind a wildcard, which may match nothing."""
    found = set(places)
    for place in places:
        here = place
        while here < len(pattern) and pattern[here] in "*%" and here + 1 not in found:
            here += 1
            found.add(here)
    return found
