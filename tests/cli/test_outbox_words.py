"""What `courriel outbox` says of mails, recipients, lanes and places, in both languages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import LETTER, Ran
from courriel import Message, Outbox, Sandbox
from courriel.cli.outbox import lane_words
from courriel.cli.outbox.reasons import reason_of

Run = Callable[..., Ran]
pytestmark = pytest.mark.usefixtures("outbox_of_the_test")


def queue(courriel: Run, *more: str) -> str:
    ran = courriel("send", "--queue", *LETTER, *more, "--json")
    assert ran.status == 0, ran
    return str(ran.json["ticket"])


def shown(courriel: Run, mail: str) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """The lines on recipients in both languages, and their outcomes for machines."""
    english, french = courriel("outbox", "show", mail).out, courriel("outbox", "show", mail, "--lang", "fr").out
    found = courriel("outbox", "show", mail, "--json").json["fates"]
    lines = ([line.strip() for line in text.splitlines() if line.startswith("  ")] for text in (english, french))
    return (*lines, [(each["recipient"], each["outcome"]) for each in found])  # type: ignore[return-value]


def change(tmp_path: Path, statement: str) -> None:
    with sqlite3.connect(tmp_path / "outbox.db") as outbox:
        outbox.execute(statement)
    outbox.close()


# Recipients.


@pytest.mark.slow
@pytest.mark.parametrize("afterwards", ["", "forget", "retry"])
def test_a_recipient_in_doubt_is_never_said_to_be_untried(courriel: Run, via: Sandbox, afterwards: str) -> None:
    via.answer("message", "hang up", times=1)
    mail = queue(courriel, "--on-unsure", "hold")
    courriel("worker", "--once")
    if afterwards:
        courriel("outbox", afterwards, mail)

    english, french, found = shown(courriel, mail)

    assert english == ["bob@example.org: may have arrived"]
    assert french == ["bob@example.org : peut-être arrivé"]
    assert found == [("bob@example.org", "in doubt")]


@pytest.mark.slow
def test_who_is_put_off_is_not_said_to_be_refused_for_good(courriel: Run, via: Sandbox) -> None:
    via.answer("recipient", "450 4.2.0 later", when="bob@example.org")
    mail = queue(courriel, "--to", "carl@example.org")
    courriel("worker", "--once")

    english, french, found = shown(courriel, mail)

    assert english[0] == "bob@example.org: put off, will be tried again (450 4.2.0 later)"
    assert french[0] == "bob@example.org : reporté, sera réessayé (450 4.2.0 later)"
    assert english[1].startswith("carl@example.org: accepted (250")
    assert found == [("bob@example.org", "deferred"), ("carl@example.org", "accepted")]


@pytest.mark.slow
def test_recipients_of_an_expired_mail_are_listed_as_such(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    mail = queue(courriel, "--to", "carl@example.org")
    change(tmp_path, "UPDATE outbox_mail SET created = created - 1e6, expires = expires - 1e6, due = due - 1e6")
    courriel("worker", "--once")

    english, french, found = shown(courriel, mail)

    assert english == ["bob@example.org: expired", "carl@example.org: expired"]
    assert french == ["bob@example.org : expiré", "carl@example.org : expiré"]
    assert found == [("bob@example.org", "expired"), ("carl@example.org", "expired")]
    assert "why         its time was over" in courriel("outbox", "show", mail).out
    assert "bob@example.org, carl@example.org" in courriel("outbox", "list").out


def test_recipients_of_a_canceled_mail_are_listed_as_such(courriel: Run, via: Sandbox) -> None:
    mail = queue(courriel)
    courriel("outbox", "cancel", mail)

    english, french, found = shown(courriel, mail)

    assert (english, french) == (["bob@example.org: canceled"], ["bob@example.org : annulé"])
    assert found == [("bob@example.org", "canceled")]


@pytest.mark.slow
def test_a_mail_that_could_not_leave_is_not_said_to_be_untried(
    courriel: Run, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("COURRIEL_URL", f"smtp://127.0.0.1:{closed_port}")
    mail = queue(courriel)
    before = shown(courriel, mail)
    courriel("worker", "--once")

    after = shown(courriel, mail)

    assert (before[0], before[1]) == (["bob@example.org: not tried yet"], ["bob@example.org : pas encore essayé"])
    assert (after[0], after[1]) == (["bob@example.org: not sent yet"], ["bob@example.org : pas encore envoyé"])
    assert "default: paused for " in courriel("outbox", "show", mail).out


# Reasons.


@pytest.mark.parametrize("why", ["unsure", "unsure, and not found", "poison", "lost", "operator", "canceled", "expired",
                                 "found"])  # fmt: skip
def test_a_reason_of_our_own_is_a_sentence(courriel: Run, via: Sandbox, tmp_path: Path, why: str) -> None:
    mail = queue(courriel)
    change(tmp_path, f"UPDATE outbox_mail SET state = 5, why = '{why}'")

    english, french = courriel("outbox", "show", mail).out, courriel("outbox", "show", mail, "--lang", "fr").out

    told = [line.split("  ", 1)[1].strip() for text, word in ((english, "why "), (french, "motif "))
            for line in text.splitlines() if line.startswith(word)]  # fmt: skip
    assert len(told) == 2
    assert why not in told
    assert told[0] != told[1]
    assert courriel("outbox", "show", mail, "--json").json["why"] == why


def test_every_word_that_the_outbox_writes_as_a_reason_is_known() -> None:
    from courriel.outbox.store import states

    for why in (states.UNSURE, states.POISON, states.LOST, states.EXPIRED, states.FOUND):
        assert " " in reason_of(why)


# Retrying, and ids.


@pytest.mark.slow
def test_a_failed_mail_is_tried_again_by_its_key_and_accepted_recipients_get_nothing(
    courriel: Run, via: Sandbox
) -> None:
    via.answer("recipient", "550 5.1.1 no such user", when="carl@example.org", times=1)
    queue(courriel, "--to", "carl@example.org", "--key", "k")
    courriel("worker", "--once")
    refused = courriel("outbox", "cancel", "--key", "k")

    retried = courriel("outbox", "retry", "--key", "k")
    worked = courriel("worker", "--once")

    assert (refused.status, "to send it again: courriel outbox retry " in refused.err) == (69, True)
    assert (retried.status, worked.status) == (0, 0)
    assert [letter.recipients for letter in via.letters] == [("bob@example.org",), ("carl@example.org",)]


@pytest.mark.slow
def test_all_failed_mails_are_tried_again_when_that_is_asked_for(courriel: Run, via: Sandbox) -> None:
    via.answer("recipient", "550 5.1.1 no such user", times=2)
    for _ in range(2):
        queue(courriel)
    courriel("worker", "--once")

    untouched = courriel("outbox", "retry", "--all")
    retried = courriel("outbox", "retry", "--failed")
    courriel("worker", "--once")

    assert (untouched.status, untouched.out, untouched.err) == (0, "", "No mail.\n")
    assert len(retried.out.splitlines()) == len(via.letters) == 2


@pytest.mark.slow
@pytest.mark.parametrize("command", ["retry", "hold", "release", "forget", "cancel"])
def test_mails_are_named_by_key_or_by_the_beginning_of_their_id(courriel: Run, via: Sandbox, command: str) -> None:
    mail = queue(courriel, "--key", "k")
    if command in ("release", "forget"):
        courriel("outbox", "hold", mail)

    by_key = courriel("outbox", command, "--key", "k")
    missing = courriel("outbox", command, "--key", "other")

    assert (by_key.status, by_key.out.startswith(f"{mail}: ")) == (0, True)
    assert (missing.status, "There is no such mail" in missing.err) == (66, True)
    assert courriel("outbox", "show", mail[:12]).out == courriel("outbox", "show", mail).out


def test_a_beginning_that_several_ids_have_is_refused(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    for digit in "12":
        queue(courriel)
        change(tmp_path, f"UPDATE outbox_mail SET id = '0123456789{digit}' WHERE length(id) = 32")

    english = courriel("outbox", "show", "01234567")
    french = courriel("outbox", "cancel", "01234567", "--lang", "fr")

    assert (english.status, "give more digits" in english.err) == (64, True)
    assert (french.status, "donnez plus de chiffres" in french.err) == (64, True)


@pytest.mark.parametrize("command", ["retry", "hold", "release", "forget", "cancel"])
def test_nothing_to_do_is_said(courriel: Run, via: Sandbox, command: str) -> None:
    courriel("outbox", "cancel", queue(courriel))

    assert courriel("outbox", command, "--all").err == "No mail.\n"
    assert courriel("outbox", command, "--all", "--lang", "fr").err == "Aucun message.\n"


def test_keys_are_listed(courriel: Run, via: Sandbox) -> None:
    queue(courriel, "--key", "invoice-42")

    assert "  key invoice-42  bob@example.org" in courriel("outbox", "list").out
    assert "  clé invoice-42  bob@example.org" in courriel("outbox", "list", "--lang", "fr").out


# Lanes.


@pytest.mark.parametrize("command", ["retry", "release"])
def test_a_mail_of_a_stopped_lane_is_not_promised_to_leave(courriel: Run, via: Sandbox, command: str) -> None:
    mail = queue(courriel)
    if command == "release":
        courriel("outbox", "hold", mail)
    courriel("outbox", "pause", "default")

    said, french = courriel("outbox", command, mail), courriel("outbox", "retry", "--all", "--lang", "fr")

    assert (
        "will be tried when its lane, which is stopped, is started again (courriel outbox resume default)" in said.out
    )
    assert "sera essayé quand sa voie, arrêtée, sera remise en marche (courriel outbox resume default)" in french.out
    assert courriel("outbox", "retry", mail, "--json").json["stopped"] is True


def test_a_mail_of_a_lane_at_rest_is_not_promised_to_leave_at_once(
    courriel: Run, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("COURRIEL_URL", f"smtp://127.0.0.1:{closed_port}")
    mail = queue(courriel)
    courriel("worker", "--once")

    said = courriel("outbox", "retry", mail)

    assert "will be tried after the pause of its lane, " in said.out
    assert courriel("outbox", "retry", mail, "--json").json["paused"] > 0


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "courriel.toml").write_text(f'[profiles.billing]\nurl = "{sandbox.url}"\n')


@pytest.mark.slow
@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_lane_that_nobody_knows_is_refused_with_the_name_that_was_meant(courriel: Run, command: str) -> None:
    queue(courriel, "--via", "billing")
    queue(courriel, "--via", "letters", "--elsewhere")

    wrong, french = courriel("outbox", command, "billign"), courriel("outbox", command, "lettres", "--lang", "fr")
    right, elsewhere = courriel("outbox", command, "billing"), courriel("outbox", command, "letters")

    assert (wrong.status, "did you mean 'billing'?" in wrong.err) == (64, True)
    assert (french.status, "vouliez-vous dire « letters » ?" in french.err) == (64, True)
    assert (right.status, elsewhere.status) == (0, 0)
    assert [lane["via"] for lane in courriel("outbox", "stats", "--json").json["lanes"]] == ["billing", "letters"]


@pytest.mark.usefixtures("profiles")
def test_a_profile_that_is_not_there_is_refused_before_anything_is_queued(courriel: Run, tmp_path: Path) -> None:
    wrong = courriel("send", "--queue", *LETTER, "--via", "billign")
    french = courriel("send", "--queue", *LETTER, "--via", "billign", "--lang", "fr")
    nothing = courriel("send", "--queue", *LETTER)
    (tmp_path / "courriel.toml").write_text("[profiles.billing\n")
    broken = courriel("send", "--queue", *LETTER, "--via", "billing")

    assert [ran.status for ran in (wrong, french, nothing, broken)] == [64] * 4
    assert "did you mean 'billing'?" in wrong.err
    assert "vouliez-vous dire « billing » ?" in french.err
    assert "did you mean" not in french.err
    assert not (tmp_path / "outbox.db").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("profiles")
def test_a_lane_that_no_worker_here_knows_is_the_reason_why_a_mail_waits(courriel: Run) -> None:
    mail = queue(courriel, "--via", "billign", "--elsewhere")

    stats, french, one = courriel("outbox", "stats"), courriel("outbox", "stats", "--lang", "fr"), courriel(
        "outbox", "show", mail
    )  # fmt: skip

    assert "billign: unknown on this machine (no profile has the name 'billign' (did you mean 'billing'?)" in stats.out
    assert "billign : inconnue de cette machine (aucun profil ne s'appelle « billign » (vouliez-vous dire" in french.out
    assert "billign: unknown on this machine" in one.out
    assert courriel("outbox", "stats", "--json").json["unknown"][0]["via"] == "billign"


# Places.


def test_a_backup_is_not_restored_into_postgresql(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    queue(courriel)
    courriel("outbox", "backup", str(tmp_path / "b.db"))
    url = "postgresql://ada:sesame@db.example.org/shop"

    english = courriel("outbox", "restore", str(tmp_path / "b.db"), "--outbox", url)
    french = courriel("outbox", "restore", str(tmp_path / "b.db"), "--outbox", url, "--lang", "fr")

    assert (english.status, "is restored by its own means: pg_restore" in english.err) == (64, True)
    assert (french.status, "se restaure par ses propres moyens : pg_restore" in french.err) == (64, True)
    assert "sesame" not in english.err + french.err


@pytest.mark.parametrize("scheme", ["postgrsql", "postgresl", "postgressql"])
def test_a_scheme_that_is_nearly_right_is_named(courriel: Run, scheme: str) -> None:
    ran = courriel("outbox", "stats", "--outbox", f"{scheme}://db/shop")
    french = courriel("outbox", "stats", "--outbox", f"{scheme}://db/shop", "--lang", "fr")

    assert (ran.status, "did you mean 'postgresql'?" in ran.err) == (64, True)
    assert "vouliez-vous dire « postgresql » ?" in french.err


@pytest.mark.parametrize(
    "reference", ["?password=env:MAIL_PASSWORD", "?password=file:/run/secret", "?password=cmd:pass"]
)
def test_a_secret_in_the_url_of_a_mail_is_no_malformed_url(courriel: Run, reference: str) -> None:
    url = f"smtps://ada@smtp.example.org{reference}"

    english = courriel("send", "--queue", *LETTER, "--via", url)
    french = courriel("send", "--queue", *LETTER, "--via", url, "--lang", "fr")

    assert (english.status, french.status) == (64, 64)
    for said in (english.err, french.err):
        assert "Reference  SECRET-IN-OUTBOX" in said or "Référence  SECRET-IN-OUTBOX" in said
        assert "URL-MALFORMED" not in said
    assert english.err.startswith("✗ Not put into the outbox: a secret does not belong into the URL of a mail.")
    assert french.err.startswith("✗ Non mis dans la boîte d'envoi : un secret n'a pas sa place")


def test_numbers_have_the_marks_of_the_language() -> None:
    from courriel.cli.outbox.duration import counted, number
    from courriel.failures import speak

    try:
        speak("en")
        assert (number(2000), counted(1_234_567, "mail", "mails")) == ("2,000", "1,234,567 mails")
        speak("fr")
        assert (number(2000), counted(1, "mail", "mails")) == ("2\u202f000", "1 mail")
    finally:
        speak(None)


def test_the_place_is_said_as_a_path(tmp_path: Path) -> None:
    with Outbox(tmp_path / "o.db") as outbox:
        assert outbox.place == str(tmp_path / "o.db")


@pytest.mark.slow
@pytest.mark.usefixtures("profiles")
def test_few_lanes_are_looked_up_in_the_settings_where_there_are_many(
    courriel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")
    with Outbox(tmp_path / "outbox.db", elsewhere=True) as outbox:
        for number in range(60):
            outbox.put(message, via=f"lane{number}")

    found = courriel("outbox", "stats", "--json").json
    ran = courriel("worker", "--once", "--json").objects[-1]

    assert len(found["unknown"]) == lane_words.LOOKED_UP
    kinds = [reason["kind"] for reason in ran["unsent"]]
    assert (kinds.count("unknown"), kinds.count("due")) == (lane_words.LOOKED_UP, 60 - lane_words.LOOKED_UP)
