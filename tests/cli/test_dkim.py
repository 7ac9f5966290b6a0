"""`courriel dkim`: keys that are made, records that are shown and awaited, signatures that are verified."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from courriel.cli.dkim import keys as dkim_command
from courriel.doctor.domain import name_service
from courriel.doctor.domain.name_service import DnsAnswer
from courriel.wire.dkim.signing import SelectedKey, signatures
from dkim_keys import OTHER_RSA_PEM, key_files, key_of, keys, records
from servers.fixtures import authority, names
from servers.names import Names

from .conftest import LETTER, Ran

__all__ = ["authority", "names"]

Run = Callable[..., Ran]
NOW = 1_796_046_077
MAIL = (
    b"From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: Hello\r\nDate: Mon, 30 Nov 2026 14:00:00 +0100\r\n"
    b"Message-ID: <1@example.org>\r\n\r\nHello, Bob.\r\n"
)
SEAL = b"ARC-Seal: i=1; d=relay.example; cv=none; b=x\r\n"
NEW = ("dkim", "new", "example.org", "--selector", "s1", "--key")


class Table:
    """A name service whose answers are given, one list after the other for each question."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: dict[str, str]) -> None:
        self.answers = [*answers]
        monkeypatch.setattr(name_service, "NameService", lambda at: self)

    def __call__(self, name: str, kind: str) -> DnsAnswer:
        known = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if known.get(name) == "":
            return DnsAnswer("late", why="no answer within 4 s")
        return DnsAnswer("found", (known[name],)) if name in known else DnsAnswer("no name")


def mail_file(tmp_path: Path, mail: bytes) -> str:
    path = tmp_path / "mail.eml"
    path.write_bytes(mail)
    return str(path)


def signed(domain: str = "example.org") -> bytes:
    return signatures([MAIL], domain, keys(), NOW) + MAIL


# Keys.


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "bits"), [("rsa", 2048), ("ed25519", 256)])
def test_a_new_key_is_the_owners_alone_and_its_record_is_shown(
    courriel: Run, tmp_path: Path, kind: str, bits: int
) -> None:
    file = tmp_path / "s1.pem"
    ran = courriel(*NEW, str(file), "--kind", kind, "--json")

    assert ran.status == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = ran.json
    assert (shown["kind"], shown["bits"], shown["name"]) == (kind, bits, "s1._domainkey.example.org")
    assert "".join(shown["strings"]) == shown["value"]
    assert all(len(each) <= 255 for each in shown["strings"])
    again = courriel("dkim", "record", "example.org", "--selector", "s1", "--key", str(file), "--json")
    assert again.json["value"] == shown["value"]
    assert "PRIVATE" not in ran.out + again.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("for a zone file", "for a web form", "readable")), ("fr", ("fichier de zone", "formulaire", "lire"))],
)
def test_the_record_is_shown_for_zone_files_and_for_forms(
    courriel: Run, tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    ran = courriel(*NEW, str(tmp_path / "s1.pem"), "--lang", language)

    assert all(word in ran.out or word == "readable" for word in words)
    assert "s1._domainkey.example.org. 3600 IN TXT (" in ran.out
    assert f'key = "file:{tmp_path / "s1.pem"}"' in ran.out


@pytest.mark.slow
def test_a_key_is_never_overwritten(courriel: Run, tmp_path: Path) -> None:
    file = tmp_path / "s1.pem"
    file.write_text("precious")

    for language, words in (("en", "never overwritten"), ("fr", "jamais remplacée")):
        ran = courriel(*NEW, str(file), "--lang", language)
        assert ran.status == 64
        assert words in ran.err
    assert file.read_text() == "precious"


@pytest.mark.parametrize(
    "arguments",
    [("exam ple.org", "--selector", "s1"), ("example.org", "--selector", "s 1"), ("example.org",)],
)
def test_wrong_names_are_refused_before_a_key_is_made(
    courriel: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ran = courriel("dkim", "new", *arguments, "--key", str(tmp_path / "s1.pem"))

    assert ran.status == 64
    assert not (tmp_path / "s1.pem").exists()


def test_a_record_is_awaited_until_the_name_servers_show_it(
    courriel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "s1._domainkey.example.org"
    pauses: list[float] = []
    monkeypatch.setattr(dkim_command, "pause", pauses.append)
    Table(monkeypatch, {}, {}, {name: ""}, {name: "v=DKIM1; p=AAAA"}, {name: "v=DKIM1; p="}, records())
    file = key_files(tmp_path)[0].removeprefix("file:")

    ran = courriel("dkim", "record", "example.org", "--selector", "s1", "--key", file, "--wait")

    assert ran.status == 0
    assert len(pauses) == 4
    assert [line.partition(": ")[2] for line in ran.err.splitlines()] == [
        "no record yet", "no answer (no answer within 4 s)", "another key is published there",
    ]  # fmt: skip
    assert "Published: s1._domainkey.example.org has this key." in ran.out


def test_a_record_that_does_not_come_is_given_up(
    courriel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Table(monkeypatch, {})
    file = key_files(tmp_path)[0].removeprefix("file:")
    wait = ("dkim", "record", "example.org", "--selector", "s1", "--key", file, "--wait", "--timeout", "0")

    ran = courriel(*wait)
    document = courriel(*wait, "--json").json

    assert ran.status == 75
    assert "no record yet" in ran.err
    assert (document["published"], document["sysexit"]) == (False, 75)


def test_a_name_that_a_web_form_has_doubled_is_found(
    courriel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = records()["s1._domainkey.example.org"]
    Table(monkeypatch, {"s1._domainkey.example.org.example.org": record})
    file = key_files(tmp_path)[0].removeprefix("file:")
    wait = ("dkim", "record", "example.org", "--selector", "s1", "--key", file, "--wait", "--timeout", "0")

    told = courriel(*wait).err

    assert "there is one at s1._domainkey.example.org.example.org: the form adds the domain by itself" in told
    assert "Publish the record shown above" in told


def test_a_key_in_a_folder_that_is_not_there_names_the_folder(courriel: Run) -> None:
    folder = Path("keys").absolute()

    ran = courriel(*NEW, "keys/s1.pem", "--lang", "fr")

    assert ran.status == 64
    assert f"le dossier {folder} n'existe pas ; créez-le d'abord : mkdir -p {folder}" in ran.err


def test_a_key_that_cannot_be_used_is_told_as_a_key_and_not_as_a_url(
    courriel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "signed.toml"
    settings.write_text(
        f'url = "memory:?dkim=example"\n[dkim.example]\ndomain = "example.org"\nselector = "s1"\n'
        f'key = "file:{tmp_path}/nowhere.pem"\n'
    )
    settings.chmod(0o600)
    monkeypatch.setenv("COURRIEL_CONFIG", str(settings))

    ran = courriel("send", *LETTER)

    assert (ran.status, "KEY-UNUSABLE" in ran.err, "smtps://ada" in ran.err) == (78, True, False), ran
    assert ran.err.startswith("✗ Not sent: a key cannot be used.\n")


# Signatures.


def test_each_signature_is_verified(courriel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Table(monkeypatch, records())
    ran = courriel("dkim", "check", mail_file(tmp_path, signed()))

    assert ran.status == 0
    assert "✓ valid  d=example.org s=s1 rsa-sha256 2048" in ran.out
    assert "✓ valid  d=example.org s=e1 ed25519-sha256" in ran.out


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_file_with_the_line_ends_of_its_system_is_the_same_mail(
    courriel: Run, monkeypatch: pytest.MonkeyPatch, ends: bytes
) -> None:
    Table(monkeypatch, records())
    large = MAIL + b"".join(b"line %d\r\n" % number for number in range(100_000))
    mail = signatures([large], "example.org", keys(), NOW) + large

    ran = courriel("dkim", "check", "-", "--json", stdin=mail.replace(b"\r\n", ends))

    assert [each["result"] for each in ran.json["signatures"]] == ["pass", "pass"]


@pytest.mark.parametrize(
    ("change", "table", "status", "words"),
    [
        (lambda mail: mail.replace(b"Bob.", b"Rob."), records(), 65, "the body was changed"),
        (lambda mail: MAIL, records(), 65, "No DKIM signature"),
        (lambda mail: b"", records(), 65, "No DKIM signature"),
        (lambda mail: mail, {}, 65, "no key is published there"),
        (lambda mail: mail, dict.fromkeys(records(), ""), 75, "no answer"),
        (lambda mail: mail.replace(b"v=1;", b"v=9;"), records(), 65, "v= is not 1"),
        (lambda mail: SEAL + mail, records(), 0, "ARC 1  relay.example  cv=none"),
        (lambda mail: b"DKIM-Signature: v=1\r\n" * 30 + mail, records(), 65, "12 more signatures"),
    ],
)  # fmt: skip
def test_what_is_found_is_said_and_decides_the_status(
    courriel: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[bytes], bytes],
    table: dict[str, str],
    status: int,
    words: str,
) -> None:
    Table(monkeypatch, table)
    file = mail_file(tmp_path, change(signed()))

    ran = courriel("dkim", "check", file)

    assert ran.status == status
    assert words in ran.out
    assert courriel("dkim", "check", file, "--json").json["sysexit"] == status
    assert courriel("dkim", "check", file, "--lang", "fr").out != ran.out or words.startswith("ARC")


def test_a_key_that_is_not_published_yet_verifies_what_it_signed(
    courriel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Table(monkeypatch, {})
    rsa, ed25519 = (each.removeprefix("file:") for each in key_files(tmp_path))
    mail = mail_file(tmp_path, signed())

    for file, told in ((rsa, "✓ valid  d=example.org s=s1 rsa"), (ed25519, "✓ valid  d=example.org s=e1 ed25519")):
        ran = courriel("dkim", "check", mail, "--key", file)
        assert (ran.status, told in ran.out) == (0, True), ran
    missing = courriel("dkim", "check", mail, "--key", "nowhere.pem", "--lang", "fr")
    assert missing.status == 78
    assert "la clé DKIM n'a pas pu être lue dans file:nowhere.pem" in missing.err


def test_a_file_that_is_not_there_is_our_own_error(courriel: Run) -> None:
    ran = courriel("dkim", "check", "nowhere.eml")

    assert ran.status == 66
    assert "nowhere.eml" in ran.err


def test_no_mail_is_no_mail(courriel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Table(monkeypatch, {})
    ran = courriel("dkim", "check", mail_file(tmp_path, b"x" * 3_000_000))

    assert ran.status == 65
    assert "its header never ends" in ran.err


@pytest.mark.acceptance
def test_records_of_a_real_zone_split_aliased_missing_and_stale(courriel: Run, tmp_path: Path, names: Names) -> None:
    rsa = keys()[0].key
    for selector, result, words in (
        ("s1", "pass", ""),
        ("alias", "pass", ""),
        ("gone", "invalid", "no key is published there"),
        ("nowhere", "invalid", "no key is published there"),
        ("stale", "fail", "published key"),
    ):
        mail = signatures([MAIL], "signed.test", [SelectedKey(selector, rsa)], NOW) + MAIL
        ran = courriel("dkim", "check", mail_file(tmp_path, mail), "--dns", names.at, "--json")
        (found,) = ran.json["signatures"]
        assert found["result"] == result, selector
        assert words in found["reason"]
    file = key_files(tmp_path)[0].removeprefix("file:")
    for selector, status in (("s1", 0), ("alias", 0), ("stale", 75), ("nowhere", 75)):
        wait = ("--key", file, "--wait", "--timeout", "0", "--dns", names.at)
        assert courriel("dkim", "record", "signed.test", "--selector", selector, *wait).status == status


def test_other_keys_of_the_tests_are_other_keys() -> None:
    assert key_of(OTHER_RSA_PEM).public != keys()[0].key.public
