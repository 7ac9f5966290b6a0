"""Signed transports: what leaves by them verifies, whatever the transport inside, and a wrong key is our own error."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import courriel
from courriel import (
    AsyncSigned,
    Message,
    Outbox,
    ReadyMessage,
    Route,
    Sandbox,
    Signed,
    SmtpPool,
    SmtpSession,
    Submission,
    errors,
)
from courriel.delivery.local import letters
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.session.encoding import IN_EIGHT_BITS, submission_of
from dkim_keys import ED25519_PEM, OTHER_RSA_PEM, RSA_PEM, WEAK_RSA_PEM, key_files, settings, verdicts
from inside import forget_shared_groups

BOTH = {"domain": "example.org", "selector": ("s1", "e1")}


def mail(number: int = 1, text: str = "Grüße, Bob.\r\n") -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject=f"Mail {number}", text=text)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    return key_files(tmp_path)


@pytest.fixture
def by_both(keys: tuple[str, str]) -> dict[str, Any]:
    return {**BOTH, "key": keys}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The user's settings file, whose folder is there."""
    file = tmp_path / "home" / ".config" / "courriel" / "courriel.toml"
    file.parent.mkdir(parents=True)
    return file


def kept() -> list[bytes]:
    return [each.content for each in letters]


def test_whatever_is_sent_is_signed_by_both_keys_in_seven_bits(by_both: dict[str, Any]) -> None:
    with Signed(courriel.connect("memory:"), **by_both) as signed:
        signed.send(mail())
        courriel.send(mail(2), via=signed)

    assert [verdicts(each) for each in kept()] == [["pass", "pass"]] * 2
    assert all(each.isascii() for each in kept())


@pytest.mark.slow
def test_many_leave_in_a_window_of_one_session(by_both: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    windows: list[object] = []
    submit_many = SmtpSession.submit_many

    def noted(session: SmtpSession, submissions: Any, *, window: Any) -> Any:
        windows.append(window)
        return submit_many(session, submissions, window=window)

    monkeypatch.setattr(SmtpSession, "submit_many", noted)
    with Sandbox() as sandbox, Signed(courriel.connect(sandbox.url), **by_both) as signed:
        list(signed.submit_many((submission_of(mail(each), IN_EIGHT_BITS) for each in range(30)), window=20))
        arrived = [letter.content for letter in sandbox.letters]
        assert len(sandbox.sessions) == 1

    assert windows == [20]
    assert [verdicts(each) for each in arrived] == [["pass", "pass"]] * 30


def test_a_pool_lends_sessions_that_sign(by_both: dict[str, Any]) -> None:
    with Sandbox() as sandbox, Signed(courriel.connect(f"{sandbox.url}&pool=2"), **by_both) as signed:
        assert isinstance(signed.transport, SmtpPool)
        with signed.session() as one:
            one.submit(submission_of(mail(), IN_EIGHT_BITS))
        signed.send(mail(2))
        assert (signed.parallel, signed.name, signed.closed) == (2, f"127.0.0.1:{sandbox.port}", False)
        arrived = [letter.content for letter in sandbox.letters]

    assert [verdicts(each) for each in arrived] == [["pass", "pass"]] * 2


@pytest.mark.slow
def test_asyncio_signs_the_same(by_both: dict[str, Any], tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(400_000))

    async def supply() -> AsyncIterator[Submission]:
        for number in range(3):
            yield submission_of(mail(number).with_attachment(large), IN_EIGHT_BITS)

    async def act(url: str) -> None:
        async with AsyncSigned(await courriel.aconnect(f"{url}&pool=2"), **by_both) as signed:
            await signed.send(mail())
            await courriel.asend(mail(), via=signed)
            assert [await anext(signed.submit_many([submission_of(mail(), IN_EIGHT_BITS)]))]
            assert len([each async for each in signed.submit_many(supply())]) == 3
            async with signed.session() as one:
                await one.submit(submission_of(mail(), IN_EIGHT_BITS))

    with Sandbox() as sandbox:
        asyncio.run(act(sandbox.url))
        arrived = [letter.content for letter in sandbox.letters]

    assert [verdicts(each) for each in arrived] == [["pass", "pass"]] * 7


@pytest.mark.parametrize("chunking", ["", "&chunking=0"])
def test_the_same_octets_arrive_by_data_and_by_bdat(by_both: dict[str, Any], tmp_path: Path, chunking: str) -> None:
    file = tmp_path / "dots.txt"
    file.write_bytes(b".\n..\n" * 1000 + b"end")
    with Sandbox() as sandbox, Signed(courriel.connect(f"{sandbox.url}{chunking}"), **by_both) as signed:
        signed.send(mail(text=".\r\n..\r\n").with_attachment(file))
        arrived = sandbox.letters[0].content

    assert verdicts(arrived) == ["pass", "pass"]


def test_octets_of_the_caller_are_signed_as_they_stand_with_a_note(by_both: dict[str, Any]) -> None:
    raw = b"From: ada@example.org\r\nTo: bob@example.org\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    with Sandbox() as sandbox, Signed(courriel.connect(sandbox.url), **by_both) as signed:
        receipt = signed.send(ReadyMessage.parse(raw))
        arrived = sandbox.letters[0].content

    assert verdicts(arrived) == ["pass", "pass"]
    assert "Gr\xfc\xdfe".encode() in arrived
    assert any("signed as they stand" in note for note in receipt.notes)


def test_without_8bitmime_such_octets_are_refused_before_one_is_sent(by_both: dict[str, Any]) -> None:
    raw = b"From: ada@example.org\r\nTo: bob@example.org\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    with Sandbox() as sandbox:
        sandbox.answer("hello", "250 sandbox.localhost")
        with Signed(courriel.connect(sandbox.url), **by_both) as signed, pytest.raises(errors.NotSupported):
            signed.send(ReadyMessage.parse(raw))

        assert not sandbox.letters


def test_what_is_signed_already_is_handed_on(by_both: dict[str, Any]) -> None:
    twice = Signed(Signed(courriel.connect("memory:"), **by_both), **by_both)
    twice.send(mail())

    assert verdicts(kept()[0]) == ["pass", "pass"]


def test_a_submission_that_cannot_be_signed_is_its_own_result(by_both: dict[str, Any]) -> None:
    envelope = Envelope.of("ada@example.org", ("bob@example.org",))
    headless = Submission(envelope, Content((b"x" * 2_000_000,), 2_000_000))
    binary = Submission(envelope, Content((b"a: b\r\n\r\n\0",), 9, binary=True))
    fine = submission_of(mail(), IN_EIGHT_BITS)
    signed = Signed(courriel.connect("memory:"), **by_both)

    first, second, third = signed.submit_many([headless, binary, fine])

    assert isinstance(first, errors.InvalidMessage)
    assert isinstance(second, errors.InvalidMessage)
    assert verdicts(kept()[0]) == ["pass", "pass"]
    assert third


# Keys.


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"", "PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "damaged"),
        (os.urandom(70_000), "longer than"),
    ],
)
def test_a_file_that_is_no_key_is_refused_when_the_value_is_made(tmp_path: Path, pem: bytes, reason: str) -> None:
    file = tmp_path / "s1.pem"
    file.write_bytes(pem)
    file.chmod(0o600)

    with pytest.raises(errors.UsageError, match=reason) as refused:
        Signed(courriel.connect("memory:"), domain="example.org", selector="s1", key=f"file:{file}")

    assert "s1._domainkey.example.org" in str(refused.value)
    assert "AAAA" not in str(refused.value)


def test_a_file_with_both_keys_is_read_for_the_private_one(tmp_path: Path) -> None:
    file = tmp_path / "s1.pem"
    file.write_bytes(RSA_PEM + b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    file.chmod(0o600)

    with Signed(courriel.connect("memory:"), domain="example.org", selector="s1", key=f"file:{file}") as signed:
        signed.send(mail())

    assert verdicts(kept()[0]) == ["pass"]


@pytest.mark.skipif(os.name == "nt", reason="modes say nothing there")
@pytest.mark.parametrize(
    ("mode", "taken"), [(0o600, True), (0o400, True), (0o640, True), (0o644, False), (0o660, False)]
)
def test_a_key_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int, taken: bool) -> None:
    reference = key_files(tmp_path)[0]
    Path(reference.removeprefix("file:")).chmod(mode)

    def make() -> Signed:
        return Signed(courriel.connect("memory:"), domain="example.org", selector="s1", key=reference)

    if taken:
        assert make().signer.domain == "example.org"
    else:
        with pytest.raises(errors.UsageError, match=f"mode {mode:04o}.*chmod 600"):
            make()


def test_keys_come_from_the_environment_and_from_commands_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DKIM_KEY", RSA_PEM.decode())
    path = tmp_path / "e1.pem"
    path.write_bytes(ED25519_PEM)
    signed = Signed(courriel.connect("memory:"), **BOTH, key=("env:DKIM_KEY", f"cmd:cat {path}"))  # type: ignore[arg-type]
    signed.send(mail())

    assert verdicts(kept()[0]) == ["pass", "pass"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"key": RSA_PEM.decode()}, "reference"),
        ({"key": "prompt"}, "reference"),
        ({"key": 7}, "reference"),
        ({"key": "env:NOT_SET"}, "not set"),
        ({"key": "file:/nowhere/s1.pem"}, "No such file"),
        ({"key": "file:/dev/null"}, "regular file"),
        ({"key": "file:/"}, "regular file"),
        ({"key": ("env:A", "env:B")}, "1 selectors and 2 keys"),
        ({"selector": ()}, "selectors"),
        ({"selector": ("s1", "s1"), "key": ("env:A", "env:B")}, "same selector twice"),
        ({"selector": "s 1"}, "selector"),
        ({"selector": "s1;d=evil"}, "selector"),
        ({"selector": "s" * 64}, "selector"),
        ({"domain": "exam ple.org"}, "domain"),
        ({"domain": ""}, "domain"),
        ({"domain": "[127.0.0.1]"}, "no domain"),
        ({"domain": ".".join(["d" * 60] * 3) + ".example", "selector": "s" * 62}, "253"),
        ({"domain": None}, "domain"),
    ],
)
def test_wrong_arguments_are_our_own_errors_and_quote_no_key(given: dict[str, Any], reason: str) -> None:
    arguments = {"domain": "example.org", "selector": "s1", "key": "env:KEY"} | given
    with pytest.raises(errors.UsageError, match=reason) as refused:
        Signed(courriel.connect("memory:"), **arguments)

    assert "PRIVATE" not in str(refused.value)


def test_a_domain_with_accents_signs_in_ascii(keys: tuple[str, str]) -> None:
    signed = Signed(courriel.connect("memory:"), domain="Société.example", selector="s1", key=keys[0])
    signed.send(mail())

    assert b" d=xn--socit-esab.example; s=s1;" in kept()[0]
    assert verdicts(kept()[0], "xn--socit-esab.example") == ["pass"]


def test_a_short_key_is_remarked_once_and_signs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WEAK", WEAK_RSA_PEM.decode())
    for _ in range(2):
        Signed(courriel.connect("memory:"), domain="a.example", selector="w", key="env:WEAK")

    assert [record.getMessage() for record in caplog.records] == [
        "the DKIM key of w._domainkey.a.example has 1024 bits: 2048 are advised, and some servers ignore shorter ones"
    ]


def test_without_cryptography_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setenv("NOT_READ_YET", f"{RSA_PEM.decode()}\n")

    with pytest.raises(errors.MissingExtra, match=r'pip install "courriel\[sign\]"'):
        Signed(courriel.connect("memory:"), domain="example.org", selector="s1", key="env:NOT_READ_YET")


# Settings.


@pytest.mark.parametrize("setting", ["memory:?dkim=example", "billing", "written"])
def test_a_setting_signs_for_send_and_connect(home: Path, tmp_path: Path, setting: str) -> None:
    home.write_text(
        '[profiles.billing]\nurl = "memory:"\ndkim = "example"\n'
        '[profiles.written]\nurl = "memory:?dkim=example"\n' + settings(tmp_path)
    )
    courriel.send(mail(), via=setting)
    with courriel.connect(setting) as signed:
        assert isinstance(signed, Signed)
        signed.send(mail(2))

    async def act() -> None:
        await courriel.asend(mail(3), via=setting)
        async with await courriel.aconnect(setting) as signed:
            assert isinstance(signed, AsyncSigned)
            await signed.send(mail(4))

    asyncio.run(act())

    assert [verdicts(each) for each in kept()] == [["pass", "pass"]] * 4


@pytest.mark.parametrize("url", ["{0}&dkim=example", "{0}&dkim=example&pool=2"])
def test_servers_get_signed_mail_by_a_setting(home: Path, tmp_path: Path, url: str) -> None:
    home.write_text(settings(tmp_path))
    with Sandbox() as sandbox:
        courriel.send(mail(), via=url.format(sandbox.url), to="carl@example.org", notify=[courriel.Notify.FAILURE])
        courriel.send(
            to="bob@example.org", sender="ada@example.org", subject="Hi", text="x", via=url.format(sandbox.url)
        )
        first, second = sandbox.letters

    assert verdicts(first.content) == verdicts(second.content) == ["pass", "pass"]
    assert first.recipients == ("carl@example.org",)


@pytest.mark.parametrize(
    "profile",
    [
        'url = "failover({0}&dkim=example null:)"',
        'url = "roundrobin({0}&dkim=example&pool=2)"',
        'url = "failover(smtp://127.0.0.1:1?tls=none failover({0} null:))"\ndkim = "example"',
        'url = "{0}"\ndkim = "example"\n[profiles.billing.by_domain]\n"example.net" = "null:"',
    ],
)
def test_each_of_several_ways_signs_by_every_door(home: Path, tmp_path: Path, profile: str) -> None:
    with Sandbox() as sandbox:
        home.write_text(settings(tmp_path) + f"[profiles.billing]\n{profile.format(sandbox.url)}\n")
        courriel.send(mail(), via="billing")
        asyncio.run(courriel.asend(mail(2), via="billing"))
        with courriel.connect("billing") as way:
            way.send(mail(3))
        with Outbox(tmp_path / "outbox.db") as outbox:
            outbox.put(mail(4), via="billing")
            assert outbox.run_once()
        contents = [letter.content for letter in sandbox.letters]
    forget_shared_groups()

    assert [verdicts(each) for each in contents] == [["pass", "pass"]] * 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('url = "failover(brevo:?password=env:K)"\ndkim = "example"', "its providers sign mail themselves"),
        ('url = "failover(memory:?dkim=example)"\ndkim = "example"', "twice"),
    ],
)
def test_several_ways_of_which_none_may_sign_are_refused(home: Path, tmp_path: Path, text: str, reason: str) -> None:
    home.write_text(f"{settings(tmp_path)}[profiles.billing]\n{text}\n")

    with pytest.raises(errors.InvalidUrl, match=reason):
        courriel.send(mail(), via="billing")
    with pytest.raises(errors.InvalidUrl, match="each way that signs"):
        replace(Route.parse("failover(memory: null:)"), dkim="example")


def test_the_key_of_a_table_is_read_again_for_each_transport(home: Path, tmp_path: Path) -> None:
    home.write_text(settings(tmp_path))
    courriel.send(mail(), via="memory:?dkim=example")
    (tmp_path / "s1.pem").write_bytes(OTHER_RSA_PEM)
    courriel.send(mail(), via="memory:?dkim=example")

    assert [verdicts(each) for each in kept()] == [["pass", "pass"], ["fail", "pass"]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"no settings file has a table \[dkim.example\]: none is known"),
        ('[dkim.exemple]\ndomain = "a.org"\nselector = "s"\nkey = "env:K"', "exemple"),
        ("dkim = 3", r"\[dkim\]"),
        ("[dkim]\nexample = 3", r"\[dkim.example\]"),
        ('[dkim."a b"]', "letters"),
        ('[dkim.example]\nkey = "env:K"', "domain is a text"),
        ('[dkim.example]\ndomain = "a.org"\nselector = ["a", "b"]\nkey = "env:K"', "2 selectors and 1 keys"),
        ('[dkim.example]\ndomain = "a.org"\nselector = "a"\nkey = "sesame"', "reference"),
        ('[dkim.example]\ndomain = ["a.org", "b.org"]\nselector = "a"\nkey = "env:K"', "one domain"),
        ('[dkim.example]\ndomain = "a.org"\nselector = "a"\nkey = "env:K"\nwhen = "never"', '"put" or "leave"'),
        ('[dkim.example]\ndomain = "a.org"\nselektor = "a"', "selector"),
        ('[dkim.example]\ndomain = "a.org"\nselector = "a"\nkey = "env:K"', "not set"),
        ('[dkim.example]\ndomain = "a org"\nselector = "a"\nkey = "env:K"', "domain"),
    ],
)
def test_a_wrong_table_is_named(home: Path, text: str, reason: str) -> None:
    home.write_text(text)

    with pytest.raises(errors.UsageError, match=reason) as refused:
        courriel.send(mail(), via="memory:?dkim=example")

    assert "sesame" not in str(refused.value)
    assert not letters


def test_a_projects_file_names_no_key_without_consent(
    empty_house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = empty_house / "courriel.toml"
    file.write_text(settings(tmp_path))
    with pytest.raises(errors.UsageError, match="not taken from a project's file"):
        courriel.send(mail(), via="memory:?dkim=example")

    monkeypatch.setenv("COURRIEL_TRUST", str(file))
    courriel.send(mail(), via="memory:?dkim=example")
    assert verdicts(kept()[0]) == ["pass", "pass"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("imaps://ada@h.example?dkim=example", "dkim"),
        ("smtps://h.example?dkim=a%20b", "name of a table"),
        ("smtps://h.example?dkim=", "empty"),
        ("smtps://h.example?dkim=a&dkim=b", "twice"),
    ],
)
def test_a_wrong_option_in_a_url_is_named(url: str, reason: str) -> None:
    with pytest.raises(errors.InvalidUrl, match=reason):
        courriel.Route.parse(url)


def test_a_provider_that_writes_the_mail_itself_is_no_way_for_a_signature(home: Path, tmp_path: Path) -> None:
    home.write_text(
        '[profiles.billing]\nurl = "brevo:?from=ada@example.org"\npassword = "env:KEY"\ndkim = "example"\n'
        + settings(tmp_path)
    )
    with pytest.raises(errors.InvalidUrl, match="the provider changes the mail"):
        courriel.send(mail(), via="billing")


@pytest.mark.parametrize(
    "url", ["smtps://ada@h.example?dkim=example", "memory:?dkim=example", "file:///mail?dkim=e", "python:a.b:c?dkim=e"]
)
def test_a_url_with_it_is_written_as_it_was_read(url: str) -> None:
    assert courriel.Route.parse(url).url == url


def test_signed_is_a_transport_by_its_methods(by_both: dict[str, Any]) -> None:
    signed = Signed(courriel.connect("null:"), **by_both)
    check: Callable[[object], object] = courriel.send
    assert check
    assert (signed.usable, signed.obeys_recipient_rule, signed.silence_limit) == (
        False,
        True,
        signed.transport.answer_limit,
    )
    signed.open().hang_up()
    signed.close()
    assert repr(signed) == "<Signed null: by example.org>"
