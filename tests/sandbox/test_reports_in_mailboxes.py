"""Reports in a mailbox: a list of letters fetches a few fields, and a report needs others."""

from __future__ import annotations

import pytest

import courriel
from courriel import Message, Sandbox
from unit.wire import report_letters as letters


@pytest.mark.slow
def test_letters_of_a_list_are_known_for_reports() -> None:
    with Sandbox() as sandbox:
        for raw in (letters.delivery_report(letters.POSTFIX), letters.answer("Away", "Auto-Submitted: auto-replied\n")):
            courriel.send(Message.parse(raw), via=sandbox.url)
        with courriel.mailbox(sandbox.imap_url.replace("://", "://ada%40example.org:x@")) as mailbox:
            listed = list(mailbox.search(listing=True))
            kinds = [letter.report.kind.value for letter in listed if letter.report]

    assert [letter.subject for letter in listed] == ["Undelivered Mail Returned to Sender", "Away"]
    assert kinds == ["delivery", "auto-reply"]
    assert not listed[1].loaded, "the header says it"
