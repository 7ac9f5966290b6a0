"""Reading functions with the practice server alone: the conversations that Postfix and Dovecot are held to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import courriel
from courriel import Sandbox
from courriel.wlangage import EmailChangeTimeOut
from servers.accounts import ACCOUNTS, BOB
from wlangage.test_reading_with_dovecot import (  # noqa: F401 - fixtures and tests, collected here with another server
    bob,
    clear_port,
    protocol,
    sent,
    test_a_deleted_mail_is_gone_in_the_way_of_its_protocol,
    test_a_file_is_saved_as_it_was_sent,
    test_a_message_id_is_found_whatever_it_holds,
    test_a_search_finds_what_it_looks_for,
    test_a_whole_mailbox_is_marked_with_one_command,
    test_a_wrong_password_is_told_in_both_languages,
    test_by_imap_the_number_follows_what_happens,
    test_names_and_passwords_hold_any_character,
    test_one_goes_through_all_in_both_directions,
    test_the_wrong_option_for_a_port_is_told,
    test_unread_mails_are_those_whose_content_was_not_fetched,
    test_what_was_sent_is_what_is_read,
    tls_port,
)

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/wlangage.md", "docs/wlangage.en.md"]


@dataclass
class PracticeServer:
    """The practice server with the names that Postfix and Dovecot have in these tests."""

    sandbox: Sandbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sandbox, name)

    @property
    def submission_port(self) -> int:
        return self.sandbox.port

    @property
    def mailboxes(self) -> Any:
        return SimpleNamespace(letters=self.letters)

    def letters(self, user: str, count: int | None = None) -> list[Any]:
        """What lies in a mailbox."""
        account = next(each for each in ACCOUNTS if each.user == user)
        name = account.user.replace("@", "%40")
        url = self.sandbox.imap_url.replace("://", f"://{name}:{account.password.replace(' ', '%20')}@")
        with courriel.mailbox(url) as box:
            found = [SimpleNamespace(raw=letter.raw.replace(b"\r\n", b"\n")) for letter in box.search(whole=True)]
        assert count is None or len(found) == count
        return found


@pytest.fixture
def postfix() -> Iterator[PracticeServer]:
    with Sandbox(users={account.user: account.password for account in ACCOUNTS}) as sandbox:
        yield PracticeServer(sandbox)


@pytest.fixture
def dovecot(postfix: PracticeServer) -> PracticeServer:
    return postfix


@pytest.fixture(autouse=True)
def _trust_the_authority(postfix: PracticeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postfix.sandbox.ca))
    monkeypatch.setenv("SSL_CERT_DIR", str(postfix.sandbox.ca.parent / "nothing-here"))
    EmailChangeTimeOut(10)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_page_reads_by_imap(
    page: str, postfix: PracticeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    sandbox = postfix.sandbox
    for subject in ("Un", "Deux"):
        courriel.send(
            via=sandbox.url, sender="ada@example.org", to=BOB.user, subject=subject,
            attachments=[courriel.Attachment.data(b"%PDF", f"{subject}.pdf")],
        )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    (block,) = (each for each in blocks if re.search(r"IMAP\w*\(\"bob@example.org\", secret", each))
    (folder,) = re.findall(r'"([\w-]+/)"', block)
    (tmp_path / folder).mkdir()

    exec(block.replace('"imap.example.org", 993', f'"localhost", {sandbox.imaps_port}'), {"secret": BOB.password})

    assert [line.split()[-2] for line in capsys.readouterr().out.splitlines()] == ["Un", "Deux"]
    assert sorted(file.name for file in (tmp_path / folder).iterdir()) == ["Deux.pdf", "Un.pdf"]
    assert not sandbox.sessions[-1].session.failures
