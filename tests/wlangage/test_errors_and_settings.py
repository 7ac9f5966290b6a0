"""The last error in two languages; time-outs, the mode, and NetOuvreAccèsDistant."""

from __future__ import annotations

import pickle
import socket
from datetime import timedelta
from typing import Any

import pytest

from courriel import failures
from courriel import wlangage as wl
from courriel.wlangage.program_state import program_state
from wlangage.post_office import Authority, PostOffice

HOST = "127.0.0.1"


def test_error_occurred_can_be_tested_compared_and_printed() -> None:
    assert (bool(wl.ErreurDétectée), wl.ErreurDétectée == wl.Faux, str(wl.ErrorOccurred)) == (False, True, "False")

    wl.EmailFermeSession("nobody")

    assert (bool(wl.ErreurDétectée), wl.ErreurDétectée == wl.Vrai, str(wl.ErrorOccurred)) == (True, True, "True")
    wl.LangueErreur("fr")
    assert f"{wl.ErreurDétectée}" == "Vrai"


def test_each_call_begins_by_clearing_the_last_error() -> None:
    wl.EmailFermeSession("nobody")

    wl.EmailLitTimeOut()

    assert not wl.ErreurDétectée
    assert wl.ErreurInfo() == ""


def test_the_language_follows_the_locale_until_it_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    wl.EmailFermeSession("nobody")

    french = wl.ErreurInfo()
    wl.ErrorLanguage("en")

    assert french == "Aucune session n'était ouverte sous le nom « nobody »."
    assert wl.ErreurInfo() == 'No session was open under the name "nobody".'


def test_complete_information_has_the_remedy_in_the_words_of_the_wlangage() -> None:
    wl.LangueErreur("fr")
    with socket.socket() as nobody_listens:
        nobody_listens.bind((HOST, 0))
        port = nobody_listens.getsockname()[1]
        wl.EmailOuvreSessionSMTP("ada", HOST, port)

    first, remedy, *_ = wl.ErreurInfo(wl.errComplet).splitlines()
    assert first.startswith(f"{HOST}:{port} : La machine répond, mais rien n'écoute sur ce port")
    assert remedy.startswith(
        "À faire : Vérifiez que le serveur est démarré, et le port : 587 avec emailOptionSécuriséTLS"
    )


@pytest.mark.slow
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_failure_can_be_told_in_full(language: failures.Language, capsys: pytest.CaptureFixture[str]) -> None:
    from courriel.wlangage.problem import Impossible, Problem
    from courriel.wlangage.program_state import here

    wl.LangueErreur(language)
    for failure in failures.all():
        here().problem = Problem.of(Impossible("Raté.", "Failed.", hint_id=failure.id))

        wl.Erreur()

        said = capsys.readouterr().err
        assert said.splitlines()[0] == ("Raté." if language == "fr" else "Failed.")
        assert f"Code : {failure.id}" in said or f"Code: {failure.id}" in said
        assert "{" not in said


def test_erreur_writes_its_texts_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    wl.Error("first", 2)

    assert capsys.readouterr().err == "first\n2\n"


def test_the_secret_stands_in_no_text(office: PostOffice) -> None:
    wl.EmailOuvreSessionSMTP("ada", "s3cr3t-and-wrong", HOST, office.port)

    assert wl.ErreurDétectée
    assert "s3cr3t" not in wl.ErreurInfo(wl.errComplet)


def test_a_mistake_of_the_program_survives_pickling() -> None:
    with pytest.raises(wl.ErreurWLangage) as raised:
        wl.EmailEnvoieMessage("nobody")

    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_information_that_does_not_exist_is_a_mistake_of_the_program() -> None:
    wl.EmailFermeSession("nobody")

    with pytest.raises(wl.ErreurWLangage):
        wl.ErreurInfo("errAnything")


def test_the_time_out_is_ten_minutes_but_a_blocked_port_is_noticed_in_half_a_minute() -> None:
    assert wl.EmailLitTimeOut() == 600
    assert program_state.timeouts.message == 600
    assert program_state.timeouts.connect == 30


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(10, 10), (0.5, 0.5), ("10 s", 10), ("2 min", 120), ("500ms", 0.5), (timedelta(minutes=1), 60)],
)
def test_a_time_out_is_said_in_seconds_or_as_a_duration(said: Any, seconds: float) -> None:
    wl.EmailChangeTimeOut(said)

    assert wl.EmailGetTimeOut() == seconds
    assert program_state.timeouts.connect == seconds


@pytest.mark.parametrize("said", [0, -1, "soon", "", None, True, float("nan"), float("inf"), timedelta(0)])
def test_what_is_no_time_out_is_a_mistake_of_the_program(said: Any) -> None:
    with pytest.raises(wl.ErreurWLangage):
        wl.EmailChangeTimeOut(said)

    assert wl.EmailLitTimeOut() == 600


def test_a_new_time_out_reaches_the_sessions_that_are_open(office: PostOffice) -> None:
    wl.EmailOuvreSessionSMTP("ada", HOST, office.port)
    variable = wl.emailSessionSMTP(AdresseServeur=HOST, Port=office.port)
    variable.OuvreSession()
    office.silent_after = "MAIL"

    wl.EmailChangeTimeOut(0.05)

    mail = wl.Email(Expéditeur="ada@example.org", Destinataire="bob@example.org")
    assert not wl.EmailEnvoieMessage("ada", mail)
    assert "0.05 s" in wl.ErreurInfo(wl.errComplet)
    assert not variable.EnvoieMessage(mail)


def test_without_a_mode_an_issuer_that_the_system_does_not_know_is_looked_up_in_the_bundled_roots(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    certifi = pytest.importorskip("certifi")
    monkeypatch.setattr(certifi, "where", lambda: str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder / "nothing-here"))
    stranger = authority.folder / "stranger.pem"
    type(authority.authority)().cert_pem.write_to_path(str(stranger))
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger))

    with PostOffice(context=authority.server(HOST), security="tls").open() as office:
        assert wl.EmailOuvreSessionSMTP("ada", HOST, office.port, wl.Faux, wl.OptionSSL)
        assert "certifi" in wl.ErreurInfo()
        assert not wl.ErreurDétectée
    # A certificate for another name opens by neither.
    with PostOffice(context=authority.server("other.example"), security="tls").open() as office:
        assert not wl.EmailOuvreSessionSMTP("ada", HOST, office.port, wl.Faux, wl.OptionSSL)
        assert wl.ErreurInfo(wl.errCode) == "CERT-WRONG-NAME"


def test_the_mode_selects_the_ca_store(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    certifi = pytest.importorskip("certifi")
    monkeypatch.setattr(certifi, "where", lambda: str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder / "nothing-here"))
    stranger = authority.folder / "stranger.pem"
    type(authority.authority)().cert_pem.write_to_path(str(stranger))
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger))

    def opened() -> bool:
        with PostOffice(context=authority.server(HOST), security="tls").open() as office:
            return wl.EmailOuvreSessionSMTP("ada", HOST, office.port, wl.Faux, wl.OptionSSL)

    assert wl.EmailParamètre(wl.emailParamètreMode) == 0
    assert wl.EmailParamètre(wl.emailParamètreMode, 0) == 0
    assert not opened()
    assert wl.ErreurInfo(wl.errCode) == "CERT-UNKNOWN-ISSUER"
    assert "EmailParameter(emailParameterMode, 1)" in wl.ErreurInfo(wl.errComplet)
    assert wl.EmailParameter(wl.emailParameterMode, 1) == 1
    assert opened(), wl.ErreurInfo(wl.errComplet)


@pytest.mark.parametrize("arguments", [(1,), (2, 0), (wl.emailParamètreMode, 2), (wl.emailParamètreMode, True)])
def test_an_unknown_parameter_or_mode_is_a_mistake_of_the_program(arguments: Any) -> None:
    if arguments == (1,):
        arguments = (0,)
    with pytest.raises(wl.ErreurWLangage):
        wl.EmailParamètre(*arguments)


def test_remote_access_is_there_when_a_route_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class Datagrams(socket.socket):
        def connect(self, address: Any) -> None:
            asked.append(address)

    monkeypatch.setattr(socket, "socket", Datagrams)

    assert wl.NetOuvreAccèsDistant("modem", "ada", "secret")
    assert asked == [("192.0.2.1", 9)]


def test_without_a_route_remote_access_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoRoute(socket.socket):
        def connect(self, address: Any) -> None:
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "socket", NoRoute)

    assert wl.NetOpenRemoteAccess() is False
    assert wl.ErreurInfo(wl.errCode) == "NETWORK-UNREACHABLE"
