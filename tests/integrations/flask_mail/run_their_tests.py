"""Run Flask-Mail's own tests with our classes in its place: run_their_tests.py TESTS.PY; prints a JSON of outcomes.

A process of its own: the suite wants modules of the names `flask_mail`, `mock` and `speaklater`.
"""

from __future__ import annotations

import json
import sys
import types
import unittest
import unittest.mock
from collections.abc import Callable
from email.header import Header
from email.utils import formataddr, parseaddr
from importlib.util import module_from_spec, spec_from_file_location

from courriel.integrations import flask as ours


class Lazy:
    """A text that is made when it is asked for, as `speaklater.make_lazy_string` gives it."""

    def __init__(self, make: Callable[..., str], *arguments: object) -> None:
        self._make, self._arguments = make, arguments

    def __str__(self) -> str:
        return self._make(*self._arguments)


def sanitize_address(text: str) -> str:
    """What the suite expects an address to look like in a header."""
    name, spec = parseaddr(text)
    return formataddr((name if name.isascii() else Header(name, "utf-8").encode(), spec))


def module(name: str, **names: object) -> None:
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(names)


class Outcomes(unittest.TestResult):
    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.of[name_of(test)] = ""

    def addError(self, test: unittest.TestCase, err: object) -> None:
        self.of[name_of(test)] = self._exc_info_to_string(err, test)  # type: ignore[attr-defined]

    addFailure = addError  # noqa: N815 - unittest's name


def name_of(test: unittest.TestCase) -> str:
    return test.id().partition(".")[2]


def main(path: str) -> None:
    module("flask_mail", PY3=True, sanitize_address=sanitize_address, Mail=ours.Mail, Message=ours.Message,
           BadHeaderError=ours.BadHeaderError)  # fmt: skip
    module("speaklater", make_lazy_string=Lazy)
    sys.modules["mock"] = unittest.mock
    unittest.TestCase.assertEquals = unittest.TestCase.assertEqual  # type: ignore[attr-defined]  # gone with Python 3.12
    spec = spec_from_file_location("theirs", path)
    assert spec is not None
    assert spec.loader is not None
    theirs = module_from_spec(spec)
    spec.loader.exec_module(theirs)
    outcomes = Outcomes()
    unittest.defaultTestLoader.loadTestsFromModule(theirs).run(outcomes)
    print(json.dumps(outcomes.of))


if __name__ == "__main__":
    main(sys.argv[1])
