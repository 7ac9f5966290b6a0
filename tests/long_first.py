"""Distribution of the tests over processes: what takes long begins first, so that no process is left alone with it.

`--dist=loadfile` hands whole files out, those with the most tests first: one with few tests that last for minutes came
last, and the other processes waited for it.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

LONG = [  # measured with --durations=100; only the order counts
    "tests/chaos/test_chaos.py",
    "tests/outbox/test_deaths_between_ways.py",
    "tests/outbox/test_deaths.py",
    "tests/outbox/test_in_doubt.py",
    "tests/unit/test_growth.py",
    "tests/integrations/test_django_processes.py",
    "tests/integrations/test_django.py",
    "tests/outbox/test_power_loss.py",
    "tests/outbox/test_rates.py",
    "tests/outbox/test_postgres.py",
    "tests/integrations/test_django_own.py",
    "tests/outbox/test_turns.py",
    "tests/cli/test_watched.py",
    "tests/sandbox/test_web_browser.py",
    "tests/outbox/test_worker.py",
    "tests/outbox/test_outbox.py",
    "tests/sandbox/test_web_security.py",
    "tests/testing/test_plugin.py",
    "tests/docs/test_site.py",
    "tests/session/test_hostile_pop_servers.py",
    "tests/wlangage/test_sessions_by_with.py",
    "tests/bridge/test_reading.py",
    "tests/outbox/test_bounces.py",
    "tests/session/test_pool.py",
    "tests/outbox/test_sqlite.py",
    "tests/outbox/test_suppressions.py",
    "tests/acceptance/test_courier.py",
    "tests/outbox/test_store.py",
    "tests/acceptance/test_watching_dovecot.py",
    "tests/acceptance/test_dovecot_by_imap.py",
    "tests/acceptance/test_cyrus.py",
    "tests/bridge/test_judges.py",
    "tests/bridge/test_bad_days.py",
]
ONE_BY_ONE = frozenset(LONG[:13])
"""Files whose tests go to whichever process is free: no fixture of theirs is made for a whole file."""

RANKS = {path: rank for rank, path in enumerate(LONG)}


def path_of(nodeid: str) -> str:
    """The file of a test."""
    return nodeid.partition("::")[0]


def sort(items: list[pytest.Item]) -> None:
    """Put the tests of the long files first; the others stay in their order."""
    items.sort(key=lambda item: RANKS.get(path_of(item.nodeid), len(LONG)))


class LongFirst(LoadFileScheduling):
    """Files in the order in which they were collected, and some of them cut into their tests."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        path = path_of(nodeid)
        return nodeid if path in ONE_BY_ONE else path
