"""Several ways out on the command line: what is told when one is down, or mistyped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import LETTER, Ran
from courriel import Sandbox

Run = Callable[..., Ran]


@pytest.fixture
def shop(sandbox: Sandbox, closed_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The profile shop: gmail.com by a port where nothing listens, all others by the practice server."""
    settings = tmp_path / "ways.toml"
    settings.write_text(
        f'[profiles.google]\nurl = "smtp://127.0.0.1:{closed_port}"\n'
        f'[profiles.shop]\nurl = "{sandbox.url}"\n[profiles.shop.by_domain]\n"gmail.com" = "google"\n'
    )
    settings.chmod(0o600)
    monkeypatch.setenv("COURRIEL_CONFIG", str(settings))
    return "shop"


def test_a_recipient_whose_way_is_down_is_not_said_to_be_in_doubt(courriel: Run, shop: str, closed_port: int) -> None:
    arguments = ("send", "--via", shop, *LETTER, "--to", "eve@gmail.com")

    english, french, as_json = (
        courriel(*arguments),
        courriel(*arguments, "--lang", "fr"),
        courriel(*arguments, "--json"),
    )

    assert (english.status, as_json.status) == (69, 69)
    assert "✗ eve@gmail.com: not sent: its way did not take it\n" in english.err
    assert f"note: 127.0.0.1:{closed_port}: Connection refused" in english.err
    assert "✗ eve@gmail.com : pas envoyé : sa voie ne l'a pas pris\n" in french.err
    assert "in doubt" not in english.err
    assert (as_json.json["in_doubt"], [fate["outcome"] for fate in as_json.json["fates"]]) == (
        False, ["accepted", "refused"]
    )  # fmt: skip


@pytest.mark.usefixtures("outbox_of_the_test")
def test_a_mail_in_parts_is_shown_with_the_lanes_that_it_waits_for(courriel: Run, shop: str) -> None:
    courriel("send", "--queue", "--key", "42", "--via", shop, *LETTER, "--to", "eve@gmail.com")
    courriel("worker", "--once")

    shown = courriel("outbox", "show", "--key", "42").out

    assert "eve@gmail.com: not sent yet" in shown
    assert "google: paused for" in shown
    assert "unknown on this machine" not in shown


def test_the_doctor_names_each_way_of_a_table(courriel: Run, sandbox: Sandbox, shop: str) -> None:
    told = courriel("doctor", shop).err.replace("'", "")

    assert f"courriel doctor {sandbox.url.partition('?')[0]}" in told
    assert "courriel doctor google" in told


@pytest.mark.parametrize("typed", ["failovr", "fail-over", "FAILOVER"])
def test_a_mistyped_group_is_told_its_name(courriel: Run, sandbox: Sandbox, typed: str) -> None:
    ran = courriel("send", "--via", f"{typed}(null: {sandbox.url})", *LETTER)

    assert ran.status == 64
    assert f"'{typed}' does not join several ways (did you mean 'failover'?)" in ran.err
    assert not sandbox.letters


def test_all_ways_that_failed_are_told_in_french(courriel: Run, closed_port: int) -> None:
    ways = f"failover(smtp://127.0.0.1:{closed_port} smtp://127.0.0.1:{closed_port}?timeout=5)"

    told = courriel("send", "--lang", "fr", "--via", ways, *LETTER).err

    assert told.startswith("✗ Non envoyé : aucune voie ne fonctionne.\n")
    assert told.count(f"127.0.0.1:{closed_port} : connexion refusée") == 2
