"""
Django's own mail tests (`tests/mail` of its source release), with our backend in the place of its SMTP backend.

The release is fetched from the package index by version and hash, into .venv/sources, and never copied into the
project; where it cannot be had the test is skipped, and says so. What fails is listed below by name, with the reason:
`LEFT_OUT` is about Django's SMTP class itself, `DIFFERENT` is what we do otherwise on purpose. A list that is too long
is an error as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).parent / "django_inside"
SOURCES = ROOT / ".venv" / "sources"

RELEASES = {
    "5.2.19": "ad03d8abc51dbff95ebf34b27123cf0c26a3b62db7ba0cd520783686362533d1",
    "6.1.3": "b5d2d9e35295065d13b1927b3f19a59bd119f737aa6299def14ccca1ae3c8c0d",
}
MODULES = {
    "5.2": ("mail.tests", "mail.test_sendtestemail"),
    "6.1": ("mail.tests", "mail.test_sendtestemail", "mail.test_backends", "mail.test_handler", "mail.test_deprecated"),
}

FILES = ("test_sendtestemail", "test_backends", "test_handler", "test_deprecated")

ATTRIBUTES = [
    "test_connection_timeout_custom",
    "test_connection_timeout_default",
    "test_email_authentication_override_settings",
    "test_email_authentication_use_settings",
    "test_email_disabled_authentication",
    "test_email_host_override_settings",
    "test_email_host_use_settings",
    "test_email_ssl_attempts_ssl_connection",
    "test_email_ssl_certfile_default_disabled",
    "test_email_ssl_certfile_override_settings",
    "test_email_ssl_certfile_use_settings",
    "test_email_ssl_default_disabled",
    "test_email_ssl_keyfile_default_disabled",
    "test_email_ssl_keyfile_override_settings",
    "test_email_ssl_keyfile_use_settings",
    "test_email_ssl_override_settings",
    "test_email_ssl_use_settings",
    "test_email_timeout_override_settings",
    "test_email_timeout_use_settings",
    "test_email_tls_attempts_starttls",
    "test_email_tls_default_disabled",
    "test_email_tls_override_settings",
    "test_email_tls_use_settings",
    "test_backend_specific_kwargs",
    "test_mailers_compatibility",
    "test_ignores_settings_when_initialized_with_alias",
    "test_port_default_adapts_to_security",
    "test_prep_address_without_force_ascii",
    "test_ssl_context_uses_ssl_certfile_and_keyfile",
]
"""They read attributes of Django's SMTP class: `host`, `port`, `use_tls`, `timeout`, `prep_address` …"""

SMTPLIB = [
    "test_auth_attempted",
    "test_email_msg_uses_crlf",
    "test_reopen_connection",
    "test_reopen_replaces_partial_connection",
    "test_send_messages_after_open_failed",
    "test_server_open",
    "test_fail_silently_on_connection_error",
    "test_serialized_message_uses_crlf_line_ending",
    "test_smtp_connection_uses_host_and_port",
    "test_smtp_connection_uses_timeout",
    "test_direct_construction_deprecated",
]
"""They put something in the place of smtplib or of the class's one connection, or expect the words of either."""

OPTIONS = [
    "test_host_option_required",
    "test_ssl_tls_mutually_exclusive",
    "test_ssl_tls_settings_mutually_exclusive",
    "test_unknown_kwargs_ignored",
]
"""They are about the options of Django's SMTP class, and its words for them; ours are refused in our own."""

LEFT_OUT = {*ATTRIBUTES, *SMTPLIB, *OPTIONS}

DIFFERENT = {
    "test_avoids_sending_to_invalid_addresses": "refused as well, by a ValueError that says more",
    "test_lazy_addresses": "a recipient without a domain is refused before anything is written",
    "test_recipient_without_domain": "the same",
    "test_rejects_non_ascii_local_part": "sent where the server has SMTPUTF8, refused in our words where it has not",
    "test_error_if_file_path_is_not_writable": "of the file backend: root may write everywhere",
}


def interpreter_and_version(django: str) -> tuple[str, str]:
    """The Python whose Django is of this series, and its release; a skip without one, or without its hash."""
    others = sorted(str(path) for path in (ROOT / ".venv" / "pythons").glob("3.*/bin/python"))
    for interpreter in (sys.executable, *others):
        asked = "import django; print(django.__version__)"
        said = subprocess.run([interpreter, "-c", asked], capture_output=True, text=True, check=False, timeout=60)
        if said.returncode == 0 and said.stdout.startswith(django):
            version = said.stdout.strip()
            if version not in RELEASES:
                pytest.skip(f"the hash of Django {version} is not in RELEASES")
            return interpreter, version
    pytest.skip(f"no Python of this machine has Django {django} here: `make pythons` makes environments")


def source_of(version: str, interpreter: str) -> Path:
    """The folder of the tests of a release; a skip that says why where it cannot be fetched."""
    folder = SOURCES / f"django-{version}"
    if not (folder / "tests" / "mail").is_dir():
        SOURCES.mkdir(parents=True, exist_ok=True)
        wanted = SOURCES / f"django-{version}.txt"
        wanted.write_text(f"django=={version} --hash=sha256:{RELEASES[version]}\n")
        command = [interpreter, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", "django", "--require-hashes", "--dest", str(SOURCES), "-r", str(wanted)]
        fetched = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        archive = SOURCES / f"django-{version}.tar.gz"
        if fetched.returncode or not archive.exists():
            pytest.skip(f"the source of Django {version} cannot be fetched: {fetched.stderr.strip()[-300:]}")
        with tarfile.open(archive) as packed:
            packed.extractall(SOURCES, filter="data")
    return folder / "tests"


def method(name: str) -> str:
    """The name of a test's method, without its class and its part."""
    words = name.replace("(", " ").replace("[", " ").split()[0].split(".")
    return next((word for word in words if word.startswith("test_") and word not in FILES), name)


@pytest.mark.acceptance
@pytest.mark.timeout(300)
@pytest.mark.parametrize("django", sorted(MODULES))
def test_their_tests_pass_with_our_backend(django: str) -> None:
    interpreter, version = interpreter_and_version(django)
    tests = source_of(version, interpreter)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COURRIEL", "DJANGO"))}

    run = subprocess.run(
        [interpreter, str(INSIDE / "their_tests.py"), str(tests), *MODULES[django]],
        env={**environment, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    said = json.loads(run.stdout.splitlines()[-1])

    failed = {method(name) for name in said["failed"]}
    passed = {name for name in said["passed"] if method(name) not in failed}
    unexpected = {name: why for name, why in said["failed"].items() if method(name) not in LEFT_OUT | DIFFERENT.keys()}
    assert unexpected == {}
    apply = len(passed) + len(failed & DIFFERENT.keys())
    print(f"Django {version}: {len(passed)} of {apply} that apply pass; {len(failed & LEFT_OUT)} are left out")
    assert len(passed) / apply > 0.9
