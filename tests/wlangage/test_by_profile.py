"""Sessions for sending by a profile: several ways, HTTP providers, signatures; and no URL in a program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import courriel.wlangage as wl
from courriel import Sandbox, State
from courriel.delivery.local import letters
from courriel.wlangage.opening.elsewhere import Elsewhere
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.program_state import program_state
from courriel.wlangage.spool import key_of, spool
from dkim_keys import settings, verdicts
from inside import forget_shared_groups

NOBODY = "smtp://127.0.0.1:1?tls=none"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(users={"ada": "secret"}) as opened:
        yield opened
    forget_shared_groups()


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's own settings file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config" / "courriel" / "courriel.toml"
    file.parent.mkdir(parents=True)
    return file


def fill(*to: str) -> None:
    wl.EmailRAZ()
    wl.Email.Expéditeur, wl.Email.Destinataire = "ada@example.org", list(to or ("bob@example.org",))
    wl.Email.Sujet, wl.Email.Message = "Été", "Bonjour"


@pytest.mark.parametrize("server", ["profil:billing", "Profile: billing", "PROFIL:billing"])
def test_a_profile_in_the_place_of_a_server_sends_by_several_ways(
    profiles: Path, sandbox: Sandbox, server: str
) -> None:
    profiles.write_text(f'[profiles.billing]\nurl = "failover({NOBODY} {sandbox.url})"\n')
    fill()

    assert wl.EmailOuvreSessionSMTP("ada", server), wl.ErreurInfo()
    assert wl.EmailEnvoieMessage("ada"), wl.ErreurInfo()
    wl.EmailChangeTimeOut(5)
    wl.EmailFermeSession("ada")

    assert [letter.subject for letter in sandbox.letters] == ["Été"]


def test_a_profile_of_one_server_is_opened_at_once_with_its_own_login(
    profiles: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"smtp://ada@127.0.0.1:{sandbox.port}?tls=none&password=env:WORD"
    profiles.write_text(f'[profiles.billing]\nurl = "{url}"\n')
    session = wl.emailSessionSMTP(Nom="ada", AdresseServeur="profil:billing")

    monkeypatch.setenv("WORD", "wrong")
    assert not session.OuvreSession()
    assert "wrong" not in wl.ErreurInfo(wl.errComplet)
    monkeypatch.setenv("WORD", "secret")
    assert session.OuvreSession(), wl.ErreurInfo()
    fill()
    assert session.EnvoieMessage()
    session.FermeSession()

    assert len(sandbox.letters) == 1


def test_the_profile_signs(profiles: Path, tmp_path: Path) -> None:
    profiles.write_text(settings(tmp_path) + '[profiles.billing]\nurl = "memory:"\ndkim = "example"\n')
    fill()

    assert wl.EmailOuvreSessionSMTP("ada", "profil:billing")
    assert wl.EmailEnvoieMessage("ada")

    assert verdicts(letters[-1].content) == ["pass", "pass"]


def test_in_the_asynchronous_mode_its_mail_waits_under_the_name_of_the_profile(
    profiles: Path, sandbox: Sandbox
) -> None:
    profiles.write_text(f'[profiles.billing]\nurl = "failover({NOBODY} {sandbox.url})"\n')
    fill()

    assert wl.EmailOuvreSessionSMTP("ada", "profil:billing", 25, wl.emailAsynchrone), wl.ErreurInfo()
    assert wl.EmailEnvoieMessage("ada"), wl.ErreurInfo()
    info = spool.outbox.get(key=key_of(wl.Email.IdentifiantMail)).wait(20)

    assert (info.state, info.lane) == (State.SENT, "billing")


def test_mail_to_two_ways_of_a_table_is_refused_and_nothing_is_sent(profiles: Path, sandbox: Sandbox) -> None:
    profiles.write_text(f'[profiles.shop]\nurl = "null:"\n[profiles.shop.by_domain]\n"gmail.com" = "{sandbox.url}"\n')
    assert wl.EmailOuvreSessionSMTP("ada", "profil:shop")
    fill("bob@example.org", "eve@gmail.com")
    assert not wl.EmailEnvoieMessage("ada")
    assert "2" in wl.ErreurInfo(wl.errComplet)
    fill("eve@gmail.com")
    assert wl.EmailEnvoieMessage("ada")
    assert not wl.EmailOuvreSessionSMTP("ada", "profil:shop", 25, wl.emailAsynchrone)

    assert [tuple(letter.recipients) for letter in sandbox.letters] == [("eve@gmail.com",)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("ada", "profil:smtps://evil.example?password=env:HOME"),
        ("ada", "profil:"),
        ("ada", "profil:a/b"),
        ("ada", "secret", "profil:billing"),
        ("ada", "profil:billing", 465),
        ("ada", "profil:billing", 25, False, wl.OptionSSL),
    ],
)
def test_a_program_names_a_profile_and_no_url_and_says_nothing_that_the_profile_says(
    profiles: Path, arguments: tuple[object, ...]
) -> None:
    profiles.write_text('[profiles.billing]\nurl = "memory:"\n')

    with pytest.raises(ErreurWLangage):
        wl.EmailOuvreSessionSMTP(*arguments)


@pytest.mark.parametrize("server", ["profil:unknown", "profil:reading", "failover(memory: null:)", "memory:"])
def test_what_is_no_profile_for_sending_is_not_opened(profiles: Path, server: str) -> None:
    profiles.write_text('[profiles.reading]\nurl = "imaps://ada@imap.example.org?password=env:HOME"\n')

    assert not wl.EmailOuvreSessionSMTP("ada", server)
    assert wl.ErreurInfo()


def test_during_a_trial_no_profile_is_read(profiles: Path, sandbox: Sandbox) -> None:
    profiles.write_text('[profiles.billing]\nurl = "memory:"\n')
    from courriel import Route

    program_state.elsewhere = Elsewhere([Route.parse(f"failover({NOBODY} {sandbox.url})")])
    fill()

    assert wl.EmailOuvreSessionSMTP("ada", "profil:billing")
    assert wl.EmailOuvreSessionSMTP("ada", "secret", "smtp.example.org", 465, False, wl.OptionSSL)
    assert wl.EmailEnvoieMessage("ada")

    assert len(sandbox.letters) == 1
