"""Odd messages and callers of sendmail: what it answers with status 0, the service of the drop folder takes."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from courriel import Outbox
from courriel.integrations.sendmail import header, program, quota, text
from courriel.integrations.sendmail.drain import DropService
from courriel.integrations.sendmail.smtp_input import SmtpInput

BOB = "bob@example.org"
MOST = 10_000  # octets of a mail that the outbox takes
Run = Callable[[list[str], bytes], tuple[int, str]]
"""Runs sendmail in this process: arguments and standard input to its status, and the mail that the service took."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "spool" / "drop"
    place.mkdir(parents=True)
    place.chmod(0o3733)
    return place


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    for name in ("COURRIEL_OUTBOX", "COURRIEL_URL", "COURRIEL_CONFIG", "NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COURRIEL_DROP", str(folder))
    with Outbox(tmp_path / "service.db", elsewhere=True, max_size=MOST) as outbox:
        service = DropService(folder, outbox)

        def act(arguments: list[str], raw: bytes) -> tuple[int, str]:
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
            status = program.main("sendmail", arguments)
            assert (status, len(list(folder.iterdir()))) in ((0, 1), (64, 0), (65, 0))
            if status:
                return status, ""
            assert service.run_once() == 1, [file.read_bytes() for file in folder.parent.glob("drop-refused/*")]
            *_, mail = outbox.list()
            return status, outbox.get(mail.id).content().decode()

        yield act


@pytest.mark.parametrize(
    ("options", "raw"),
    [
        ([], b"X-A: " + b"a" * 3000 + b"\n\nx\n"),
        ([], b"X-A :" + b"a" * 3000 + b"\n\nx\n"),
        ([], b"Message-ID: <" + b"a" * 3000 + b"@x>\n\nx\n"),
        ([], b"Subject: " + "é".encode() * 2000 + b"\n\nx\n"),
        ([], b"X" * 3000 + b": y\n\nx\n"),
        ([], b"Subject: x" + b" " * 3000 + b"\n\nx\n"),
        ([], b"Subject: x\n \n\t\ny\n"),
        (["-F", "é" * 2000], b"\nx\n"),
        (["-V", "order-1"], b"\nx\n"),
    ],
    ids=["word", "colon", "id", "accents", "name", "spaces", "folds", "-F", "-V"],
)
def test_what_is_answered_with_0_is_taken_by_the_service(run: Run, options: list[str], raw: bytes) -> None:
    status, _ = run([*options, BOB], raw)

    assert status == 0


@pytest.mark.parametrize("octet", [b"\n", b"\0", b"\r", b"x\r\n"])
@pytest.mark.parametrize("most", [3_000, 3_900, 4_100, 5_900, 9_900, 12_000])
def test_what_becomes_too_large_on_its_way_is_refused_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, octet: bytes, most: int
) -> None:
    monkeypatch.setattr(text, "MOST_OCTETS", MOST)

    run([BOB], b"Subject: x\n\n" + octet * (most // len(octet)))


@pytest.mark.parametrize("envid", ["a b", "é", "x" * 101, "a\r\nb"])
def test_an_envelope_id_that_no_server_takes_is_refused_at_once(run: Run, envid: str) -> None:
    assert run(["-V", envid, BOB], b"\nx\n") == (64, "")


def test_more_fields_than_an_outbox_takes_are_refused_at_once(run: Run) -> None:
    assert run([BOB], b"X: y\n" * 2001 + b"\nx\n") == (65, "")


def test_a_carriage_return_within_a_field_begins_no_other_field(run: Run) -> None:
    _, mail = run([BOB], b"Subject: x\rReply-To: eve@example.org\n\nHello.\n")

    assert "\r\nSubject: x Reply-To: eve@example.org\r\n" in mail


@pytest.mark.parametrize(
    ("value", "recipients", "written"),
    [
        ("Team: a@b.org, root;, g@h.org", ["a@b.org", "root@vm", "g@h.org"], "Team: a@b.org, root@vm; , g@h.org"),
        ('"Cron, Daemon" <root>', ["root@vm"], '"Cron, Daemon" <root@vm>'),
        ("root (Cron, Daemon)", ["root@vm"], '"Cron, Daemon" <root@vm>'),
        ("a@b.org,, root,", ["a@b.org", "root@vm"], "a@b.org, , root@vm,"),
        ("a@b.org; c@d.org", ["a@b.org", "c@d.org"], None),
        ('"a,b;c"@b.org', ['"a,b;c"@b.org'], None),
        ("undisclosed-recipients:;", [], None),
        ("Bob <a@b.org>\\, x", None, None),
    ],
)
def test_lists_of_addresses_as_programs_write_them(
    value: str, recipients: list[str] | None, written: str | None
) -> None:
    field = f"To: {value}\n".encode()

    (found,) = header.qualified([field], lambda name: f"{name}@vm")

    assert found == field if written is None else found.decode().split() == f"To: {written}".split()
    if recipients is not None:
        assert header.recipients_of([found]) == recipients


def test_pieces_of_a_list_are_the_list() -> None:
    value = 'Team: "a, (b" <x@y.org>, c (d, "e;) f), <@a,@b:g@h.org>;, \\" i,,'

    pieces = header.split_addresses(value)

    assert "".join(piece + mark for piece, mark in pieces) == value
    assert len(pieces) == 8


# SMTP on standard input.


def said(dialogue: bytes) -> tuple[list[str], list[tuple[str, list[str], bytes]]]:
    """The answers to a dialogue, and the mails that it handed over."""
    mails: list[tuple[str, list[str], bytes]] = []
    answers = io.BytesIO()

    def deliver(sender: str, recipients: list[str], pieces: Iterator[bytes]) -> None:
        mails.append((sender, recipients, b"".join(pieces)))

    SmtpInput(io.BytesIO(dialogue), answers, "vm", deliver).serve()
    return answers.getvalue().decode().splitlines()[1:], mails


def test_a_dot_between_other_line_ends_than_those_of_the_commands_ends_no_message() -> None:
    begin = b"MAIL FROM:<a@b.org>\r\nRCPT TO:<c@d.org>\r\nDATA\r\n"

    _, mails = said(begin + b"x\n.\nMAIL FROM:<eve@b.org>\r\nRCPT TO:<c@d.org>\r\n..\n.\r\n.\r\nQUIT\r\n")

    ((sender, _, content),) = mails
    assert sender == "a@b.org"
    assert content == b"x\n.\nMAIL FROM:<eve@b.org>\r\nRCPT TO:<c@d.org>\r\n.\n.\r\n"


def test_line_ends_of_a_client_that_sends_line_feeds_alone() -> None:
    answers, mails = said(b"MAIL FROM:<>\nRCPT TO:<c@d.org>\nDATA\nx\n..\n.\nQUIT\n")

    assert mails == [("", ["c@d.org"], b"x\n.\n")]
    assert answers[-1].startswith("221 ")


def test_the_end_of_a_command_that_is_too_long_is_no_command() -> None:
    answers, _ = said(b"RCPT TO:<" + b"a" * (2048 - 9) + b"NOOP\r\nQUIT\r\n")

    assert [answer[:3] for answer in answers] == ["500", "221"]


def test_a_recipient_that_is_none_costs_the_others_nothing() -> None:
    answers, mails = said(b"MAIL FROM:<a@b.org>\r\nRCPT TO:<@@>\r\nRCPT TO:<c@d.org>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")

    assert [answer[:3] for answer in answers] == ["250", "553", "250", "354", "250", "221"]
    assert [recipients for _, recipients, _ in mails] == [["c@d.org"]]


# The quota, and a service that fails.


def test_the_quota_outlives_the_service(run: Run, folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert run([BOB], b"\nx\n")[0] == 0
    with Outbox(tmp_path / "service.db", elsewhere=True) as outbox:
        assert program.main("sendmail", [BOB]) == 0
        assert DropService(folder, outbox, quota=2).run_once() == 0

        assert DropService(folder, outbox, quota=3).run_once() == 1


def test_a_clock_that_was_set_back_keeps_the_quota_for_an_hour(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = folder.with_name("drop-quota")
    journal.write_text(f"{time.time() + 86_400:.0f} 7\n{time.time() - 3601:.0f} 8\n12 9\nx 8\n7 7 7\n8\n\n")
    found = quota.HourlyQuota(1, journal)
    assert (found.allows(7), found.allows(8), found.allows(9)) == (False, True, True)

    later = time.monotonic() + 3601
    monkeypatch.setattr(time, "monotonic", lambda: later)

    assert found.allows(7)
    found.close()


def test_a_journal_that_is_a_link_is_not_followed(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "precious"
    target.write_text("x")
    folder.with_name("drop-quota").symlink_to(target)

    with caplog.at_level(logging.WARNING, "courriel.drop"):
        found = quota.HourlyQuota(1, folder.with_name("drop-quota"))

    assert found.allows(7)
    found.count(7)
    assert not found.allows(7)
    assert target.read_text() == "x"
    assert [getattr(record, "action", "") for record in caplog.records] == ["drop_quota_unwritten", "drop_quota"]


def test_a_mail_that_makes_the_service_fail_stays_and_stops_no_other(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for subject in (b"poison", b"good"):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"Subject: " + subject + b"\n\n")))
        assert program.main("sendmail", [BOB]) == 0
    with Outbox(tmp_path / "service.db", elsewhere=True) as outbox:
        service = DropService(folder, outbox)
        put = service._put  # noqa: SLF001

        def failing(content: bytes, *rest: object) -> str:
            if b"poison" in content:
                raise ZeroDivisionError("a mistake of ours")
            return put(content, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(service, "_put", failing)

        with pytest.raises(ZeroDivisionError):
            service.run_once()

        assert b"good" in b"".join(outbox.get(mail.id).content() for mail in outbox.list())
    (left,) = folder.iterdir()
    assert b"poison" in left.read_bytes()
