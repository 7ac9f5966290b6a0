"""Producers, workers, the server, the database die and lie at once: nothing is lost, doubled unseen, or stuck."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chaos.promises import broken, doubtful_of, overtaken
from chaos.rig import NARROW_MAILS, QUIET, Rig
from chaos.schedule import schedule
from servers.postgres import Postgres
from servers.postgres import pgbouncer as running_pgbouncer

SEED = int(os.environ.get("COURRIEL_TEST_SEED", "7"))
SECONDS = float(os.environ.get("COURRIEL_CHAOS_SECONDS", "3"))
"""How long it goes on for each engine, beside some seconds until all is quiet."""
ROUND = 30.0  # seconds: an hour is made of rounds, each with a seed and an outbox of its own

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(400 + 4 * SECONDS)]

Kill = Callable[[], None]


def rounds(folder: Path, place: Callable[[], str], without: frozenset[str], **kill: Kill) -> None:
    """One round after the other. The seed of one that breaks a promise is that of COURRIEL_TEST_SEED."""
    ends = time.monotonic() + SECONDS
    seed = SEED
    while seed == SEED or time.monotonic() < ends:
        within = folder / f"round-{seed}"
        within.mkdir()
        one_round(within, place(), seed, without, kill)
        seed += 1


def one_round(folder: Path, place: str, seed: int, without: frozenset[str], kill: dict[str, Kill]) -> None:
    """Chaos, quiet, a narrow server, a rush, and then the judgement."""
    with Rig(place or str(folder / "outbox.db"), folder, seed, **kill) as rig:
        rig.perform(schedule(seed, min(SECONDS, ROUND), without))
        calm = rig.quiet() and rig.narrow()
        since, low, high = rig.rush() if calm else (0.0, frozenset[str](), dict[str, float]())
        statuses = rig.end()
        story = rig.story()

    found = broken(story) + list(overtaken(story, QUIET, since, low, high))
    wrong = rig.wrong
    counted = {what: len(story.all(what)) for what in ("acknowledged", "arrived", "cancel", "hold", "abandoned")}
    counted["unsure"] = sum(info.unsure > 0 for info in story.mails.values())
    doubtful = [len(doubtful_of(story, death.holder)) for death in story.deaths]
    told = f"seed {seed}, in {folder}\n{counted}, in doubt after each death: {doubtful}\n" + "\n".join(rig.done)
    print(told)
    assert not found, f"{len(found)} promises broken\n" + "\n".join(found[:20]) + f"\n{told}\n{wrong[-3000:]}"
    assert statuses == [0], f"{statuses}\n{told}\n{wrong[-3000:]}"
    assert "Traceback" not in wrong, f"{wrong[-6000:]}\n{told}"
    assert counted["acknowledged"] > 100 + NARROW_MAILS, told
    assert counted["arrived"] > 100, told
    assert len(story.deaths) >= 3, told


def test_chaos_around_a_file(tmp_path: Path) -> None:
    rounds(tmp_path, lambda: "", frozenset({"kill database", "kill pooler"}))


def test_chaos_around_a_database(tmp_path: Path, postgres: Postgres) -> None:
    def kill_database() -> None:
        postgres.kill()
        postgres.start()

    rounds(
        tmp_path,
        lambda: postgres.url(postgres.new_database()),
        frozenset({"kill pooler"}),
        kill_database=kill_database,
    )


def test_chaos_around_a_database_behind_a_pooler(tmp_path: Path, postgres: Postgres) -> None:
    def kill_database() -> None:
        postgres.kill()
        postgres.start()

    with running_pgbouncer(postgres) as pooler:
        rounds(
            tmp_path,
            lambda: pooler.url(postgres.new_database()),
            frozenset(),
            kill_database=kill_database,
            kill_pooler=pooler.kill_and_start,
        )
