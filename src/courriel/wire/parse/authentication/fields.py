"""
Authentication-Results fields (RFC 8601 2.2), read strictly and in one pass: what is not of the grammar is no result.

Two habits are allowed, for providers whose millions of mailboxes have them: Microsoft gives no name of the host, and
writes properties without a type (`action=none`).
"""

from __future__ import annotations

import re

from courriel._lazy_re import expression
from courriel.model.received.authentication import Authentication, AuthenticationField, AuthenticationResult
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.header import Header
from courriel.wire.parse.words import one_line, value_of

MOST_FIELDS = 50  # of one letter; a usual one has three
MOST_RESULTS = 100  # of one field, and properties of one result
LONGEST = 16_384  # characters of one field

_BLANK = expression(r"[ \t\r\n]+")
_IN_COMMENT = expression(r"[^()\\]+|\\.")
_KEYWORD = expression(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,60})")
_NUMBER = expression(r"[0-9]{1,9}(?=[ \t;(]|$)")
_RUN = expression(r"[^\x00-\x20\x7f;()\"\\]{1,1000}")
_NAME = expression(r"[^\x00-\x20\x7f;()\"\\=]{1,255}")
_QUOTED = expression(r'"((?:[^"\\\r\n]|\\.)*+)"')
_ESCAPE = expression(r"\\(.)")


def authentication_in(header: Header) -> Authentication:
    """All checks that stand in the header of a letter."""
    values = header.all("authentication-results")[:MOST_FIELDS]
    return Authentication(tuple(read_field(value_of(value, ignore_defect)) for value in values))


def read_field(value: str) -> AuthenticationField:
    """Read one field; one that is not well-formed has neither a name nor results."""
    if len(value) > LONGEST:
        return AuthenticationField("")
    try:
        return _Reader(value).field()
    except _MalformedError:
        return AuthenticationField("")


# The steps.


class _MalformedError(Exception):
    """The field is not of the grammar."""


class _Reader:
    """Position in the text of a field."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def field(self) -> AuthenticationField:
        self._blanks()
        name = self._name()
        self._blanks()
        if self._next("="):
            # No name: that was the first method.
            self._at, name = 0, ""
            self._blanks()
        else:
            _ = self._take(_NUMBER)  # the version of the field; there is one
            self._blanks()
            if not self._next(";"):
                raise _MalformedError
            self._at += 1
        return AuthenticationField(name, self._results())

    # The steps.

    def _name(self) -> str:
        quoted = self._take(_QUOTED)
        return one_line(_ESCAPE.sub(r"\1", quoted[1]) if quoted else self._needed(_NAME)[0], ignore_defect)

    def _results(self) -> tuple[AuthenticationResult, ...]:
        results: list[AuthenticationResult] = []
        self._blanks()
        while not self._ended():
            if len(results) == MOST_RESULTS:
                raise _MalformedError
            method = self._keyword()
            self._blanks()
            if not results and method == "none" and self._ended():
                break
            results.append(self._result(method))
            if self._ended():
                break
            self._at += 1  # the semicolon that `_result` stopped at
            self._blanks()
        return tuple(results)

    def _result(self, method: str) -> AuthenticationResult:
        if self._next("/"):
            self._at += 1
            self._blanks()
            _ = self._needed(_NUMBER_OF_METHOD)
            self._blanks()
        self._equals()
        result = self._keyword()
        properties: list[tuple[str, str]] = []
        reason = ""
        while True:
            parted = self._blanks()
            if self._ended() or self._next(";"):
                return AuthenticationResult(method, result, tuple(properties), reason)
            if not parted or len(properties) == MOST_RESULTS:
                raise _MalformedError
            name = self._keyword()
            self._blanks()
            if self._next("."):
                self._at += 1
                self._blanks()
                name = f"{name}.{self._keyword()}"
                self._blanks()
            self._equals()
            value = self._value()
            if name == "reason":
                reason = value
            else:
                properties.append((name, value))

    def _equals(self) -> None:
        if not self._next("="):
            raise _MalformedError
        self._at += 1
        self._blanks()

    def _keyword(self) -> str:
        return self._needed(_KEYWORD)[0].lower()

    def _value(self) -> str:
        """A word, a text in quotes, or an address whose local part is in quotes."""
        found: list[str] = []
        while True:
            if quoted := self._take(_QUOTED):
                found.append(_ESCAPE.sub(r"\1", quoted[1]))
            elif run := self._take(_RUN):
                found.append(run[0])
            else:
                break
        if not found:
            raise _MalformedError
        return one_line("".join(found), ignore_defect)

    def _blanks(self) -> bool:
        """Pass over blanks and comments, which may hold others; say whether there were any."""
        before = self._at
        while True:
            _ = self._take(_BLANK)
            if not self._next("("):
                return self._at > before
            self._comment()

    def _comment(self) -> None:
        depth = 0
        while True:
            if self._next("("):
                depth += 1
                self._at += 1
            elif self._next(")"):
                depth -= 1
                self._at += 1
                if not depth:
                    return
            elif not self._take(_IN_COMMENT):
                raise _MalformedError

    def _next(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _ended(self) -> bool:
        return self._at >= len(self._text)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _needed(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = self._take(pattern)
        if not found:
            raise _MalformedError
        return found


_NUMBER_OF_METHOD = expression(r"[0-9]{1,9}")
