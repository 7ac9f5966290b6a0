"""`courriel send --queue`, `courriel outbox`, `courriel worker`."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from cli.conftest import LETTER, Ran
from courriel import Outbox, Sandbox
from courriel.cli.outbox import keeping
from courriel.outbox.store.facts import IntegrityFinding
from inside import store_of

Run = Callable[..., Ran]
pytestmark = pytest.mark.usefixtures("outbox_of_the_test")


def queue(courriel: Run, *more: str) -> str:
    """Queue one mail; returns its id."""
    ran = courriel("send", "--queue", *LETTER, *more, "--json")
    assert ran.status == 0, ran
    return str(ran.json["ticket"])


def test_a_mail_that_was_queued_is_sent_by_the_next_worker(courriel: Run, via: Sandbox) -> None:
    put = courriel("send", "--queue", *LETTER, "--bcc", "eve@example.org")
    assert put.status == 0
    assert put.out.startswith("in the outbox (")
    assert via.letters == []

    worked = courriel("worker", "--once")

    assert worked.status == 0
    assert worked.out == "1 accepted, 0 failed; 0 waiting, 0 held\n"
    (letter,) = via.letters
    assert set(letter.recipients) == {"bob@example.org", "eve@example.org"}


def test_the_same_key_is_the_same_mail(courriel: Run, via: Sandbox) -> None:
    first, second = queue(courriel, "--key", "invoice-42"), queue(courriel, "--key", "invoice-42")

    courriel("worker", "--once")

    assert first == second
    assert len(via.letters) == 1


def test_a_mail_queued_again_is_reported_as_existing(courriel: Run, via: Sandbox) -> None:
    first = courriel("send", "--queue", *LETTER, "--key", "k", "--json")
    again = courriel("send", "--queue", *LETTER, "--key", "k", "--json")
    for_people = courriel("send", "--queue", *LETTER, "--key", "k")

    assert (first.json["existed"], again.json["existed"]) == (False, True)
    assert for_people.status == 0
    assert for_people.out == f"already there ({first.json['ticket']})\n"


def test_another_mail_under_a_known_key_is_refused(courriel: Run, via: Sandbox) -> None:
    queue(courriel, "--key", "k")

    ran = courriel("send", "--queue", *LETTER, "--key", "k", "--cc", "eve@example.org")

    assert ran.status == 65
    assert "Another mail is in the outbox already under this key." in ran.err
    assert "what differs: recipients, Cc" in ran.err
    assert "one --key for each mail" in ran.err


def test_a_finished_message_is_queued_as_it_is(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(b"From: ada@example.org\r\nTo: bob@example.org\r\nSubject: Ready\r\nMessage-ID: <1@x.org>\r\n"
                     b"Date: Wed, 25 Nov 2026 09:00:00 +0000\r\n\r\nHello.\r\n")  # fmt: skip

    ran = courriel("send", "--queue", str(mail))
    courriel("worker", "--once")

    assert ran.status == 0
    assert ran.out.startswith(f"{mail}: in the outbox (")
    assert via.letters[0].content == mail.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--key", "k"), "--key goes with --queue"),
        (("--queue", "--transcript"), "--transcript does not go with --queue"),
        (("--queue", "--timeout", "3"), "--timeout does not go with --queue"),
        (("--queue", "--key", "k", "one.eml", "two.eml"), "a key is for one message only"),
    ],
)
def test_incompatible_options_are_refused(courriel: Run, via: Sandbox, arguments: list[str], sentence: str) -> None:
    ran = courriel("send", *arguments)

    assert ran.status == 64
    assert sentence in ran.err


def test_a_password_is_never_written_into_the_outbox(courriel: Run, tmp_path: Path) -> None:
    ran = courriel("send", "--queue", "--via", "smtps://ada:sesame-7@smtp.example.org", *LETTER)

    assert ran.status != 0
    assert "sesame-7" not in ran.out + ran.err
    assert not any(b"sesame-7" in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


def test_a_mail_is_shown_with_the_fate_of_each_recipient(courriel: Run, via: Sandbox) -> None:
    via.answer("recipient", "550 5.1.1 no such user", when="carl@example.org")
    mail = queue(courriel, "--to", "carl@example.org", "--key", "k1")

    before = courriel("outbox", "show", mail)
    courriel("worker", "--once")
    english, french = courriel("outbox", "show", "--key", "k1"), courriel("outbox", "show", mail, "--lang", "fr")

    assert "bob@example.org: not tried yet" in before.out
    assert "state       failed" in english.out
    assert "bob@example.org: accepted (250 2.0.0 Message taken)" in english.out
    assert "carl@example.org: refused (550 5.1.1 no such user)" in english.out
    assert "carl@example.org : refusé (550 5.1.1 no such user)" in french.out


def test_a_worker_tells_of_what_failed(courriel: Run, via: Sandbox) -> None:
    via.answer("recipient", "550 5.1.1 no such user")
    mail = queue(courriel)

    plain = courriel("worker", "--once")

    assert plain.out == "0 accepted, 1 failed; 0 waiting, 0 held\n"
    assert plain.err.splitlines() == [f"✗ {mail}: failed", "    bob@example.org  550 5.1.1 no such user"]


def test_json_has_an_object_for_each_mail(courriel: Run, via: Sandbox) -> None:
    mail = queue(courriel)

    ran = courriel("worker", "--once", "--json")

    sent, stopped = ran.objects
    assert (sent["event"], sent["id"], sent["state"]) == ("sent", mail, "sent")
    assert stopped == {
        "event": "stopped",
        "sent": 1,
        "failed": 0,
        "unsure": 0,
        "waiting": 0,
        "held": 0,
        "unanswered": 0,
        "in_hand": [],
        "unsent": [],
        "sysexit": 0,
    }


@pytest.mark.slow
def test_mails_are_held_released_canceled_and_tried_at_once(courriel: Run, via: Sandbox) -> None:
    held, canceled = queue(courriel), queue(courriel)

    assert courriel("outbox", "hold", held).out == f"{held}: held\n"
    assert courriel("outbox", "cancel", canceled).out == f"{canceled}: canceled\n"
    courriel("worker", "--once")
    assert via.letters == []
    again = courriel("outbox", "cancel", canceled)
    assert again.status == 69
    assert f'{canceled}: impossible, its state is "canceled"' in again.err
    assert courriel("outbox", "release", "--all").out.startswith(f"{held}: released, will be tried as soon")
    courriel("worker", "--once")
    assert len(via.letters) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("command", "done"), [("cancel", "canceled"), ("hold", "held")])
def test_who_takes_a_mail_back_hears_who_has_it_and_who_may_have_it(
    courriel: Run, via: Sandbox, command: str, done: str
) -> None:
    """A mail that waits for another try may have left by an earlier one."""
    via.answer("message", "hang up", times=1)
    doubtful = queue(courriel)
    courriel("worker", "--once")
    via.answer("recipient", "450 4.2.0 not now", when="eve@example.org")
    partly = queue(courriel, "--to", "eve@example.org")
    courriel("outbox", "resume", "default")
    courriel("worker", "--once")

    first, second = courriel("outbox", command, doubtful), courriel("outbox", command, partly)
    third = courriel("outbox", "show", doubtful, "--json")

    assert first.out == f"{doubtful}: {done}; in doubt: it may have arrived already\n"
    assert second.out == f"{partly}: {done}; already accepted for bob@example.org\n"
    assert third.json["unsure"] == 1


@pytest.mark.slow
def test_a_mail_that_waits_is_tried_at_once(courriel: Run, via: Sandbox) -> None:
    via.answer("message", "450 4.2.0 not now", times=1)
    mail = queue(courriel)
    courriel("worker", "--once")
    waiting = courriel("outbox", "list").out
    assert "put off, next try in" in waiting

    retried = courriel("outbox", "retry", mail)
    courriel("worker", "--once")

    assert retried.out == f"{mail}: will be tried as soon as a worker runs\n"
    assert len(via.letters) == 1


# Mails that wait for a person.


def unsure(place: Path, why: str = "unsure") -> None:
    """Have every mail held as one of which nobody knows whether it arrived."""
    with sqlite3.connect(place) as outbox:
        outbox.execute("UPDATE outbox_mail SET state = 3, unsure = ?, why = ?", (why.startswith("unsure"), why))
    outbox.close()


@pytest.mark.parametrize(
    ("language", "why", "known", "of"),
    [
        ("en", "unsure", "held, in doubt", "may have arrived, no answer is written down"),
        ("en", "unsure, and not found", "held, in doubt", "may have arrived, and was not found"),
        ("en", "poison", "held", "five workers died with this mail"),
        ("en", "operator", "held", "held by hand"),
        ("en", "ValueError: x\n\x1b[2J", "held", "ValueError: x\\n\\x1b[2J"),
        ("fr", "unsure", "retenu, incertain", "peut-être arrivé, aucune réponse n'est notée"),
        ("fr", "operator", "retenu", "retenu à la main"),
    ],
)
def test_what_is_held_is_one_line_with_what_is_known_and_the_commands_to_decide(
    courriel: Run, via: Sandbox, tmp_path: Path, language: str, why: str, known: str, of: str
) -> None:
    mail = queue(courriel)
    unsure(tmp_path / "outbox.db", why)

    ran = courriel("outbox", "list", "--state", "held", "--lang", language)

    (line,) = ran.out.splitlines()
    assert line.startswith(f"{mail}  {known}  ")
    colon, either = (" : ", " ou ") if language == "fr" else (": ", " or ")
    assert line.endswith(
        f"  bob@example.org  {of}{colon}courriel outbox retry {mail}{either}courriel outbox forget {mail}"
    )


@pytest.mark.slow
def test_a_person_has_a_held_mail_sent_and_may_say_so_twice(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    mail = queue(courriel)
    unsure(tmp_path / "outbox.db")

    first, again = courriel("outbox", "retry", mail), courriel("outbox", "retry", mail)
    courriel("worker", "--once")
    late = courriel("outbox", "retry", mail)

    in_doubt = "in doubt: it may have arrived already"
    assert first.out == again.out == f"{mail}: will be tried as soon as a worker runs; {in_doubt}\n"
    assert (first.status, again.status, len(via.letters)) == (0, 0, 1)
    assert (late.status, f'{mail}: impossible, its state is "accepted, in doubt"' in late.err) == (69, True)


def test_a_person_gives_a_held_mail_up_and_may_say_so_twice(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    mail = queue(courriel)
    early = courriel("outbox", "forget", mail)
    unsure(tmp_path / "outbox.db")

    first, again = courriel("outbox", "forget", mail), courriel("outbox", "forget", mail)
    courriel("worker", "--once")
    retried = courriel("outbox", "retry", mail)

    assert (early.status, f'{mail}: impossible, its state is "waiting"' in early.err) == (69, True)
    in_doubt = "will not be sent any more; in doubt: it may have arrived already"
    assert first.out == again.out == f"{mail}: {in_doubt}\n"
    assert (first.status, again.status, via.letters) == (0, 0, [])
    assert (retried.status, 'its state is "canceled, in doubt"' in retried.err) == (69, True)


def test_one_mail_that_is_not_there_does_not_keep_the_others_waiting(
    courriel: Run, via: Sandbox, tmp_path: Path
) -> None:
    mail = queue(courriel)
    unsure(tmp_path / "outbox.db")

    ran = courriel("outbox", "retry", "nothing", mail)

    assert ran.out.startswith(f"{mail}: will be tried as soon as a worker runs; in doubt")
    assert (ran.status, "There is no such mail in the outbox." in ran.err) == (66, True)


def test_a_mail_that_a_worker_has_in_hand_is_being_tried(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    mail = queue(courriel)
    take(tmp_path / "outbox.db", 1)

    assert courriel("outbox", "retry", mail).status == 0
    assert courriel("outbox", "forget", mail).status == 69


# What is going on.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["the oldest has been due for 0 s", "no worker is alive", "1 held, to be decided", "last error ("]),
        ("fr", ["le plus ancien attend depuis 0 s", "aucun processus d'envoi en vie", "1 retenu, à décider",
                "dernière erreur ("]),
    ],
)  # fmt: skip
def test_stats_say_what_whoever_is_on_call_wants_to_know(
    courriel: Run, via: Sandbox, tmp_path: Path, language: str, words: list[str]
) -> None:
    via.answer("recipient", "550 5.1.1 no such user", times=1)
    queue(courriel)
    courriel("worker", "--once")
    queue(courriel)
    courriel("worker", "--once")
    courriel("outbox", "hold", queue(courriel))
    queue(courriel)

    ran = courriel("outbox", "stats", "--lang", language)

    missing = [each for each in words if each not in ran.out]
    assert not missing, ran.out
    assert "550 5.1.1 no such user (bob@example.org)" in ran.out
    assert ("1/min (over 60 s)" if language == "en" else "1/min (sur 60 s)") in ran.out


@pytest.mark.slow
def test_machines_get_the_figures_as_an_object(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    via.answer("recipient", "550 5.1.1 no such user", times=1)
    queue(courriel)
    courriel("worker", "--once")
    queue(courriel)
    take(tmp_path / "outbox.db", 1)

    found = courriel("outbox", "stats", "--json").json

    assert (found["waiting"], found["sending"], found["held"], found["sent"], found["refused"]) == (0, 1, 0, 0, 1)
    assert (found["oldest_due"], found["unsure"], found["rate"], found["window"]) == (None, 0, 0.0, 60.0)
    assert (found["last_error"]["via"], found["last_error"]["text"]) == (
        "default", "550 5.1.1 no such user (bob@example.org)",
    )  # fmt: skip
    (worker,) = found["workers"]
    assert found["alive"] == 0
    assert (worker["worker"], worker["alive"], worker["life"], worker["mails"]) == ("there:7", False, "gone", 1)
    assert worker["back"] == found["in_hand"][0]["back"]
    assert set(found) >= {"at", "counts", "lanes"}


@pytest.mark.slow
def test_a_lane_is_paused_and_resumed(courriel: Run, via: Sandbox) -> None:
    queue(courriel)

    courriel("outbox", "pause", "default")
    courriel("worker", "--once")
    stopped = courriel("outbox", "stats")
    assert "default: stopped (courriel outbox resume)" in stopped.out
    assert via.letters == []
    courriel("outbox", "resume", "default")
    courriel("worker", "--once")

    assert len(via.letters) == 1


@pytest.mark.slow
def test_mails_are_listed_and_counted(courriel: Run, via: Sandbox) -> None:
    first = queue(courriel)
    courriel("worker", "--once")
    second = queue(courriel)

    assert [each["id"] for each in courriel("outbox", "list", "--json").objects] == [first, second]
    assert [each["id"] for each in courriel("outbox", "list", "--state", "ready", "--json").objects] == [second]
    assert [each["id"] for each in courriel("outbox", "list", "--most", "1", "--json").objects] == [first]
    counts = courriel("outbox", "stats", "--json").json["counts"]
    assert {(each["state"], each["mails"]) for each in counts} == {("sent", 1), ("ready", 1)}
    assert courriel("outbox", "list", "--via", "other").err == "No mail.\n"


def test_a_mail_is_exported_to_the_octet_and_never_over_a_file(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    mail = queue(courriel)
    file = tmp_path / "mail.eml"

    courriel("outbox", "export", mail, str(file))
    courriel("worker", "--once")
    again = courriel("outbox", "export", mail, str(file))

    assert file.read_bytes() == via.letters[0].content
    assert again.status != 0


def test_prune_deletes_finished_mails(courriel: Run, via: Sandbox) -> None:
    queue(courriel)
    courriel("worker", "--once")

    kept, gone = courriel("outbox", "prune"), courriel("outbox", "prune", "--sent", "0s")

    assert kept.out == "0 mails forgotten\n"
    assert gone.out == "1 mail forgotten\n"


@pytest.mark.parametrize("offset", [0, 4096, 3 * 4096, 12 * 4096, 20 * 4096])
def test_damage_is_a_finding_of_check_wherever_it_is(courriel: Run, via: Sandbox, tmp_path: Path, offset: int) -> None:
    queue(courriel, "--text", "z" * 100_000)
    path = tmp_path / "outbox.db"
    data = bytearray(path.read_bytes())
    data[offset : offset + 4096] = b"\xff" * 4096
    path.write_bytes(data)

    plain, french, found = (courriel("outbox", "check", *more) for more in ((), ("--lang", "fr"), ("--json",)))

    assert (plain.status, french.status, found.status) == (65, 65, 65)
    assert plain.out.startswith("the file is damaged: ")
    assert french.out.startswith("le fichier est abîmé : ")
    assert (found.json["ok"], found.json["findings"][0]["kind"]) == (False, "damaged")


@pytest.mark.parametrize(
    "command",
    [("list",), ("show", "x"), ("stats",), ("check",), ("retry", "--all"), ("pause", "billing"), ("prune",),
     ("backup", "b.db"), ("compact",), ("export", "x", "x.eml")],
)  # fmt: skip
def test_commands_that_look_or_act_make_no_outbox(courriel: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    before = sorted(tmp_path.iterdir())

    ran, french = courriel("outbox", *command), courriel("outbox", *command, "--lang", "fr")

    assert (ran.status, french.status) == (66, 66)
    assert ran.err.startswith("✗ There is no outbox in this place.")
    assert french.err.startswith("✗ Il n'y a pas de boîte d'envoi à cet endroit.")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("arguments", [("show", "nothing"), ("show", "--key", "nothing"), ("cancel", "nothing")])
def test_a_mail_that_is_not_there_is_said_so(courriel: Run, via: Sandbox, arguments: list[str]) -> None:
    queue(courriel)

    ran = courriel("outbox", *arguments)

    assert ran.status == 66
    assert ran.err.startswith("✗ There is no such mail in the outbox.")
    assert "nothing" in ran.err


def test_the_outbox_is_where_the_project_says(
    courriel: Run, via: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("COURRIEL_OUTBOX")
    Path("courriel.toml").write_text('outbox = "waiting.db"\n')

    queue(courriel)

    assert Path("waiting.db").is_file()


def test_the_default_outbox_is_the_users(
    courriel: Run, via: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("COURRIEL_OUTBOX")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    queue(courriel)

    assert (tmp_path / "state" / "courriel" / "outbox.db").is_file()


@pytest.fixture
def working(via: Sandbox) -> Iterator[Callable[..., tuple[subprocess.Popen[str], Queue[str]]]]:
    """A worker process, and the lines it prints."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], Queue[str]]:
        worker = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "courriel", "worker", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ,
        )  # fmt: skip
        started.append(worker)
        lines: Queue[str] = Queue()

        def read() -> None:
            assert worker.stdout is not None
            for line in worker.stdout:
                lines.put(line)

        Thread(target=read, daemon=True).start()
        return worker, lines

    yield start
    for worker in started:
        if worker.poll() is None:
            worker.kill()
        worker.wait()
        assert worker.stdout is not None
        worker.stdout.close()


@pytest.mark.slow
def test_sigterm_ends_a_worker_in_peace_and_it_says_what_is_left(
    working: Callable[..., tuple[subprocess.Popen[str], Queue[str]]], via: Sandbox
) -> None:
    with Outbox() as outbox:
        outbox.put_many([message(number) for number in range(3)], via=via.url)
        outbox.put(message(3), via=via.url, not_before=3600)
    worker, lines = working("--json")
    for _ in range(3):
        assert json.loads(lines.get(timeout=20))["event"] == "sent"

    worker.send_signal(signal.SIGTERM)

    stopped = json.loads(lines.get(timeout=20))
    assert worker.wait(timeout=20) == 0
    assert (stopped["event"], stopped["sent"], stopped["waiting"], stopped["unanswered"]) == ("stopped", 3, 1, 0)


def message(number: int) -> object:
    from courriel import Message

    return Message(sender="ada@example.org", to=f"r{number}@example.org", subject=f"Number {number}", text="Hello.")


@pytest.mark.parametrize("command", ["stats", "list", "prune"])
def test_a_mistyped_outbox_is_not_made_by_looking_at_it(courriel: Run, command: str) -> None:
    ran = courriel("outbox", command, "--outbox", "typo.db")

    assert ran.status == 66
    assert "typo.db" in ran.err
    assert not Path("typo.db").exists()


@pytest.mark.parametrize("extra", [(), ("--once",)])
def test_a_worker_for_a_profile_that_nobody_knows_is_misuse(courriel: Run, extra: tuple[str, ...]) -> None:
    ran = courriel("worker", "--outbox", "o.db", "--via", "typo", *extra)

    assert ran.status == 64
    assert "no profile has the name 'typo'" in ran.err


def test_a_secret_reference_is_queued_when_it_is_permitted(courriel: Run) -> None:
    arguments = ("send", "--queue", "--outbox", "o.db", "--from", "ada@example.org", "--to", "bob@example.org",
                 "--text", "x", "--via", "smtps://ada@smtp.example.org?password=env:MAIL_WORD")  # fmt: skip

    assert courriel(*arguments).status == 64
    assert courriel(*arguments, "--allow-secret-references").status == 0
    assert courriel("outbox", "stats", "--outbox", "o.db", "--json").json["counts"][0]["mails"] == 1


# Keeping the file.


def test_an_outbox_is_backed_up_and_restored_and_what_waits_is_in_doubt(
    courriel: Run, via: Sandbox, tmp_path: Path
) -> None:
    mail = queue(courriel)
    copy, again = str(tmp_path / "copy.db"), str(tmp_path / "again.db")

    backup = courriel("outbox", "backup", copy)
    twice = courriel("outbox", "backup", copy)
    restored = courriel("outbox", "restore", copy, "--outbox", again, "--lang", "fr")
    over = courriel("outbox", "restore", copy)
    shown = courriel("outbox", "show", mail, "--outbox", again)
    moved = courriel("outbox", "restore", copy, "--outbox", f"{again}2", "--nothing-sent-since", "--json")

    assert (backup.status, backup.out) == (0, f"{copy}\n")
    assert twice.status == over.status == 64
    assert "is there" in twice.err
    assert "is there" in over.err
    assert restored.out == f"{again} : 1 message incertain\n"
    assert "waiting, in doubt" in shown.out
    assert moved.json["unsure"] == 0


def test_findings_of_check_are_reported_and_fail_the_command(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    queue(courriel)
    well = courriel("outbox", "check")
    with sqlite3.connect(tmp_path / "outbox.db") as plain:
        plain.execute("DELETE FROM outbox_body")
    plain.close()

    ill, json = courriel("outbox", "check", "--lang", "fr"), courriel("outbox", "check", "--json")

    assert (well.status, well.out) == (0, "All is well.\n")
    assert ill.status == 65
    assert ill.out.startswith("messages en attente au contenu incomplet : 1 (")
    assert json.json["findings"][0]["kind"] == "incomplete"
    assert not json.json["ok"]


def test_every_finding_has_its_words_in_both_languages() -> None:
    kinds = set(re.findall(r'"(\w+)"\s+\(', IntegrityFinding.__doc__ or ""))

    assert kinds == set(keeping.FINDINGS)


def test_an_outbox_is_compacted(courriel: Run, via: Sandbox) -> None:
    queue(courriel)

    ran, json = courriel("outbox", "compact"), courriel("outbox", "compact", "--json")

    assert ran.status == 0
    assert "octets before" in ran.out
    assert json.json["after"] <= json.json["before"]


# What workers have in hand.


def take(place: Path, count: int, *, known: bool = True) -> None:
    """Lease mails for a worker that is gone: proved by its lock file, or one of another machine."""
    from courriel.outbox.store.facts import WorkerInfo
    from courriel.outbox.work.liveness import BESIDE, WorkerLock

    with Outbox(place, elsewhere=True) as outbox:
        store = store_of(outbox)
        if known:
            lock = WorkerLock.make(str(place), "there:7/abc")
            assert lock is not None
            store.enlist(WorkerInfo("there:7/abc", BESIDE, lock.inode, ""))
            lock.close()
        assert len(store.claim(outbox.lanes()[0].name, count, lease=600, holder="there:7/abc").jobs) == count


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "gone", "unseen"),
    [
        (
            "en",
            "taken by a worker that is gone (there:7), back at ",
            "taken by a worker that cannot be seen from here (there:7); if it is gone, back at ",
        ),
        (
            "fr",
            "pris par un processus d'envoi disparu (there:7), de retour à ",
            "pris par un processus d'envoi invisible d'ici (there:7) ; s'il a disparu, de retour à ",
        ),
    ],
)
def test_mails_leased_by_a_dead_worker_are_reported(
    courriel: Run, via: Sandbox, tmp_path: Path, language: str, gone: str, unseen: str
) -> None:
    mail = queue(courriel)
    take(tmp_path / "outbox.db", 1)

    for command in (("stats",), ("show", mail)):
        assert gone in courriel("outbox", *command, "--lang", language).out

    assert courriel("worker", "--once", "--json").objects[-1]["sent"] == 1
    mail = queue(courriel)
    take(tmp_path / "outbox.db", 1, known=False)

    for words in (("outbox", "stats"), ("outbox", "show", mail), ("worker", "--once")):
        assert unseen in courriel(*words, "--lang", language).out
    (taken,) = courriel("outbox", "stats", "--json").json["in_hand"]
    assert (taken["worker"], taken["life"], taken["mails"]) == ("there:7", "unseen", 1)
    assert courriel("outbox", "show", mail, "--json").json["in_hand"] == [taken]
