"""Numbers that are none, given to `courriel worker` and `courriel outbox`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Ran

NONE = ("nan", "inf", "-inf", "-1", "1e400", "1_0", "٣", "", " ", "0x10", "9" * 20, "9" * 5000, "\x1b[31m", "NaN(3)")
OPTIONS = (
    ("worker", "--once", "--grace"),
    ("worker", "--once", "--for"),
    ("worker", "--once", "--workers"),
    ("worker", "--once", "--sessions"),
    ("worker", "--once", "--per-host"),
    ("outbox", "list", "--most"),
    ("outbox", "prune", "--sent"),
    ("outbox", "prune", "--failed"),
)


@pytest.mark.parametrize("option", OPTIONS, ids="-".join)
def test_what_is_no_number_is_said_to_be_none(
    courriel: Callable[..., Ran], tmp_path: Path, option: tuple[str, ...]
) -> None:
    for value in NONE:
        ran = courriel(*option, value, "--outbox", str(tmp_path / "outbox.db"), "--lang", "en")

        assert (ran.status, ran.out) == (64, "")
        assert option[-1] in ran.err
        assert "expected" in ran.err
        assert "\x1b" not in ran.err
    assert not (tmp_path / "outbox.db").exists()


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_place_of_the_health_is_none(courriel: Callable[..., Ran], tmp_path: Path, value: str) -> None:
    ran = courriel("worker", "--health", value, "--outbox", str(tmp_path / "outbox.db"), "--lang", "en")

    assert ran.status == 64
    assert "--health: a port or a file is expected" in ran.err
