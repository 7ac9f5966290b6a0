"""`courriel inbox`, with the practice server (POP3) and a fake IMAP server; both languages, JSON, exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.conftest import Ran
from courriel import Message, Sandbox, failures, send
from session.imap_stranger import imap_server
from session.stranger import stranger

Run = Callable[..., Ran]

ONE = "Subject: =?utf-8?q?=C3=89t=C3=A9?=\nFrom: Ada <ada@example.org>\nDate: Tue, 24 Nov 2026 10:00:00 +0100\n\n"
WHOLE = ONE + "Bonjour.\x1b[31m\n"


def told(what: str, octets: str) -> str:
    size = len(octets.replace("\n", "\r\n"))
    return (
        f"* 1 FETCH (UID 3 FLAGS (\\Flagged) RFC822.SIZE {len(WHOLE.replace(chr(10), chr(13) + chr(10)))} "
        f"BODY[{what}] {{{size}}}\n{octets})\n"
    )


@pytest.fixture
def imap() -> Iterator[str]:
    """The URL of a mailbox with one letter, number 3."""

    def fetch(phone: object, tag: str, command: str) -> None:
        if " 3 " not in f"{command} ":
            phone.say(f"{tag} OK nothing")  # type: ignore[attr-defined]
        elif "HEADER" in command:
            phone.say(told("HEADER", ONE) + f"{tag} OK")  # type: ignore[attr-defined]
        else:
            phone.say(told("", WHOLE) + f"{tag} OK")  # type: ignore[attr-defined]

    with stranger(imap_server(UID_SEARCH="* SEARCH 3\n{tag} OK", UID_FETCH=fetch)) as server:
        yield f"imap://ada:any@127.0.0.1:{server.port}"


@pytest.fixture
def pop() -> Iterator[str]:
    """The URL of a mailbox with two letters."""
    with Sandbox() as sandbox:
        for subject in ("one", "two"):
            message = Message(sender="ada@example.org", to="bob@example.org", subject=subject, text="Bonjour.")
            send(message, via=sandbox.url)
        yield sandbox.pop_url.replace("://", "://bob%40example.org:any@")


def test_a_mailbox_is_listed_by_imap(courriel: Run, imap: str) -> None:
    ran = courriel("inbox", imap)

    assert ran.status == 0
    assert ran.out == f"     3 • 2026-11-24 10:00  {'Ada <ada@example.org>':<30}  Été\n"


def listed(uids: str) -> Callable[[object, str, str], None]:
    """Fields of these letters; each answers the one before it."""

    def fetch(phone: object, tag: str, command: str) -> None:
        for uid in uids.split():
            fields = f"Subject: {uid}\nMessage-ID: <{uid}@x>\nReferences: <{int(uid) - 1}@x>\n\n"
            size = len(fields) + fields.count("\n")
            phone.say(f"* {uid} FETCH (UID {uid} FLAGS () RFC822.SIZE 9 BODY[HEADER] {{{size}}}\n{fields})")  # type: ignore[attr-defined]
        phone.say(f"{tag} OK")  # type: ignore[attr-defined]

    return fetch


@pytest.mark.parametrize(("language", "words"), [("en", "sorted here: the server"), ("fr", "trié ici : le serveur")])
def test_letters_are_sorted_on_request(courriel: Run, language: str, words: str) -> None:
    with stranger(imap_server(UID_SEARCH="* SEARCH 3 4 5\n{tag} OK", UID_FETCH=listed("3 4 5"))) as server:
        ran = courriel(
            "inbox", f"imap://ada:any@127.0.0.1:{server.port}", "list", "--sort", "-subject", "--lang", language
        )

    assert ran.status == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["5", "4", "3"]
    assert words in ran.err


def test_conversations_are_listed_on_request(courriel: Run) -> None:
    with stranger(imap_server(UID_SEARCH="* SEARCH 3 4 5\n{tag} OK", UID_FETCH=listed("3 4 5"))) as server:
        url = f"imap://ada:any@127.0.0.1:{server.port}"
        ran = courriel("inbox", url, "list", "--threads")
        as_json = courriel("inbox", url, "list", "--threads", "--json")

    lines = ran.out.splitlines()
    assert [line[-1] for line in lines] == ["3", "4", "5"]
    assert [len(line) - len(lines[0]) for line in lines] == [0, 2, 4]
    assert [(told["number"], told["answers"], told["level"]) for told in map(json.loads, as_json.out.splitlines())] == [
        (3, None, 0),
        (4, 3, 1),
        (5, 4, 2),
    ]


def test_a_mailbox_is_listed_by_pop3(courriel: Run, pop: str) -> None:
    ran = courriel("inbox", pop, "list", "--json", "--last", "1")

    assert ran.status == 0
    assert (ran.json["number"], ran.json["subject"], ran.json["from"]) == (2, "two", "ada@example.org")
    assert ran.json["flags"] is None


def test_a_letter_is_shown_and_cannot_steer_the_terminal(courriel: Run, imap: str) -> None:
    ran = courriel("inbox", imap, "show", "3")

    assert ran.status == 0
    assert "Subject: Été" in ran.out
    assert "Bonjour." in ran.out
    assert "\x1b" not in ran.out


def test_invisible_characters_in_a_letter_are_escaped(courriel: Run) -> None:
    hidden = "a\u202eb\u061cc\u00add\U000e0041"
    with Sandbox() as sandbox:
        send(Message(sender="ada@example.org", to="bob@example.org", subject=hidden, text=hidden), via=sandbox.url)
        url = sandbox.pop_url.replace("://", "://bob%40example.org:any@")
        people = [courriel("inbox", url, *words) for words in (["list"], ["show", "1"])]
        programs = [courriel("inbox", url, *words, "--json") for words in (["list"], ["show", "1"])]

    assert all(r"a\u202eb\u061cc\xadd\U000e0041" in ran.out for ran in people)
    assert all(ran.json["subject"] == hidden for ran in programs)
    assert all(ran.out.rstrip("\n").isprintable() for ran in programs)


def test_a_letter_is_shown_as_json(courriel: Run, pop: str) -> None:
    ran = courriel("inbox", pop, "show", "1", "--json")

    assert ran.json["text"].strip() == "Bonjour."
    assert ran.json["attachments"] == []


def test_letters_are_saved_and_never_over_a_file(courriel: Run, pop: str, tmp_path: Path) -> None:
    first = courriel("inbox", pop, "save", "1", "2", "--to", str(tmp_path / "mail"))
    again = courriel("inbox", pop, "save", "1", "--to", str(tmp_path / "mail"))

    assert first.status == 0
    assert first.out.splitlines() == [str(tmp_path / "mail" / f"00000{number}.eml") for number in (1, 2)]
    assert b"Subject: one" in (tmp_path / "mail" / "000001.eml").read_bytes()
    assert again.status == 74


@pytest.mark.parametrize("url", ["imap", "pop"])
@pytest.mark.parametrize(("language", "words"), [("fr", "il n'y a pas de message 9"), ("en", "there is no letter 9")])
def test_a_letter_that_is_not_there_is_told(
    courriel: Run, request: pytest.FixtureRequest, url: str, language: str, words: str
) -> None:
    ran = courriel("inbox", request.getfixturevalue(url), "show", "9", "--lang", language)

    assert ran.status == 66
    assert words in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show",), "which letters? give their numbers"),
        (("list", "3"), "list takes no number"),
        (("steal",), "possible values: list, show, save, part, watch, folders, sync"),
        (("part", "3", "2"), "the number of a letter lists its parts"),
        (("part", "3", "--to", "x"), "the number of a letter lists its parts"),
        (("list", "--mark", "x"), "--mark goes with sync alone"),
        (("show", "3", "--threads"), "--sort and --threads go with list alone"),
        (("list", "--sort", "date", "--threads"), "--sort or --threads, not both"),
        (("list", "--sort", "colour"), "--sort: received, date, sender"),
        (("list", "--since", "yesterday"), "a date is expected, as 2026-11-30"),
    ],
)
def test_a_usage_error_is_reported_before_connecting(courriel: Run, arguments: tuple[str, ...], words: str) -> None:
    ran = courriel("inbox", "imaps://ada:any@imap.invalid", *arguments)

    assert ran.status == 64
    assert words in ran.err


def test_pop3_cannot_search_and_says_so(courriel: Run) -> None:
    ran = courriel("inbox", "pops://ada:any@pop.invalid", "list", "--unseen")

    assert ran.status == 64
    assert "POP3 can neither search" in ran.err


def test_a_url_for_sending_is_refused(courriel: Run) -> None:
    ran = courriel("inbox", "smtps://ada@smtp.invalid", "list")

    assert ran.status == 64
    assert "imaps://" in ran.err


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_refused_login_has_its_exit_status_and_its_advice(courriel: Run, language: str) -> None:
    with stranger(imap_server(AUTHENTICATE="{tag} NO [AUTHENTICATIONFAILED] no")) as server:
        ran = courriel("inbox", f"imap://ada:hunter2@127.0.0.1:{server.port}", "list", "--lang", language)

    assert ran.status == 77
    assert "IMAP-LOGIN-REFUSED" in ran.err
    assert "hunter2" not in ran.err + ran.out
    assert ("mot de passe" if language == "fr" else "password") in ran.err
    failures.speak(None)


def test_the_conversation_is_shown_without_the_secret(courriel: Run, imap: str) -> None:
    ran = courriel("inbox", imap, "show", "3", "--transcript")

    assert "UID FETCH 3" in ran.err
    assert "(not shown: a secret)" in ran.err
    assert "Bonjour" not in ran.err


def test_folders_are_listed(courriel: Run) -> None:
    told = '* LIST (\\Sent) "/" "Envoy&AOk-s"\n* LIST (\\Noselect) "/" "a\x1bb"\n{tag} OK'
    with stranger(imap_server(LIST=told)) as server:
        url = f"imap://ada:any@127.0.0.1:{server.port}"
        people, programs = courriel("inbox", url, "folders"), courriel("inbox", url, "folders", "--json")

    assert people.out == "Envoyés  (sent)\na\\x1bb\n"
    first, second = map(json.loads, programs.out.splitlines())
    assert first == {"name": "Envoyés", "special": "sent", "separator": "/", "selectable": True}
    assert second["selectable"] is False


def test_what_has_changed_is_told_since_the_last_time(courriel: Run, tmp_path: Path) -> None:
    letters = {3: "", 4: "\\Seen"}

    def fetch(phone: object, tag: str, command: str) -> None:
        for uid, flags in letters.items():
            body = f" BODY[HEADER] {{{len(ONE) + 4}}}\n{ONE}" if "HEADER" in command else ""
            phone.say(f"* 1 FETCH (UID {uid} FLAGS ({flags}){body})")  # type: ignore[attr-defined]
        phone.say(f"{tag} OK")  # type: ignore[attr-defined]

    def search(phone: object, tag: str, command: str) -> None:
        phone.say(f"* SEARCH {' '.join(map(str, letters))}\n{tag} OK")  # type: ignore[attr-defined]

    with stranger(imap_server(UID_SEARCH=search, UID_FETCH=fetch)) as server:
        sync = ("inbox", f"imap://ada:any@127.0.0.1:{server.port}", "sync", "--mark", str(tmp_path / "mark"))
        first = courriel(*sync, "--json")
        letters[3] = "\\Flagged"
        del letters[4]
        second = courriel(*sync, "--lang", "en")
        third = courriel(*sync)

    assert [json.loads(line)["change"] for line in first.out.splitlines()] == ["new", "new"]
    assert second.out == "     4   gone\n     3   flagged\n"
    assert (third.status, third.out) == (0, "")
    assert not (tmp_path / ".mark.new").exists()
    assert (tmp_path / "mark").exists()


STRUCTURE = (
    '(("text" "plain" NIL NIL NIL "7bit" 8 1)("application" "pdf" NIL NIL NIL "base64" 12 NIL '
    '("attachment" ("filename" "a.pdf"))) "mixed")'
)
MIME = (
    "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
    "Content-Disposition: attachment; filename=a.pdf\n\n"
)


@pytest.fixture
def parted() -> Iterator[tuple[str, list[str]]]:
    """The URL of a mailbox whose letter 3 has two parts, and what was asked of it."""
    heard: list[str] = []

    def fetch(phone: object, tag: str, command: str) -> None:
        heard.append(command)
        if " 3 " not in f"{command} ":
            said = ""
        elif "BODYSTRUCTURE" in command:
            said = f"* 1 FETCH (UID 3 BODYSTRUCTURE {STRUCTURE})\n"
        elif "MIME" in command:
            length = len(MIME.replace("\n", "\r\n"))
            said = f'* 1 FETCH (UID 3 BODY[1.MIME] "" BODY[2.MIME] {{{length}}}\n{MIME})\n'
        elif "BODY.PEEK[2]" in command:
            said = "* 1 FETCH (UID 3 BODY[2] {12}\nSW52b2ljZSE=)\n"
        else:
            said = told("HEADER", ONE)
        phone.say(f"{said}{tag} OK")  # type: ignore[attr-defined]

    with stranger(imap_server(UID_FETCH=fetch)) as server:
        yield f"imap://ada:any@127.0.0.1:{server.port}", heard


def test_one_part_is_written_without_the_rest(courriel: Run, parted: tuple[str, list[str]], tmp_path: Path) -> None:
    url, heard = parted
    file = tmp_path / "invoice.pdf"

    ran = courriel("inbox", url, "part", "3", "2", "--to", str(file), "--json")
    again = courriel("inbox", url, "part", "3", "2", "--to", str(file))

    assert (ran.status, ran.json["size"]) == (0, 8)
    assert file.read_bytes() == b"Invoice!"
    assert again.status != 0
    assert not any("PEEK[]" in command or "PEEK[1]" in command for command in heard)


def test_the_parts_of_a_letter_are_listed(courriel: Run, parted: tuple[str, list[str]]) -> None:
    ran = courriel("inbox", parted[0], "part", "3")

    assert ran.status == 0
    assert [line.split() for line in ran.out.splitlines()] == [
        ["1", "8", "text/plain"], ["2", "12", "application/pdf", "a.pdf"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "words"), [(("3", "9"), "letter 3 has no part 9"), (("4", "1"), "there is no letter 4")]
)
def test_a_part_that_does_not_exist_is_told(
    courriel: Run, parted: tuple[str, list[str]], tmp_path: Path, numbers: tuple[str, ...], words: str
) -> None:
    ran = courriel("inbox", parted[0], "part", *numbers, "--to", str(tmp_path / "x"), "--lang", "en")

    assert ran.status == 66
    assert words in ran.err
    assert not (tmp_path / "x").exists()


def test_pop3_gives_no_part_alone_and_says_so(courriel: Run, pop: str) -> None:
    ran = courriel("inbox", pop, "part", "1")

    assert ran.status != 0
    assert "POP3 cannot give one part alone" in ran.err


def test_pop3_knows_no_folders_and_says_so(courriel: Run, pop: str) -> None:
    ran = courriel("inbox", pop, "folders")

    assert ran.status != 0
    assert "POP3 has no folders" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watching_tells_each_letter_and_ends_when_it_is_asked_to(number: signal.Signals) -> None:
    answers = iter(["* SEARCH 3\n{tag} OK", "* SEARCH\n{tag} OK", "* SEARCH\n{tag} OK"])

    def search(phone: object, tag: str, command: str) -> None:
        phone.say(next(answers).replace("{tag}", tag))  # type: ignore[attr-defined]

    def idle(phone: object, tag: str, command: str) -> None:
        phone.say("+ idling")  # type: ignore[attr-defined]
        phone.receive()  # type: ignore[attr-defined]
        phone.say(f"{tag} OK done")  # type: ignore[attr-defined]

    selected = "* OK [UIDVALIDITY 7] ok\n* OK [UIDNEXT 3] ok\n{tag} OK selected"
    act = imap_server(UID_SEARCH=search, IDLE=idle, UID_FETCH=told("HEADER", ONE) + "{tag} OK", SELECT=selected)
    with stranger(act) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "courriel", "inbox", f"imap://ada:any@127.0.0.1:{server.port}", "watch", "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)

    assert (first["number"], first["subject"]) == (3, "Été")
    assert rest == ""
    assert process.returncode == 0
