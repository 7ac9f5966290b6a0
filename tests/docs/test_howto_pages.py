"""The short pages of the site: their samples run against a sandbox, and print what their comments say."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from courriel import Message, Outbox, Sandbox, send

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette 1 would rather have another HTTP client than the one of our tests
    from starlette.testclient import TestClient

DOCS = Path(__file__).parents[2] / "docs"
BOTH = ["{}.md", "{}.fr.md"]


LONG = 60  # seconds that nothing here takes


def sample(page: str, number: int = 0) -> str:
    return str(re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)[number])


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_a_confirmation_has_its_pdf_and_its_logo(
    page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("order-42.pdf").write_bytes(b"%PDF-1.4\n")
    Path("logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with Sandbox() as sandbox:
        monkeypatch.setenv("COURRIEL_URL", sandbox.url)

        exec(sample(page.format("confirmation")), {})

        (mail,) = sandbox.letters
    assert capsys.readouterr().out == "('bob@example.org',)\n"
    assert {each.name: each.inline for each in mail.attachments} == {"order-42.pdf": False, "logo.png": True}


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_orders_are_read_once_and_their_files_saved(
    page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("order.pdf").write_bytes(b"%PDF-1.4\n")
    with Sandbox() as sandbox:
        for number in (1, 2):
            send(
                Message(
                    sender="bob@example.org",
                    to="orders@example.org",
                    subject=f"order {number}",
                    attachments=["order.pdf"],
                ),
                via=sandbox.url,
            )
        there = sandbox.imap_url.replace("imap://", "imap://orders%40example.org:secret@")
        monkeypatch.setenv("ORDERS_URL", there)

        exec(sample(page.format("orders")), {})
        exec(sample(page.format("orders")), {})

    said = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in said] == ["bob@example.org"] * 2
    assert len({*said}) == 2
    assert len(list(Path("orders").iterdir())) == 2


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_a_forgotten_password_stores_one_mail_for_a_known_address(page: str) -> None:
    rooms: dict[str, object] = {}
    exec(sample(page.format("password-reset")), rooms)
    with TestClient(rooms["app"]) as client:  # type: ignore[arg-type]
        answers = [
            client.post("/forgotten", params={"address": f"{name}@example.org"}) for name in ("bob", "eve", "bob")
        ]

    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.text for answer in answers}) == 1
    with Outbox("mail.db") as outbox:
        (ticket,) = outbox.list()
        assert ticket.key == "reset-https://example.org/reset/8f2c"


SITE = """
import sys
values = {}
exec(sys.argv[1], values)
from django.conf import settings
settings.configure(
    SECRET_KEY="x", USE_TZ=True, ALLOWED_HOSTS=["testserver"], ROOT_URLCONF="urls",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["templates"]}],
    **{name: value for name, value in values.items() if name.isupper()},
)
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
User.objects.create_user("bob", "bob@example.org", "secret")
for address in ("bob@example.org", "eve@example.org"):
    print(Client().post("/accounts/password_reset/", {"email": address}).status_code)
call_command("courriel_worker", once=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_django_sends_its_link_by_the_outbox_of_its_database(page: str) -> None:
    settings, urls = (sample(page.format("password-reset"), number) for number in (1, 2))
    templates = Path("templates/registration")
    templates.mkdir(parents=True)
    (templates / "password_reset_email.html").write_text("{% url 'password_reset_confirm' uidb64=uid token=token %}")
    (templates / "password_reset_subject.txt").write_text("Your new password")
    Path("urls.py").write_text(urls, "utf-8")
    with Sandbox() as sandbox:
        settings = re.sub(r'"smtps://[^"]*"', f'"{sandbox.url}"', settings)

        ran = subprocess.run(
            [sys.executable, "-c", SITE, settings], capture_output=True, text=True, check=False, timeout=LONG
        )

        assert ran.returncode == 0, ran.stderr
        (mail,) = sandbox.letters
    assert ran.stdout.splitlines()[:2] == ["302", "302"]
    assert mail.recipients == ("bob@example.org",)
    assert mail.text.startswith("/accounts/reset/")
