"""Mail of frameworks is signed where their setting says so, and their pools stay pools."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

import courriel
from courriel import Sandbox
from courriel.integrations import starlette
from courriel.integrations.flask import Mail, Message
from dkim_keys import settings, verdicts

BOTH = ["pass", "pass"]

DJANGO = """
import sys
from django.conf import settings
BACKEND = "courriel.integrations.django.EmailBackend"
settings.configure(EMAIL_BACKEND=BACKEND, COURRIEL={"url": sys.argv[1]}, USE_TZ=True)
import django
django.setup()
from django.core.mail import send_mail
for number in range(3):
    send_mail("Hello", "été", "ada@example.org", ["bob@example.org"])
"""


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's settings, with the table [dkim.example]."""
    folder = tmp_path / "config" / "courriel"
    folder.mkdir(parents=True)
    (folder / "courriel.toml").write_text(settings(tmp_path), encoding="utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("more", "sessions"), [("", 3), ("&pool=2", 1)])
def test_flask_signs(more: str, sessions: int) -> None:
    app = Flask("shop")
    with Sandbox() as sandbox:
        app.config.update(MAIL_VIA=f"{sandbox.url}&dkim=example{more}", MAIL_DEFAULT_SENDER="ada@example.org")
        mail = Mail(app)
        with app.app_context():
            for number in range(3):
                mail.send(Message(f"Hello {number}", recipients=["bob@example.org"], body="été"))
        arrived = [verdicts(letter.content) for letter in sandbox.letters]
        assert len(sandbox.sessions) == sessions

    assert arrived == [BOTH] * 3


def test_a_service_of_starlette_signs_by_its_pool(tmp_path: Path) -> None:
    message = courriel.Message(sender="ada@example.org", to="bob@example.org", subject="Hello", text="été")

    async def serve(url: str) -> None:
        async with starlette.lifespan(url)(None) as state:  # type: ignore[arg-type]
            for _ in range(3):
                await state["courriel_pool"].send(message)  # type: ignore[index]

    with Sandbox() as sandbox:
        asyncio.run(serve(f"{sandbox.url}&dkim=example"))
        arrived = [verdicts(letter.content) for letter in sandbox.letters]
        assert len(sandbox.sessions) == 1

    assert arrived == [BOTH] * 3


@pytest.mark.slow
def test_django_signs_by_its_pool() -> None:
    with Sandbox() as sandbox:
        command = [sys.executable, "-c", DJANGO, f"{sandbox.url}&dkim=example"]
        subprocess.run(command, check=True, timeout=60)
        arrived = [verdicts(letter.content) for letter in sandbox.letters]
        assert len(sandbox.sessions) == 1

    assert arrived == [BOTH] * 3
