"""The page for those who come from elsewhere: our code sends what the old code sends, and reads what it reads."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from courriel import Sandbox
from courriel import send as put_there
from servers.peers import NODE_MODULES, need_node

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette 1 would rather have another HTTP client than the one of our tests
    from starlette.testclient import TestClient

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["moving.md", "moving.fr.md"]
LIBRARIES = [
    "smtplib", "aiosmtplib", "yagmail", "redmail", "Flask-Mail", "fastapi-mail", "Django", "nodemailer", "imap_tools",
]  # fmt: skip
HERE = ["smtplib", "aiosmtplib", "Django", "imap_tools"]
"""Those that are installed for other tests, so that the old code can be run beside ours."""
LONG = 60.0  # seconds that nothing here takes
Pair = tuple[str, str]


def pair(page: str, library: str) -> Pair:
    """The old code of a library, and ours."""
    text = (DOCS / page).read_text("utf-8")
    (section,) = [part for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:] if title_of(part) == library]
    old, new = re.findall(r"```(?:python|js)\n(?:#|//) (?:before|now|avant|maintenant)\n(.*?)```", section, re.DOTALL)
    return old, new


def title_of(section: str) -> str:
    words = section.partition("\n")[0]
    return next(each for each in sorted(LIBRARIES, key=len, reverse=True) if each in words)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A server that knows one user, whose authority the system trusts."""
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("COURRIEL_")]:
        monkeypatch.delenv(name)
    Path("order-42.pdf").write_bytes(b"%PDF-1.4\n")
    with Sandbox(users={"ada": "secret", "ada@example.org": "secret"}, require_login=True) as running:
        monkeypatch.setenv("MAIL_PASSWORD", "secret")
        monkeypatch.setenv("SSL_CERT_FILE", str(running.ca))
        monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(running.ca))
        yield running


def there(code: str, sandbox: Sandbox) -> str:
    """The code, with the sandbox in the place of the servers of the page."""
    port = sandbox.server().port
    imaps = re.search(r":(\d+)", sandbox.imaps_url.removeprefix("imaps:"))
    assert imaps is not None
    for old, new in (
        ("@smtp.example.org", f"@localhost:{port}"),
        ("smtp.example.org", "localhost"),
        ("@imap.example.org", f"@localhost:{imaps[1]}"),
        ('"imap.example.org"', f'"localhost", {imaps[1]}'),
        ("587", str(port)),
        ("gmail:ada@gmail.com?password=keyring",
         f"smtp+starttls://ada@localhost:{port}?password=env:MAIL_PASSWORD&from=ada@example.org"),
    ):  # fmt: skip
        code = code.replace(old, new)
    return code


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "moving"}
    exec(code, names)
    return names


def run_service(code: str) -> None:
    with TestClient(run(code)["app"]) as client:
        assert client.post("/orders", params={"to": "bob@example.org"}).status_code == 200


def run_settings(code: str) -> None:
    """Django with these settings, in a process of its own."""
    program = (
        "import json, sys\nfrom django.conf import settings\nvalues = {}\nexec(sys.argv[1], values)\n"
        "settings.configure(**{name: value for name, value in values.items() if name.isupper()})\n"
        "from django.core.mail import send_mail\n"
        "send_mail(*json.loads(sys.argv[2]), 'ada@example.org', ['bob@example.org'])\n"
    )
    words = json.dumps(["Your order 42", "It leaves tomorrow."])
    subprocess.run([sys.executable, "-c", program, code, words], check=True, timeout=LONG)


WAYS: dict[str, Callable[[str], object]] = {"fastapi-mail": run_service, "Django": run_settings}


def mail_of(sandbox: Sandbox) -> tuple[str, str | None, tuple[str, ...], str, list[str]]:
    """What a person sees of the only mail that came."""
    (mail,) = sandbox.letters
    sandbox.clear()
    return mail.subject, mail.sender, mail.recipients, mail.text.strip(), [file.name for file in mail.attachments]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("library", [each for each in LIBRARIES if each != "imap_tools"])
def test_the_code_of_here_sends_the_mail(library: str, page: str, sandbox: Sandbox) -> None:
    old, new = pair(page, library)

    WAYS.get(library, run)(there(new, sandbox))

    subject, sender, recipients, text, files = mail_of(sandbox)
    assert (sender, recipients) == ("ada@example.org", ("bob@example.org",))
    if library != "Django":
        assert subject in old
        assert text.removeprefix("Bob, ") in old
    assert files == (["order-42.pdf"] if library == "yagmail" else [])


@pytest.mark.slow
@pytest.mark.parametrize("library", [each for each in HERE if each != "imap_tools"])
def test_the_old_code_sends_the_same(library: str, sandbox: Sandbox) -> None:
    old, new = (there(code, sandbox) for code in pair("moving.md", library))

    WAYS.get(library, run)(old)
    before = mail_of(sandbox)
    WAYS.get(library, run)(new)

    assert mail_of(sandbox) == before


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_here_reads_what_imap_tools_reads(
    page: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = pair(page, "imap_tools")
    url = sandbox.url.replace("://", "://ada:secret@")
    put_there(
        sender="bob@example.org",
        to="ada@example.org",
        subject="Order 7",
        text="x",
        attachments=["order-42.pdf"],
        via=url,
    )

    run(there(new, sandbox))
    ours = capsys.readouterr().out
    run(there(new, sandbox))
    again = capsys.readouterr().out
    run(there(old.replace("AND(seen=False)", "AND(all=True)"), sandbox))

    assert ours == capsys.readouterr().out == "bob@example.org Order 7 order-42.pdf 9\n"
    assert again == "", "it was marked as seen"


@pytest.mark.slow
def test_node_sends_the_same(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    node = need_node("nodemailer")
    monkeypatch.setenv("NODE_PATH", str(NODE_MODULES))
    old, new = (there(code, sandbox) for code in pair("moving.md", "nodemailer"))

    subprocess.run([node, "-e", old], check=True, timeout=LONG)
    before = mail_of(sandbox)
    run(new)

    assert mail_of(sandbox) == before


@pytest.mark.parametrize("library", [each for each in LIBRARIES if each != "nodemailer"])
@pytest.mark.parametrize("page", PAGES)
def test_the_old_code_is_python(library: str, page: str) -> None:
    compile(pair(page, library)[0], page, "exec")
