"""Examination of several ways out: each by itself, all as one, and no secret in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from courriel import Sandbox, doctor, errors
from courriel.cli.main import main
from doctor.conftest import PASSWORD, USER

NOBODY = "smtp://127.0.0.1:1?tls=none"


def way(sandbox: Sandbox) -> str:
    return f"smtp://{USER.replace('@', '%40')}@127.0.0.1:{sandbox.port}?tls=none&password=env:WORD"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", PASSWORD)


def failed(examination: doctor.Examination) -> list[list[str]]:
    return [[step.name for step in each.steps if step.status == "failed"] for each in examination.ways]


def test_each_way_of_a_group_is_examined_and_one_that_fails_is_named_first(sandbox: Sandbox) -> None:
    examination = doctor.examine(f"failover({way(sandbox)} roundrobin({NOBODY} null:))", neighbours_too=False)

    assert failed(examination) == [[], ["connection"], []]
    assert [each.steps[-1].name for each in examination.ways] == ["login", "connection", "name"]
    assert not examination.ok
    assert examination.sysexit == 75
    assert examination.verdict.en.startswith("Ways that work: 2 of 3; way 2 (127.0.0.1:1): Failed at step 2")
    assert examination.verdict.fr.startswith("Voies qui fonctionnent : 2 sur 3 ; voie 2 (127.0.0.1:1)")


def test_a_group_of_which_all_work_works(sandbox: Sandbox) -> None:
    examination = doctor.examine(f"failover({way(sandbox)} null:)")

    assert (examination.ok, examination.verdict.en) == (True, "All works")
    assert len(sandbox.letters) == 0


def test_a_way_whose_password_is_missing_is_a_step_of_that_way(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORD")

    examination = doctor.examine(f"failover({way(sandbox)} null:)")

    assert failed(examination) == [["login"], []]


def test_all_ways_of_a_table_by_domain_are_examined_each_once(sandbox: Sandbox) -> None:
    Path("courriel.toml").write_text(
        f'[profiles.google]\nurl = "smtp://127.0.0.1:{sandbox.port}?tls=none"\n[profiles.shop]\nurl = "null:"\n'
        '[profiles.shop.by_domain]\n"gmail.com" = "google"\n"googlemail.com" = "google"\n'
    )

    examination = doctor.examine("shop")

    assert [each.url for each in examination.ways] == ["null:", f"smtp://127.0.0.1:{sandbox.port}"]


def test_a_trial_mail_is_sent_by_one_way_only(sandbox: Sandbox) -> None:
    with pytest.raises(errors.UsageError, match="several ways"):
        doctor.examine(f"failover({way(sandbox)} null:)", send_to="bob@example.org", sender="ada@example.org")

    assert sandbox.sessions == []


@pytest.mark.parametrize(("language", "said"), [("en", "several ways"), ("fr", "plusieurs voies")])
def test_several_ways_are_not_corrected_by_the_command(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], language: str, said: str
) -> None:
    Path("courriel.toml").write_text(f'[profiles.billing]\nurl = "failover({sandbox.url} null:)"\n')

    assert main(["--lang", language, "doctor", "billing", "--fix"]) == 64
    assert said in capsys.readouterr().err
    assert sandbox.sessions == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_command_shows_each_way_and_writes_all_into_the_report(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    group = f"failover({NOBODY} {way(sandbox)})"
    for file in ("report.md", "report.html"):
        status = main(["--lang", language, "doctor", group, "--no-neighbours", "--report", file])
        shown = capsys.readouterr().out
        titles = ("Way 1: ", "Way 2: ") if language == "en" else ("Voie 1 : ", "Voie 2 : ")
        written = Path(file).read_text()
        assert status == 75
        assert all(title in text for title in titles for text in (shown, written))
        assert written.count(str(sandbox.port)) > 1
        assert PASSWORD not in shown + written
    main(["--json", "doctor", group, "--no-neighbours"])
    told = json.loads(capsys.readouterr().out)

    assert told["ways"][0]["steps"][-1]["name"] == "connection"
    assert re.fullmatch(r"failover\(.*\)", told["server"])
