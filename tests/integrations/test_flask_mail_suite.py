"""Flask-Mail's own test suite, with our classes in its place: all of it that is public API passes."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from servers.packages import leave_out

HERE = Path(__file__).parent / "flask_mail"
KEPT = Path(__file__).parents[2] / ".servers" / "flask-mail"
ARCHIVE = "Flask-Mail-0.9.1"

LEFT_OUT = {
    "TestConnection.test_sendmail_with_ascii_body": "replaces smtplib's connection by a mock, and counts its calls",
    "TestConnection.test_sendmail_with_ascii_recipient": "the same",
    "TestConnection.test_sendmail_with_non_ascii_body": "the same",
    "TestConnection.test_sendmail_with_non_ascii_recipient": "the same",
}
"""Tests of what is inside Flask-Mail, by name; docs/decisions/0053 has them, too."""
DIFFERS = {
    "TestMessage.test_plain_message_with_unicode_attachment": (
        "wants a file's name in a character set called UTF8; its registered name is utf-8 (RFC 2231, RFC 3629)"
    ),
}
"""Tests of public behaviour that is another here, and why."""


@pytest.fixture(scope="module")
def their_tests() -> Path:
    """The suite, out of the source archive that the package index has, by version and hash."""
    archives = list(KEPT.glob("*.tar.gz"))
    if not archives:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--no-binary=:all:", "--require-hashes", f"--dest={KEPT}",
                   f"--requirement={HERE / 'requirements.txt'}"]  # fmt: skip
        fetched = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        archives = list(KEPT.glob("*.tar.gz"))
        if fetched.returncode or not archives:
            leave_out(f"the tests of Flask-Mail cannot be fetched: {fetched.stderr[-300:]}")
    with tarfile.open(archives[0]) as archive:
        held = archive.extractfile(f"{ARCHIVE}/tests.py")
        assert held is not None
        (KEPT / "tests.py").write_bytes(held.read())
    return KEPT / "tests.py"


@pytest.mark.acceptance
def test_their_tests_pass_but_for_those_that_look_inside(their_tests: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "run_their_tests.py"), str(their_tests)],
        capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip

    outcomes: dict[str, str] = json.loads(ran.stdout)
    failed = {name: why for name, why in outcomes.items() if why}
    assert len(outcomes) == 50
    assert failed.keys() - LEFT_OUT.keys() == DIFFERS.keys(), failed
    assert len(DIFFERS) <= (len(outcomes) - len(LEFT_OUT)) / 10
