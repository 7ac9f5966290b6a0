"""
Run Django's own mail tests with our backend in the place of its SMTP backend: their_tests.py FOLDER-OF-DJANGOS-TESTS.

What is said is JSON: the names of the tests that passed, failed or were skipped.
"""

from __future__ import annotations

import email.errors
import io
import json
import os
import sys
import unittest
import warnings
from typing import Any

import django
from django.test.utils import setup_test_environment

sys.path.insert(0, sys.argv[1])
os.environ["DJANGO_SETTINGS_MODULE"] = "test_sqlite"  # theirs
warnings.simplefilter("default")
if not hasattr(email.errors, "HeaderWriteError"):  # which came with 3.12.4; one of their files imports it
    email.errors.HeaderWriteError = type("HeaderWriteError", (email.errors.MessageError,), {})
django.setup()
setup_test_environment()

from django.core.mail.backends import smtp  # noqa: E402

from courriel.integrations.django import EmailBackend  # noqa: E402

smtp.EmailBackend = EmailBackend


class Noted(unittest.TextTestResult):
    """A result that keeps the names of those that passed."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.passed: list[str] = []

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed.append(test.id())


modules = sys.argv[2:]
suite = unittest.defaultTestLoader.loadTestsFromNames(modules)
report = io.StringIO()
result = unittest.TextTestRunner(report, resultclass=Noted, verbosity=0).run(suite)
assert isinstance(result, Noted)
failed = {test.id(): text.strip().splitlines()[-1] for test, text in (*result.failures, *result.errors)}
print(json.dumps({"passed": sorted(result.passed), "failed": failed, "skipped": [t.id() for t, _ in result.skipped]}))
