"""What the practice server returns: a report in the sender's mailbox, as a server further on would write it."""

from __future__ import annotations

import pytest

import courriel
from courriel import Letter, Message, Sandbox, errors


def sent(sandbox: Sandbox, *to: str) -> None:
    message = Message(sender="ada@example.org", to=to, subject="Été", text="Hello.", message_id="<1@example.org>")
    courriel.send(message, via=sandbox.url, envid="order+42")


def test_a_letter_comes_back_to_its_sender_with_what_the_server_said() -> None:
    with Sandbox() as sandbox:
        sent(sandbox, "bob@example.org", "eve@example.org")

        returned = sandbox.bounce(sandbox.letters[0], "552 5.2.2 mailbox full", recipient="bob@example.org")
        with courriel.mailbox(sandbox.pop_url.replace("://", "://ada%40example.org:x@")) as mailbox:
            read = [letter.raw for letter in mailbox]

    report = Letter.parse(returned.raw).report
    assert report is not None
    assert read == [returned.raw]
    assert returned.sender == ""
    assert (report.envid, report.message_id, report.certain) == ("order+42", "<1@example.org>", True)
    assert report.original_header("Subject") == "Été"
    (recipient,) = report.recipients
    assert (recipient.recipient, recipient.action, recipient.status) == ("bob@example.org", "failed", "5.2.2")
    assert "mailbox full" in recipient.diagnostic


def test_a_delay_names_every_recipient() -> None:
    with Sandbox() as sandbox:
        sent(sandbox, "bob@example.org", "eve@example.org")

        returned = sandbox.bounce(sandbox.letters[0], "451 4.4.1 nobody answers")

    report = Letter.parse(returned.raw).report
    assert report is not None
    assert [(each.recipient, each.action, each.status) for each in report.recipients] == [
        ("bob@example.org", "delayed", "4.4.1"), ("eve@example.org", "delayed", "4.4.1"),
    ]  # fmt: skip


def test_what_cannot_be_returned_is_refused() -> None:
    with Sandbox() as sandbox:
        sent(sandbox, "bob@example.org")
        returned = sandbox.bounce(sandbox.letters[0])

        for letter, reply in (
            (returned, "550 5.1.1 no"),
            (sandbox.letters[0], "250 ok"),
            (sandbox.letters[0], "hang up"),
            (sandbox.letters[0], "no"),
        ):
            with pytest.raises(errors.UsageError):
                sandbox.bounce(letter, reply)
