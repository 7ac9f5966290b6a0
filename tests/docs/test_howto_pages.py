"""The short pages of the site: their samples run against a sandbox, and print what their comments say."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from courriel import Message, Outbox, Sandbox, send

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette 1 would rather have another HTTP client than the one of our tests
    from starlette.testclient import TestClient

DOCS = Path(__file__).parents[2] / "docs"
BOTH = ["{}.md", "{}.fr.md"]


def sample(page: str) -> str:
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    return str(block)


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
