"""Opening and closing sessions by the WLangage functions."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from courriel import Password, TokenSource
from courriel import wlangage as wl
from courriel.wlangage.program_state import program_state
from wlangage.post_office import Authority, PostOffice

HOST = "127.0.0.1"


def test_a_user_and_a_server_are_enough(office: PostOffice, reach: Any) -> None:
    reach("smtp.orange.fr", 25, office)

    assert wl.EmailOuvreSessionSMTP("ada", "smtp.orange.fr") is True
    assert not wl.ErreurDétectée
    assert office.logins == []


def test_an_integer_in_third_place_is_the_port(office: PostOffice) -> None:
    assert wl.EmailOuvreSessionSMTP("ada", HOST, office.port)
    assert office.logins == []


def test_a_text_in_third_place_is_the_server_and_the_second_the_password(office: PostOffice) -> None:
    assert wl.EmailOuvreSessionSMTP("ada", "secret", HOST, office.port)
    assert office.logins == ["PLAIN ada"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), {"NomUtilisateur": "ada", "MotDePasse": "secret", "AdresseServeurSMTP": HOST, "NuméroPortSMTP": 0}),
        ((), {"UserName": "ada", "Password": "secret", "SMTPServerAddress": HOST, "SMTPPortNumber": 0}),
        (("ada",), {"mot_de_passe": "secret", "adresse_serveur": HOST, "numero_port_smtp": 0}),
        (("ada", HOST), {"MotDePasse": "secret", "Port": 0}),
        (("ada", HOST, 0), {"Password": "secret"}),
        (("ada", "secret"), {"ServerAddress": HOST, "Port": 0}),
        (("ada", "secret", HOST, 0, False, 0), {}),
        (("ada", "secret", HOST, 0, wl.emailSynchrone, wl.emailOptionDéfaut), {}),
        (("ada", Password("ada", "secret"), HOST, 0), {}),
    ],
)
def test_every_form_of_the_arguments_says_the_same(
    arguments: tuple[object, ...], named: dict[str, object], office: PostOffice
) -> None:
    def with_port(value: object) -> object:
        return office.port if value == 0 and not isinstance(value, bool) and type(value) is int else value

    places = [with_port(each) if rank < 4 else each for rank, each in enumerate(arguments)]

    assert wl.EmailOuvreSessionSMTP(*places, **{key: with_port(value) for key, value in named.items()})
    assert office.logins == ["PLAIN ada"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), {}),
        (("ada",), {}),
        (("ada", None), {}),
        (("ada", 25), {}),
        (("ada", HOST, wl.Vrai), {}),
        (("ada", "secret", HOST, "smtp"), {}),
        (("ada", "secret", HOST, 25, 0, 0, 0), {}),
        (("ada", "secret", HOST, 25, wl.Faux, 3), {}),
        (("ada", "secret", HOST, 25, wl.Faux, wl.Vrai), {}),
        (("ada", HOST), {"NomUtilisateur": "bob"}),
        (("ada", HOST), {"MotDePass": "secret"}),
        (("ada", HOST), {"MotDePasse": "secret", "Password": "secret"}),
        (("ada", b"secret", HOST), {}),
    ],
)
def test_arguments_that_fit_no_form_are_a_mistake_of_the_program(
    arguments: tuple[object, ...], named: dict[str, object]
) -> None:
    with pytest.raises(wl.ErreurWLangage):
        wl.EmailOuvreSessionSMTP(*arguments, **named)


def test_an_empty_password_is_none(office: PostOffice) -> None:
    assert wl.EmailOuvreSessionSMTP("ada", "", HOST, office.port)
    assert office.logins == []


def test_a_refused_login_makes_opening_fail(office: PostOffice) -> None:
    opened = wl.EmailOuvreSessionSMTP("ada", "wrong", HOST, office.port)

    assert opened is False
    assert wl.ErreurDétectée == wl.Vrai
    assert wl.ErreurInfo(wl.errReply) == "535 5.7.8 no such user or wrong password"
    assert "wrong password" in wl.ErreurInfo()
    assert wl.ErreurInfo(wl.errCode) == "LOGIN-REFUSED"
    assert office.visitors == 1


@pytest.mark.slow
def test_a_server_that_offers_no_login_is_taken_without_one_and_this_is_said(
    office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    office.mechanisms = ""

    opened = wl.EmailOuvreSessionSMTP("ada", "secret", HOST, office.port)

    assert opened is True
    assert wl.ErreurDétectée == wl.Faux
    assert "offers no login" in wl.ErreurInfo(wl.errMessage)
    [record] = caplog.records
    assert (record.name, record.levelno) == ("courriel.wlangage", logging.WARNING)
    assert not any(each.startswith("AUTH") for each in office.said)


def test_mechanisms_that_a_password_cannot_serve_count_as_none(office: PostOffice) -> None:
    office.mechanisms = "XOAUTH2"

    assert wl.EmailOuvreSessionSMTP("ada", "secret", HOST, office.port)
    assert "offers no login" in wl.ErreurInfo()


DEAD = "535 5.7.8 not you"
UNKNOWN = "504 5.5.4 what is that?"


@pytest.mark.parametrize(
    ("mechanisms", "dead", "used"),
    [
        ("CRAM-MD5 PLAIN LOGIN", {"CRAM-MD5": DEAD}, "PLAIN"),
        ("CRAM-MD5 LOGIN", {"CRAM-MD5": UNKNOWN}, "LOGIN"),
        ("SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN", {"SCRAM-SHA-256": UNKNOWN, "CRAM-MD5": DEAD, "PLAIN": UNKNOWN}, "LOGIN"),
        ("PLAIN LOGIN", {"PLAIN": UNKNOWN}, "LOGIN"),
    ],
)
def test_login_and_plain_follow_a_stronger_one_that_failed(
    office: PostOffice, reach: Any, mechanisms: str, dead: dict[str, str], used: str
) -> None:
    """Also without TLS to another machine, where courriel itself would not use them: as the WLangage page specifies."""
    reach("smtp.orange.fr", 25, office)
    office.mechanisms, office.dead = mechanisms, dead

    assert wl.EmailOuvreSessionSMTP("ada", "secret", "smtp.orange.fr"), wl.ErreurInfo()
    assert office.logins == [f"{used} ada"]
    assert "in clear" in wl.ErreurInfo()


@pytest.mark.parametrize(
    ("mechanisms", "dead", "tried"),
    [
        ("CRAM-MD5", {"CRAM-MD5": DEAD}, "CRAM-MD5"),
        ("CRAM-MD5", {"CRAM-MD5": UNKNOWN}, "CRAM-MD5"),
        ("SCRAM-SHA-256", {"SCRAM-SHA-256": UNKNOWN}, "SCRAM-SHA-256"),
        ("PLAIN LOGIN", {"PLAIN": UNKNOWN, "LOGIN": UNKNOWN}, "PLAIN, LOGIN"),
        ("CRAM-MD5 PLAIN", {"CRAM-MD5": DEAD, "PLAIN": UNKNOWN}, "CRAM-MD5, PLAIN"),
    ],
)
@pytest.mark.parametrize("far", [False, True])
def test_a_server_that_knows_neither_login_nor_plain_is_taken_without_a_login(
    office: PostOffice, reach: Any, caplog: pytest.LogCaptureFixture,
    mechanisms: str, dead: dict[str, str], tried: str, far: bool,
) -> None:  # fmt: skip
    if far:
        reach("smtp.orange.fr", 25, office)
    office.mechanisms, office.dead = mechanisms, dead
    host, port = ("smtp.orange.fr", 25) if far else (HOST, office.port)

    assert wl.EmailOuvreSessionSMTP("ada", "secret", host, port), wl.ErreurInfo()
    assert not wl.ErreurDétectée
    assert f"refused the login ({tried})" in wl.ErreurInfo()
    assert office.logins == []
    assert any(record.action == "session_without_login" for record in caplog.records)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("mechanisms", "dead"),
    [
        ("PLAIN LOGIN", {"PLAIN": DEAD, "LOGIN": DEAD}),
        ("CRAM-MD5 PLAIN", {"CRAM-MD5": DEAD, "PLAIN": DEAD}),
        ("PLAIN LOGIN", {"PLAIN": UNKNOWN, "LOGIN": DEAD}),
        ("CRAM-MD5 LOGIN", {"CRAM-MD5": "454 4.7.0 later"}),
        ("CRAM-MD5 LOGIN", {"CRAM-MD5": "535 5.7.8 account locked"}),
    ],
)
@pytest.mark.parametrize("far", [False, True])
def test_a_server_that_knows_one_of_them_and_refuses_makes_opening_fail(
    office: PostOffice, reach: Any, mechanisms: str, dead: dict[str, str], far: bool
) -> None:
    if far:
        reach("smtp.orange.fr", 25, office)
    office.mechanisms, office.dead = mechanisms, dead
    host, port = ("smtp.orange.fr", 25) if far else (HOST, office.port)

    assert not wl.EmailOuvreSessionSMTP("ada", "secret", host, port)
    assert wl.ErreurDétectée
    assert office.logins == []


def test_a_password_sent_without_tls_to_another_machine_gives_a_warning(
    office: PostOffice, reach: Any, caplog: pytest.LogCaptureFixture
) -> None:
    reach("smtp.orange.fr", 25, office)

    assert wl.EmailOuvreSessionSMTP("ada", "secret", "smtp.orange.fr")
    assert "in clear" in wl.ErreurInfo()
    assert not wl.ErreurDétectée
    assert [record.getMessage() for record in caplog.records] == ["The password went to smtp.orange.fr:25 in clear"]


def test_a_password_on_this_machine_gives_no_warning(office: PostOffice, caplog: pytest.LogCaptureFixture) -> None:
    assert wl.EmailOuvreSessionSMTP("ada", "secret", HOST, office.port)
    assert wl.ErreurInfo() == ""
    assert caplog.records == []


def test_option_ssl_is_tls_from_the_first_byte(believed: Authority) -> None:
    with PostOffice(context=believed.server("127.0.0.1"), security="tls", users={"ada": "secret"}).open() as office:
        assert wl.EmailOuvreSessionSMTP("ada", "secret", HOST, office.port, wl.Faux, wl.OptionSSL), wl.ErreurInfo()
        wl.EmailFermeSession("ada")

    assert office.logins == ["PLAIN ada"]


def test_a_server_without_starttls_makes_the_secured_option_fail(office: PostOffice) -> None:
    assert not wl.EmailOuvreSessionSMTP("ada", "secret", HOST, office.port, wl.Faux, wl.emailOptionSécuriséTLS)
    assert wl.ErreurInfo(wl.errCode) == "STARTTLS-NOT-OFFERED"
    assert office.logins == []


def test_a_certificate_for_another_name_makes_opening_fail(believed: Authority) -> None:
    with PostOffice(context=believed.server("elsewhere.example"), security="starttls").open() as office:
        assert not wl.EmailOuvreSessionSMTP("ada", "secret", HOST, office.port, wl.Faux, wl.emailOptionSécuriséTLS)

    assert wl.ErreurInfo(wl.errCode) == "CERT-WRONG-NAME"


def test_a_second_opening_closes_the_first_session_and_replaces_it(office: PostOffice) -> None:
    assert wl.EmailOuvreSessionSMTP("ada", HOST, office.port)
    first = program_state.sending("ada")

    assert wl.EmailOuvreSessionSMTP("ada", "secret", HOST, office.port)
    assert not first.smtp.usable
    assert program_state.sending("ada") is not first
    office.wait_until_somebody_left()
    assert office.said.count("QUIT") == 1


@pytest.mark.parametrize(("host", "port"), [("", 25), ("not a host", 25), (HOST, 0), (HOST, 70000)])
def test_settings_that_name_no_server_are_a_failure_and_no_exception(host: str, port: int) -> None:
    assert wl.EmailOuvreSessionSMTP("ada", host, port) is False
    assert wl.ErreurDétectée
    assert wl.ErreurInfo()


def test_closing_a_session_says_goodbye(office: PostOffice) -> None:
    wl.EmailOuvreSessionSMTP("ada", HOST, office.port)

    assert wl.EmailFermeSession("ada") is None
    assert not wl.ErreurDétectée
    office.wait_until_somebody_left()
    assert office.said[-1] == "QUIT"


def test_closing_what_is_not_open_sets_the_error_and_raises_nothing() -> None:
    wl.EmailFermeSession("ada")

    assert wl.ErreurDétectée
    assert "ada" in wl.ErreurInfo()


def test_a_session_variable_opens_sends_and_closes(office: PostOffice) -> None:
    session = wl.emailSessionSMTP()
    session.AdresseServeur, session.Port = HOST, office.port
    session.Nom, session.MotDePasse = "ada", "secret"
    wl.Email.Expéditeur, wl.Email.Destinataire = "ada@example.org", "bob@example.org"

    assert session.OuvreSession(), wl.ErreurInfo()
    assert session.EnvoieMessage(), wl.ErreurInfo()
    session.FermeSession()
    assert office.letter.recipients == ["bob@example.org"]
    office.wait_until_somebody_left()
    assert office.said[-1] == "QUIT"
    assert "secret" not in repr(session)


def test_a_session_variable_in_english(office: PostOffice) -> None:
    session = wl.emailSMTPSession(ServerAddress=HOST, Port=office.port, Name="ada", Password="secret")
    mail = wl.Email(Sender="ada@example.org", Recipient="bob@example.org")

    assert wl.EmailStartSession(session)
    assert wl.EmailSendMessage(session, mail)
    wl.EmailCloseSession(session)
    assert office.logins == ["PLAIN ada"]


@pytest.mark.parametrize("token", ["t0ken", lambda: "t0ken"])
def test_a_token_is_used_instead_of_the_password(token: object, office: PostOffice) -> None:
    office.mechanisms, office.users = "PLAIN XOAUTH2", {"ada": "t0ken"}
    session = wl.emailSessionSMTP(AdresseServeur=HOST, Port=office.port, Nom="ada", MotDePasse="no", JetonAuth=token)

    assert session.OuvreSession(), wl.ErreurInfo()
    assert office.logins == ["XOAUTH2 ada"]
    session.FermeSession()


def test_a_server_that_takes_no_token_is_not_entered_without_one(office: PostOffice) -> None:
    session = wl.emailSessionSMTP(AdresseServeur=HOST, Port=office.port, Nom="ada", JetonAuth="t0ken")

    assert not session.OuvreSession()
    assert wl.ErreurInfo(wl.errCode) == "AUTH-NOT-OFFERED"


@pytest.mark.parametrize("mechanisms", ["XOAUTH2", "CRAM-MD5"])
@pytest.mark.parametrize("token", [TokenSource("ada", lambda: "no"), lambda: wl.AuthToken(Valeur="no")])
def test_a_token_in_the_place_of_the_password_has_no_way_without_login(
    token: object, mechanisms: str, office: PostOffice
) -> None:
    """The fall-back of the page is for passwords."""
    office.mechanisms, office.users = mechanisms, {"ada": "t0ken"}
    given = token() if callable(token) else token

    assert not wl.EmailOuvreSessionSMTP("ada", given, HOST, office.port)

    assert wl.ErreurInfo(wl.errCode) in ("AUTH-NOT-OFFERED", "LOGIN-WRONG-HOST", "LOGIN-REFUSED", "TOKEN-REFUSED")
    assert office.logins == []


@pytest.mark.slow
def test_a_variable_that_is_not_open_cannot_send() -> None:
    with pytest.raises(wl.ErreurWLangage, match="not open"):
        wl.emailSessionSMTP().EnvoieMessage()
