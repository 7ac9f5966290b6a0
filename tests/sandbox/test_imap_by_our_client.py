"""IMAP of the practice server, read by our own sessions: the conversations that Dovecot is held to, in both colours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from acceptance.test_dovecot_by_imap import (  # noqa: F401 - fixtures and tests, collected here with another server
    box,
    library,
    test_a_folder_may_be_selected_for_reading_only,
    test_a_folder_that_is_not_there_is_a_refusal,
    test_a_hostile_name_of_a_folder_is_refused_or_only_a_name,
    test_a_hostile_text_is_refused_or_only_looked_for,
    test_a_letter_is_found_by_its_exact_message_id,
    test_a_letter_is_saved_to_the_octet,
    test_a_letter_may_not_be_larger_than_the_limits,
    test_a_letter_of_another_folder_is_not_mistaken,
    test_a_letter_that_is_gone_meanwhile_is_passed_over,
    test_a_list_of_letters_has_its_fields,
    test_a_message_of_ours_is_filed_as_it_was_sent,
    test_a_new_letter_is_given_as_it_comes,
    test_a_watch_goes_on_where_it_stopped,
    test_an_attachment_is_fetched_without_the_rest,
    test_any_characters_log_in_by_every_mechanism,
    test_every_door_opens,
    test_flags_come_and_go,
    test_folders_are_made_renamed_and_removed,
    test_letters_are_copied,
    test_letters_are_moved,
    test_no_secret_is_in_the_transcript_nor_any_letter,
    test_other_peoples_clients_find_the_same,
    test_search_finds_by_value,
    test_the_moment_of_arrival_is_kept_with_its_zone,
    test_two_hundred_letters_come_in_their_order,
    test_what_has_happened_meanwhile_is_told,
    test_what_was_put_is_what_is_read_to_the_octet,
    test_whole_letters_come_with_their_content,
    test_without_move_letters_are_copied_and_those_alone_expunged,
    test_without_uidplus_nothing_else_is_expunged,
)
from courriel import Password, Sandbox, Security, Server, TokenSource, Trust, errors
from courriel.model.servers.credentials import Credentials
from servers.accounts import ACCOUNTS, CLEO
from session.mailboxes import AwaitingMailbox, BlockingMailbox

DOORS = {"imap": Security.NONE, "imap+starttls": Security.STARTTLS, "imaps": Security.TLS}


@dataclass
class Door:
    """The practice server with the names that Dovecot has in these tests."""

    sandbox: Sandbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sandbox, name)

    @property
    def authority(self) -> Any:
        import ssl

        context = lambda: ssl.create_default_context(cafile=self.sandbox.ca)  # noqa: E731
        return SimpleNamespace(ca_file=str(self.sandbox.ca), context=context)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Door]:
    with Sandbox(users={account.user: account.password for account in ACCOUNTS}) as sandbox:
        yield Door(sandbox)


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def call(request: pytest.FixtureRequest, dovecot: Door) -> Iterator[Any]:
    """A session, opened, at one of the server's doors."""
    with ExitStack() as ending:

        def call(
            door: str = "imap", credentials: Credentials | None = None, *, transcript: Any = None, limits: Any = None,
            **options: Any,
        ) -> Any:  # fmt: skip
            security = DOORS[door]
            port = dovecot.imaps_port if security is Security.TLS else dovecot.imap_port
            server = Server(dovecot.host, port, security, trust=Trust.file(str(dovecot.ca)), **options)
            more = {} if limits is None else {"limits": limits}
            session = request.param(
                server, credentials or Password(CLEO.user, CLEO.password), transcript=transcript, **more
            )
            ending.callback(session.leave)
            session.open()
            return session

        yield call


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_a_token_logs_in(call: Any, mechanism: str) -> None:
    session = call(credentials=TokenSource(CLEO.user, lambda: CLEO.password), auth=(mechanism,))

    assert session.mechanism == mechanism.upper()
    assert session.status().name == "INBOX"


def test_a_wrong_password_is_refused(call: Any) -> None:
    with pytest.raises(errors.AuthenticationRefused) as refused:
        call(credentials=Password(CLEO.user, "not it"))

    assert refused.value.failure is not None
    assert refused.value.failure.id == "IMAP-LOGIN-REFUSED"
