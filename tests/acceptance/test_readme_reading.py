"""The reading of the page of samples, against a real Dovecot: what is attached to unread letters, kept in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import courriel
from courriel import ImapSession, Message, Password, Security, Server, Trust
from docs.test_readme import TOURS, block
from servers.accounts import CLEO
from servers.dovecot import Dovecot

pytestmark = pytest.mark.acceptance

INVOICE = Message(sender="bob@example.org", to=CLEO.user, subject="Invoice 42", text="Attached.").with_data(
    b"%PDF-1.4", "invoice.pdf", content_type="application/pdf"
)


@pytest.mark.parametrize("page", TOURS)
def test_what_is_attached_to_unread_letters_is_kept_once(
    page: str, dovecot: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAIL_PASSWORD", CLEO.password)
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.authority.ca_file))
    with ImapSession(
        Server(dovecot.host, dovecot.imaps_port, Security.TLS, trust=Trust.file(dovecot.authority.ca_file)),
        Password(CLEO.user, CLEO.password),
    ) as mailbox:
        mailbox.flag(mailbox.search(), "seen")
        mailbox.append(INVOICE, "INBOX", flags=())
    folder = "orders" if page == "docs/tour.md" else "commandes"
    (tmp_path / folder).mkdir()
    program = block(page, "courriel.mailbox(").replace(
        "ada@imap.example.org", f"{CLEO.user.replace('@', '%40')}@{dovecot.host}:{dovecot.imaps_port}"
    )

    for _ in range(2):  # the second time there is nothing unread any more
        exec(program, {"courriel": courriel})

    assert [file.name for file in (tmp_path / folder).iterdir()] == ["invoice.pdf"]
    assert (tmp_path / folder / "invoice.pdf").read_bytes() == b"%PDF-1.4"
