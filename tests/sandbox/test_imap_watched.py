"""A mailbox of the practice server is watched over a line that is cut at every moment, as Dovecot's is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acceptance.test_watching_dovecot import (  # noqa: F401 - fixtures and tests, collected here with another server
    box,
    test_a_letter_that_came_while_nobody_could_ask_is_given_afterwards,
    test_a_new_program_goes_on_where_the_old_one_died,
    test_nothing_is_lost_wherever_the_line_is_cut,
    test_those_who_await_lose_nothing_either,
)
from courriel import Sandbox


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox
