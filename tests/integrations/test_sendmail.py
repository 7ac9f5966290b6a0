"""Our sendmail: its options, what it makes of a message, and what it refuses; as processes where that matters."""

from __future__ import annotations

import io
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from courriel import errors
from courriel.integrations.sendmail import aliases, header, options, text
from integrations.sendmail_process import Sendmail

CRON = b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@vm> backup\n\n12 files\n"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("-t", {"from_header": True}),
        ("-ti", {"from_header": True, "dot_ends": False}),
        ("-oi", {"dot_ends": False}),
        ("-o i", {"dot_ends": False}),
        ("-fada@example.org bob@x", {"sender": "ada@example.org", "recipients": ["bob@x"]}),
        ("-f ada@example.org bob@x", {"sender": "ada@example.org", "recipients": ["bob@x"]}),
        ("-r ada@example.org -Fada bob@x", {"sender": "ada@example.org", "name": "ada"}),
        ("-itf <>", {"from_header": True, "dot_ends": False, "sender": ""}),
        ("-f", None),
        ("-FCronDaemon -i -B8BITMIME -oem root", {"name": "CronDaemon", "recipients": ["root"]}),
        ("-N failure,delay -R hdrs -V id1 bob@x", {"notify": ("failure", "delay"), "ret": "hdrs", "envid": "id1"}),
        ("-N never bob@x", {"notify": ("never",)}),
        ("-N sometimes bob@x", None),
        ("-R all bob@x", None),
        ("-B 9bit bob@x", None),
        ("-oxyz -oQ/tmp -om -odi -o7 -ee -v -n -m -G -U bob@x", {"recipients": ["bob@x"]}),
        ("-Am -Ac -h 20 -L tag -X log -O Timeout=1 -OQueueDirectory=/tmp bob@x", {"recipients": ["bob@x"]}),
        ("-bm bob@x", {"mode": options.SEND}),
        ("-b m bob@x", {"mode": options.SEND}),
        ("-bs", {"mode": options.SMTP}),
        ("-bp", {"mode": options.LIST}),
        ("-q", {"mode": options.RUN}),
        ("-q30m", {"mode": options.RUN}),
        ("-qRexample.org", {"mode": options.RUN}),
        ("-bi", {"mode": options.ALIASES}),
        ("-bv root", {"mode": options.VERIFY}),
        ("-bd", None),
        ("-Z", None),
        ("--queue", None),
        ("--now bob@x", {"now": True, "recipients": ["bob@x"]}),
        ("-- -oQ@example.org", {"recipients": ["-oQ@example.org"]}),
        ("bob@x -t@example.org", {"recipients": ["bob@x", "-t@example.org"], "from_header": False}),
        ("bob@x -t", None),
        ("-- -X/tmp/log", None),
    ],
)
def test_the_table_of_options(words: str, wanted: dict[str, object] | None) -> None:
    if wanted is None:
        with pytest.raises(errors.UsageError):
            options.parse("sendmail", words.split())
        return

    found = options.parse("sendmail", words.split())

    assert {name: getattr(found, name) for name in wanted} == wanted


def test_the_name_of_the_program_is_its_mode() -> None:
    assert options.parse("mailq", []).mode == options.LIST
    assert options.parse("newaliases", []).mode == options.ALIASES


# The text.


def lines(raw: bytes, *, dot_ends: bool = True) -> bytes:
    return b"".join(text.lines_of(text.pieces_of(io.BytesIO(raw)), dot_ends=dot_ends))


@pytest.mark.parametrize(
    ("raw", "taken"),
    [(b"a\n.\nb\n", b"a\n"), (b"a\r\n.\r\nb", b"a\r\n"), (b"a\n.", b"a\n"), (b"a\n..\nb\n", b"a\n..\nb\n"),
     (b"a\n. \nb\n", b"a\n. \nb\n"), (b"no end", b"no end"), (b"a\0b\n", b"a\\0b\n"), (b"", b"")],
)  # fmt: skip
def test_a_dot_alone_ends_the_message(raw: bytes, taken: bytes) -> None:
    assert lines(raw) == taken


def test_a_dot_within_a_line_that_is_longer_than_a_piece_ends_nothing() -> None:
    raw = b"x" * text.LONGEST_HEADER + b".\nrest\n"

    assert lines(raw) == raw


def test_without_the_dot_everything_is_taken() -> None:
    assert lines(b"a\n.\nb\n", dot_ends=False) == b"a\n.\nb\n"


def test_a_line_that_no_server_takes_is_broken_and_no_character_is() -> None:
    taken = b"".join(text.mended(text.lines_of(io.BytesIO("é".encode() * 300_000 + b"\n.\n"), dot_ends=True)))

    assert max(map(len, taken.split(b"\n"))) <= text.LONGEST_LINE
    assert taken.replace(b"\n", b"").decode() == "é" * 300_000


def test_a_header_line_of_many_addresses_is_folded_between_them() -> None:
    addresses = [f"user{number}@example.org" for number in range(500)]

    for separator in (",", ", "):
        (field,) = text.folded([f"To: {separator.join(addresses)}\n".encode()])
        assert max(map(len, field.split(b"\n"))) <= text.LONGEST_LINE
        assert header.recipients_of([field]) == addresses


def test_a_text_without_a_header_is_the_body() -> None:
    fields, first = text.header_of(iter([b"Hello you\n", b"x: y\n"]))

    assert (fields, first) == ([], [b"Hello you\n"])


def test_local_names_in_the_header_get_a_domain_and_nothing_else_is_touched() -> None:
    fields = [b"From: root (Cron Daemon)\n", b"To: root, Ada <ada>,\n bob@example.org\n", b"Subject: root\n",
              b'Cc: "a, b" <c@example.org>\n', b"Reply-To: list:;\n"]  # fmt: skip

    found = header.qualified(fields, lambda name: f"{name}@vm.example.org")

    assert found == [
        b'From: "Cron Daemon" <root@vm.example.org>\n',
        b"To: root@vm.example.org,\n Ada <ada@vm.example.org>,\n bob@example.org\n",
        *fields[2:],
    ]


def test_aliases_name_addresses_and_run_nothing(tmp_path: Path) -> None:
    file = tmp_path / "aliases"
    file.write_text(
        "# who gets what\nroot: ada,\n  bob@example.org\nada: ada@example.org\npostmaster: root\n"
        "evil: |/bin/sh, /etc/passwd, :include:/etc/shadow\nloop: loop2\nloop2: loop\n"
    )

    known = aliases.read_aliases([tmp_path / "missing", file])

    assert aliases.expand("Postmaster", known) == ["ada@example.org", "bob@example.org"]
    assert aliases.expand("evil", known) == ["evil"]
    assert aliases.expand("root@example.com", known) == ["root@example.com"]
    assert aliases.expand("loop", known)


# The command.


@pytest.mark.slow
def test_a_mail_of_cron_goes_to_the_alias_of_root_from_the_profile(sendmail: Sendmail) -> None:
    config = sendmail.folder / "home" / ".config" / "courriel"
    config.mkdir(parents=True)
    (config / "aliases").write_text("root: ada@example.org\n")

    ran = sendmail.run(["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"], CRON)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    ((sender, recipients, content),) = sendmail.contents()
    assert (sender, recipients) == ("box@example.org", ("ada@example.org",))
    assert '\r\nFrom: "Cron Daemon" <root@example.org>\r\n' in f"\r\n{content}"
    assert "\r\nDate: " in content
    assert "\r\nMessage-ID: <" in content


@pytest.mark.slow
def test_recipients_of_the_header_are_added_and_bcc_is_removed(sendmail: Sendmail) -> None:
    ran = sendmail.run(
        ["-t", "-F", "Ada Lovelace", "dora@example.org"],
        b"To: bob@example.org\nBcc: eve@example.org\nSubject: \xe9t\xe9\n\nHello.\n.\nnot this\n",
    )

    assert ran.returncode == 0, ran.stderr
    ((_, recipients, content),) = sendmail.contents()
    assert recipients == ("dora@example.org", "bob@example.org", "eve@example.org")
    assert "eve" not in content
    assert 'From: "Ada Lovelace" <box@example.org>' in content
    assert "Subject: =?utf-8?" in content
    assert "not this" not in content


@pytest.mark.slow
def test_delivery_reports_and_the_null_sender_reach_the_server(sendmail: Sendmail) -> None:
    sendmail.run(["-f", "", "-N", "failure", "-R", "hdrs", "-V", "id7", "bob@example.org"])

    (letter,) = sendmail.sent()
    assert letter.sender == ""
    assert letter.delivery is not None
    assert letter.delivery.origin.envid == "id7"


@pytest.mark.slow
def test_now_sends_at_once(sendmail: Sendmail) -> None:
    ran = sendmail.run(["--now", "bob@example.org"])

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert [letter.recipients for letter in sendmail.sandbox.letters] == [("bob@example.org",)]


@pytest.mark.slow
def test_now_says_that_the_server_has_refused_it(sendmail: Sendmail) -> None:
    sendmail.sandbox.refuse("bob@example.org")

    ran = sendmail.run(["--now", "bob@example.org"])

    assert ran.returncode not in (0, 75)
    assert b"no such user" in ran.stderr


@pytest.mark.slow
def test_settings_of_a_project_are_never_read(sendmail: Sendmail) -> None:
    for place in (sendmail.folder / "here", sendmail.folder):
        (place / "courriel.toml").write_text(
            'url = "smtp://evil.example.org"\nfrom = "evil@example.org"\noutbox = "x.db"\n'
        )
    outbox = {"COURRIEL_OUTBOX": "", "XDG_STATE_HOME": str(sendmail.folder / "state"), "COURRIEL_DROP": "0"}

    ran = sendmail.run(["bob@example.org"], COURRIEL_URL="", EMAIL_URL="smtp://other.example.org", **outbox)

    assert ran.returncode == 0, ran.stderr
    assert (sendmail.folder / "state" / "courriel" / "outbox.db").exists()
    assert not (sendmail.folder / "x.db").exists()
    assert b"evil" not in (sendmail.folder / "state" / "courriel" / "outbox.db").read_bytes()


@pytest.mark.slow
def test_broken_settings_cost_no_mail_where_a_service_knows_the_way(sendmail: Sendmail) -> None:
    config = sendmail.folder / "home" / ".config" / "courriel"
    config.mkdir(parents=True)
    (config / "courriel.toml").write_text("url = [[[")
    (sendmail.folder / "drop").mkdir()
    settings = {"COURRIEL_URL": "", "COURRIEL_OUTBOX": ""}

    dropped = sendmail.run(["bob@example.org"], COURRIEL_DROP=str(sendmail.folder / "drop"), **settings)
    refused = sendmail.run(["--now", "bob@example.org"], **settings)

    assert (dropped.returncode, dropped.stderr) == (0, b"")
    assert len(list((sendmail.folder / "drop").iterdir())) == 1
    assert refused.returncode != 0


@pytest.mark.slow
def test_a_mail_whose_way_nobody_knows_is_kept_and_that_is_said(sendmail: Sendmail) -> None:
    state = {"XDG_STATE_HOME": str(sendmail.folder / "state"), "COURRIEL_DROP": "0"}

    ran = sendmail.run(["bob@example.org"], COURRIEL_URL="", COURRIEL_OUTBOX="", **state)

    assert ran.returncode == 0
    assert b"kept in your outbox" in ran.stderr
    assert (sendmail.folder / "state" / "courriel" / "outbox.db").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "said"),
    [
        ([], b"x\n", 64, b"no recipient"),
        (["-t"], b"Subject: x\n\nto nobody\n", 64, b"no recipient"),
        (["bob@example.org", "-oQ/tmp"], b"x\n", 64, b"options stand before"),
        (["not an address@"], b"x\n", 65, b"address"),
        (["-t"], b"To: b@example.org\n" + b"A: b\n" * 60_000, 65, b""),
        (["-bd"], b"", 64, b"no server"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_a_status(
    sendmail: Sendmail, arguments: list[str], stdin: bytes, status: int, said: bytes
) -> None:
    ran = sendmail.run(arguments, stdin)

    assert ran.returncode == status, ran.stderr
    assert said in ran.stderr
    assert ran.stderr.count(b"\n") == 1
    assert ran.stdout == b""
    assert sendmail.contents() == []


@pytest.mark.slow
def test_it_speaks_the_language_of_its_caller(sendmail: Sendmail) -> None:
    ran = sendmail.run([], LANG="fr_FR.UTF-8")

    assert "aucun destinataire" in ran.stderr.decode()


@pytest.mark.slow
def test_mailq_shows_ones_own_mails_and_newaliases_has_nothing_to_do(sendmail: Sendmail) -> None:
    sendmail.run(["bob@example.org"])

    listed = sendmail.run(name="mailq")
    done = sendmail.run(name="newaliases")
    sent = sendmail.run(["-q"])
    empty = sendmail.run(["-bp"])

    assert b"box@example.org  bob@example.org" in listed.stdout
    assert (done.returncode, done.stdout, sent.returncode, sent.stdout) == (0, b"", 0, b"")
    assert empty.stdout == b"Mail queue is empty\n"
    assert len(sendmail.sandbox.letters) == 1


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["-bp"], ["-q"]])
def test_a_user_without_an_outbox_has_no_mail_and_needs_no_home(sendmail: Sendmail, arguments: list[str]) -> None:
    # A file in place of a home: root, who may run the tests, could make a folder anywhere else.
    home = sendmail.folder / "file"
    home.touch()

    ran = sendmail.run(arguments, HOME=str(home / "home"), COURRIEL_OUTBOX="")

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout == (b"Mail queue is empty\n" if arguments == ["-bp"] else b"")


@pytest.mark.slow
def test_smtp_on_standard_input(sendmail: Sendmail) -> None:
    commands = [
        "EHLO here", "RCPT TO:<b@example.org>", "MAIL FROM:<ada@example.org> BODY=8BITMIME",
        "RCPT TO:<bob@example.org>", "RCPT TO:bob", "DATA", "Subject: one", "", "..dot", ".",
        "MAIL FROM:<>", "RCPT TO:<eve@example.org>", "DATA", "Subject: cut off", "", "no end", "",
    ]  # fmt: skip
    said = "\r\n".join(commands).encode()

    ran = sendmail.run(["-bs"], said)

    codes = [line[:3] for line in ran.stdout.splitlines() if line[3:4] == b" "]
    assert codes == [b"220", b"250", b"503", b"250", b"250", b"501", b"354", b"250", b"250", b"250", b"354", b"421"]
    ((sender, recipients, content),) = sendmail.contents()
    assert (sender, recipients) == ("ada@example.org", ("bob@example.org",))
    assert content.endswith("\r\n\r\n.dot\r\n")


@pytest.mark.slow
def test_a_mail_of_a_hundred_megabytes_is_refused_in_bounded_memory(sendmail: Sendmail) -> None:
    drop = sendmail.folder / "drop"
    drop.mkdir(mode=0o733)
    limit = 96 * 1024 * 1024  # octets: less than the mail
    environment = {**sendmail.environment, "COURRIEL_DROP": str(drop), "COURRIEL_OUTBOX": ""}
    program = (
        "import sys\nfor _ in range(100): sys.stdout.buffer.write((b'x' * 79 + b'\\n') * 13_108)"  # 100 times 1 MiB
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
        ran = subprocess.run(
            [sendmail.path, "-i", "bob@example.org"], stdin=source.stdout, capture_output=True, env=environment,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)), check=False, timeout=100,
        )  # fmt: skip
        assert source.stdout is not None
        source.stdout.close()

    assert ran.returncode not in (0, 75), ran.stderr
    assert b"octets" in ran.stderr
    assert list(drop.iterdir()) == []


def test_what_its_start_loads() -> None:
    program = (
        "import sys\nfrom courriel.integrations.sendmail import program, handing, drop\n"
        "print(sorted(name for name in ('click', 'asyncio', 'email', 'logging', 'ssl', 'dataclasses', 'sqlite3')"
        " if name in sys.modules))"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"


@pytest.mark.slow
def test_every_sentence_names_no_secret_of_its_caller(sendmail: Sendmail) -> None:
    ran = sendmail.run(["bob@example.org"], COURRIEL_URL="smtps://ada:geheim@smtp.example.org?timeout=never")

    assert ran.returncode != 0
    assert not re.search(b"geheim", ran.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_a_mail_that_is_stored_is_well_although_nobody_can_be_told_that_it_waits(
    sendmail: Sendmail, where: str
) -> None:
    environment = {**sendmail.environment, "COURRIEL_DROP": "0"}
    for name in ("COURRIEL_URL", "COURRIEL_OUTBOX"):
        del environment[name]

    ran = subprocess.run(
        ["sh", "-c", f"{sendmail.path} bob@example.org {where}"], input=b"Hello.\n", env=environment, check=False,
        timeout=100,
    )  # fmt: skip

    assert ran.returncode == 0
    assert len(list(Path(sendmail.folder, "home").rglob("outbox.db"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_smtp_on_a_standard_stream_that_is_closed_is_refused(sendmail: Sendmail, closed: str) -> None:
    ran = subprocess.run(
        ["sh", "-c", f"{sendmail.path} -bs {closed}"], input=b"QUIT\r\n", stderr=subprocess.PIPE, check=False,
        env=sendmail.environment, timeout=100,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr.count(b"\n")) == (64, 1)
    assert b"AttributeError" not in ran.stderr
