"""`courriel bounces`, and the suppression list of `courriel outbox`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import LETTER, USERS, Ran
from courriel import Sandbox

Run = Callable[..., Ran]
pytestmark = [pytest.mark.usefixtures("outbox_of_the_test"), pytest.mark.slow]


def sent(courriel: Run, *more: str) -> str:
    """Put and send one mail; returns its id."""
    ran = courriel("send", "--queue", *LETTER, *more, "--json")
    assert ran.status == 0, ran
    assert courriel("worker", "--once").status == 0
    return str(ran.json["ticket"])


def mailbox(via: Sandbox) -> str:
    return via.imap_url.replace("://", f"://ada:{USERS['ada']}@")


def test_a_bounce_is_taken_told_and_shown(courriel: Run, via: Sandbox) -> None:
    ident = sent(courriel)
    via.bounce(via.letters[-1])

    taken = courriel("bounces", mailbox(via), "--once")
    again = courriel("bounces", mailbox(via), "--once")
    shown = courriel("outbox", "show", ident)

    assert taken.status == 0, taken
    assert taken.out.startswith(f"{ident}  bob@example.org returned, says sandbox.localhost (550 5.1.1 no such user)")
    assert "No new report" in again.out + again.err
    assert "bob@example.org: returned (550 5.1.1 no such user)" in shown.out
    assert "what was said of it" in shown.out
    assert courriel("outbox", "show", ident, "--json").json["history"][-1]["event"] == "returned"
    assert courriel("outbox", "suppressed", "--json").json["address"] == "bob@example.org"


def test_what_proves_nothing_is_applied_by_hand(courriel: Run, via: Sandbox) -> None:
    ident = sent(courriel, "--to", "carl@example.org")
    via.bounce(via.letters[-1], recipient="carl@example.org")

    taken = courriel("bounces", mailbox(via), "--once")

    assert f"courriel bounces --apply {ident} carl@example.org" in taken.out
    wrong = courriel("bounces", "--apply", ident, "bob@example.org")
    assert wrong.status == 69
    applied = courriel("bounces", "--apply", ident[:12], "carl@example.org")
    assert (applied.status, applied.out) == (0, f"{ident}: applied to carl@example.org\n")
    assert "carl@example.org: returned" in courriel("outbox", "show", ident).out


def test_reports_as_json_and_in_french(courriel: Run, via: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ident = sent(courriel)
    via.bounce(via.letters[-1])

    told = courriel("bounces", mailbox(via), "--once", "--json").json

    assert (told["kind"], told["ticket"], told["new"]) == ("delivery", ident, True)
    assert told["entries"][0]["event"] == "returned"
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert "bob@example.org : retourné (550 5.1.1 no such user)" in courriel("outbox", "show", ident).out


def test_the_mailbox_may_be_a_profile(
    courriel: Run, via: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ident = sent(courriel)
    via.bounce(via.letters[-1])
    settings = tmp_path / "boxes.toml"
    settings.write_text(f'url = "{via.url}"\n[profiles.box]\nurl = "{mailbox(via)}"\n')
    settings.chmod(0o600)
    monkeypatch.setenv("COURRIEL_CONFIG", str(settings))

    taken, listed = courriel("bounces", "box", "--once"), courriel("inbox", "box", "list")
    mistyped = courriel("bounces", "bax", "--once")

    assert taken.out.startswith(f"{ident}  bob@example.org returned")
    assert "Undelivered Mail" in listed.out
    assert (mistyped.status, "no profile has the name 'bax' (did you mean 'box'?)" in mistyped.err) == (64, True)


@pytest.mark.parametrize("arguments", [[], ["imaps://ada@imap.example.org", "--apply", "1", "bob@example.org"]])
def test_one_thing_is_asked_at_a_time(courriel: Run, arguments: list[str]) -> None:
    assert courriel("bounces", *arguments).status == 64


def test_the_suppression_list_by_hand(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    sent(courriel)

    added = courriel("outbox", "suppress", "Bob@example.org", "eve@example.org", "--note", "by phone")
    listed = courriel("outbox", "suppressed")
    exported = courriel("outbox", "suppressed", "--csv", str(tmp_path / "list.csv"))
    lifted = courriel("outbox", "lift", "bob@EXAMPLE.org", "zoe@example.org")

    assert (added.status, added.out) == (0, "2 addresses added\n")
    assert [line.split()[1] for line in listed.out.splitlines()] == ["Bob@example.org", "eve@example.org"]
    assert exported.status == 0
    assert lifted.status == 69
    assert lifted.out == "bob@EXAMPLE.org: lifted\n"
    assert "zoe@example.org: not on the list" in lifted.err
    again = courriel("outbox", "suppress", "--csv", str(tmp_path / "list.csv"))
    assert again.out == "1 address added\n"


def test_a_mail_to_nobody_who_wants_it_is_not_queued(courriel: Run, via: Sandbox) -> None:
    sent(courriel)
    courriel("outbox", "suppress", "bob@example.org", "--reason", "complaint")

    ran = courriel("send", "--queue", *LETTER)

    assert ran.status == 67
    assert "Nobody is left who gets this mail; nothing was kept" in ran.err
    assert "courriel outbox lift" in ran.err
