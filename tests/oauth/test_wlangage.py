"""AuthIdentifie under both names: the login in a browser, the token in sessions, and everything that goes wrong."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from courriel import Sandbox, Server, errors, failures
from courriel import wlangage as wl
from courriel.wlangage.program_state import _context, program_state
from servers.accounts import ADA
from servers.dovecot import Dovecot
from servers.oauth import Answer, OAuthServer
from servers.postfix import Postfix

USER = ADA.user
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A program that has just begun."""
    _context.set(None)
    program_state.__init__()  # type: ignore[misc]
    wl.EmailChangeTimeOut(20)
    yield
    for name in program_state.names:
        for half in program_state.take(name):
            with suppress(errors.CourrielError):
                half.close()
    failures.speak(None)
    _context.set(None)


def parameters(oauth: OAuthServer, **more: object) -> wl.OAuth2Paramètres:
    usual = {
        "ClientID": oauth.client_id,
        "URLAuth": f"{oauth.url}/o/oauth2/v2/auth",
        "URLToken": f"{oauth.url}/token",
        "Scope": "SMTP.Send offline_access",
    }
    return wl.OAuth2Paramètres(**usual | more)


# With real servers.


def in_french(oauth: OAuthServer, kind: str, port: int) -> object:
    """The program of the documentation."""
    paramètres = wl.OAuth2Paramètres()
    paramètres.ClientID = oauth.client_id
    paramètres.ClientSecret = "client-secret"
    paramètres.URLAuth = f"{oauth.url}/o/oauth2/v2/auth"
    paramètres.URLToken = f"{oauth.url}/token"
    paramètres.Scope = "SMTP.Send offline_access"
    paramètres.URLRedirection = "http://localhost"
    paramètres.TypeRéponse = wl.oauth2TypeRéponseCode
    session = {"SMTP": wl.emailSessionSMTP, "POP3": wl.emailSessionPOP3, "IMAP": wl.emailSessionIMAP}[kind]()
    session.AdresseServeur, session.Port, session.Option = "localhost", port, wl.OptionSSL
    session.Nom, session.MotDePasse = USER, "not used"
    session.JetonAuth = wl.AuthIdentifie(paramètres)
    assert session.JetonAuth.Valide, wl.ErreurInfo(wl.errComplet)
    return session


def in_english(oauth: OAuthServer, kind: str, port: int) -> object:
    """The same in English."""
    parameters = wl.OAuth2Parameters()
    parameters.ClientID = oauth.client_id
    parameters.ClientSecret = "client-secret"
    parameters.AuthURL = f"{oauth.url}/o/oauth2/v2/auth"
    parameters.TokenURL = f"{oauth.url}/token"
    parameters.Scope = "SMTP.Send offline_access"
    parameters.RedirectionURL = "http://127.0.0.1/"
    parameters.ResponseType = wl.oauth2ResponseTypeCode
    session = {"SMTP": wl.emailSMTPSession, "POP3": wl.emailPOP3Session, "IMAP": wl.emailIMAPSession}[kind]()
    session.ServerAddress, session.Port, session.Option = "localhost", port, wl.optionSSL
    session.Name, session.Password = USER, "not used"
    session.AuthToken = wl.AuthIdentify(parameters)
    assert session.AuthToken.Valid, wl.ErrorInfo(wl.errFullDetails)
    return session


@pytest.mark.acceptance
@pytest.mark.parametrize("write", [in_french, in_english])
@pytest.mark.parametrize("kind", ["SMTP", "POP3", "IMAP"])
def test_the_documented_program_logs_in_and_its_token_renews_itself(
    postfix: Postfix,
    dovecot: Dovecot,
    oauth: OAuthServer,
    browser: list[str],
    write: Callable[[OAuthServer, str, int], wl.emailSessionSMTP],
    kind: str,
) -> None:
    oauth.lifetime = 1  # within the minute in which a token is renewed
    port = {"SMTP": postfix.submissions_port, "POP3": dovecot.pops_port, "IMAP": dovecot.imaps_port}[kind]
    session = write(oauth, kind, port)
    token = session.JetonAuth
    first = token.Valeur
    oauth.lifetime = 3600

    assert wl.EmailOuvreSession(session), wl.ErreurInfo(wl.errComplet)

    if kind == "SMTP":
        email = wl.Email(Expéditeur=USER, Destinataire=USER, Sujet="Jeton", Message="...")
        assert wl.EmailEnvoieMessage(session, email), wl.ErreurInfo(wl.errComplet)
        assert postfix.letters(USER, containing=b"Subject: Jeton")
    else:
        assert wl.EmailNbMessage(session) >= 0
    wl.EmailFermeSession(session)
    assert [form["grant_type"] for form in oauth.asked] == ["authorization_code", "refresh_token"]
    assert token.Valeur not in ("", first)
    assert token.Actualisation in oauth.refresh_tokens
    assert "close this window" in browser[0]


@pytest.mark.acceptance
@pytest.mark.parametrize("kind", ["SMTP", "POP3", "IMAP"])
def test_the_functions_take_the_token_in_the_place_of_the_password(
    postfix: Postfix, dovecot: Dovecot, oauth: OAuthServer, browser: list[str], kind: str
) -> None:
    open_, port = {
        "SMTP": (wl.EmailOuvreSessionSMTP, postfix.submissions_port),
        "POP3": (wl.EmailOuvreSessionPOP3, dovecot.pops_port),
        "IMAP": (wl.EmailOuvreSessionIMAP, dovecot.imaps_port),
    }[kind]
    more = (wl.Faux,) if kind == "SMTP" else ()

    assert open_(USER, wl.AuthIdentifie(parameters(oauth)), "localhost", port, *more, wl.OptionSSL), wl.ErreurInfo()

    wl.EmailFermeSession(USER)


@pytest.mark.acceptance
def test_a_token_that_the_server_refuses_is_renewed_once(
    postfix: Postfix, oauth: OAuthServer, browser: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = oauth.jwt
    made = iter(["refused-by-the-mail-server"])
    monkeypatch.setattr(oauth, "jwt", lambda program=False: next(made, None) or good(program=program))
    token = wl.AuthIdentifie(parameters(oauth))

    opened = wl.EmailOuvreSessionSMTP(USER, token, "localhost", postfix.submissions_port, wl.Faux, wl.OptionSSL)

    assert opened, wl.ErreurInfo(wl.errComplet)
    assert [form["grant_type"] for form in oauth.asked] == ["authorization_code", "refresh_token"]


@pytest.mark.acceptance
@pytest.mark.parametrize(("page", "mark"), [("wlangage.md", "AuthIdentifie("), ("wlangage.en.md", "AuthIdentify(")])
def test_the_program_of_the_page_sends(
    postfix: Postfix, oauth: OAuthServer, browser: list[str], page: str, mark: str
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    (program,) = [each for each in blocks if mark in each]
    wl.EmailRAZ()
    wl.Email.Expéditeur, wl.Email.Destinataire, wl.Email.Sujet = USER, USER, "By the page"

    # The servers of the tests.
    for theirs, ours in (
        ("https://login.microsoftonline.com", oauth.url),
        ('"smtp.office365.com", 587', f'"localhost", {postfix.submission_port}'),
        ("ada@firm.example", USER),
    ):
        assert theirs in program
        program = program.replace(theirs, ours)
    exec(program, {})

    assert not wl.ErreurDétectée, wl.ErreurInfo(wl.errComplet)
    assert postfix.letters(USER, containing=b"Subject: By the page")


# The token.


def test_a_token_tells_what_it_is_and_shows_nothing(oauth: OAuthServer, browser: list[str]) -> None:
    token = wl.AuthIdentifie(parameters(oauth))

    assert token.Valeur == oauth.access_tokens[0]
    assert isinstance(token.DateExpiration, datetime)
    assert abs(token.DateExpiration.timestamp() - time.time() - 3600) < 60
    assert token.Actualisation in oauth.refresh_tokens
    assert '"token_type": "Bearer"' in token.RéponseServeur
    assert token.Valeur not in repr(token)
    assert token.RenouvelleToken() is token
    assert len(oauth.asked) == 1  # it was fresh


@pytest.mark.parametrize("name", ["Valide", "Valeur", "Actualisation", "DateExpiration", "RéponseServeur"])
def test_a_token_of_auth_identifie_is_read_only(oauth: OAuthServer, browser: list[str], name: str) -> None:
    token = wl.AuthIdentifie(parameters(oauth))

    with pytest.raises(wl.ErreurWLangage, match="can only be read"):
        setattr(token, name, "x")


def test_a_token_of_the_program_is_used_as_it_is(sandbox: Sandbox) -> None:
    token = wl.AuthToken(Valeur="token-of-ours")
    assert token.Valide

    opened = wl.EmailOuvreSessionSMTP(USER, token, "localhost", sandbox.tls_port, wl.Faux, wl.OptionSSL)

    assert opened, wl.ErreurInfo(wl.errComplet)
    wl.EmailFermeSession(USER)
    assert not wl.AuthRenouvelleToken(token).Valide
    assert wl.ErreurDétectée


def test_an_expired_token_that_cannot_be_renewed_is_not_valid() -> None:
    past = datetime.fromtimestamp(time.time() - 5).astimezone()

    assert not wl.AuthToken().Valide
    assert not wl.AuthToken(Valeur="x", DateExpiration=past).Valide
    assert wl.AuthToken(Valeur="x", DateExpiration=past, Actualisation="y").Valide
    with pytest.raises(wl.ErreurWLangage, match="can only be read"):
        wl.AuthToken().Valide = True


def test_a_token_without_a_refresh_token_ends(oauth: OAuthServer, browser: list[str]) -> None:
    oauth.next_answers.append(Answer(200, b'{"token_type": "Bearer", "access_token": "short-secret", "expires_in": 1}'))
    token = wl.AuthIdentifie(parameters(oauth))

    with Sandbox("localhost", users={USER: "short"}) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(running.ca))
        opened = wl.EmailOuvreSessionSMTP(USER, token, "localhost", running.tls_port, wl.Faux, wl.OptionSSL)

    assert not opened
    assert wl.ErreurInfo(wl.errCode) == "OAUTH-GRANT-REFUSED"
    assert "call AuthIdentify again" in wl.ErreurInfo()


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox("localhost", users={USER: "token-of-ours"}, require_login=True) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.ca))
        yield running


@pytest.mark.parametrize("option", [wl.emailOptionDéfaut, wl.OptionSSL])
def test_a_token_is_sent_over_verified_tls_only(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, option: int, oauth: OAuthServer
) -> None:
    port = sandbox.port if option == wl.emailOptionDéfaut else sandbox.tls_port
    if option == wl.OptionSSL:
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")

    opened = wl.EmailOuvreSessionSMTP(USER, wl.AuthToken(Valeur="token-of-ours"), "localhost", port, wl.Faux, option)

    assert not opened
    assert wl.ErreurInfo(wl.errCode) in ("LOGIN-WRONG-HOST", "CERT-UNKNOWN-ISSUER", "CERT-SELF-SIGNED")
    assert not any(each.session.user for each in sandbox.sessions)


def test_a_server_that_does_not_rotate_leaves_the_refresh_token_valid(oauth: OAuthServer, browser: list[str]) -> None:
    oauth.lifetime = 1
    token = wl.AuthIdentifie(parameters(oauth))
    oauth.rotates = False

    assert wl.AuthRenouvelleToken(token).Valide
    assert wl.AuthRenouvelleToken(token).Valide

    assert token.Actualisation in oauth.refresh_tokens
    assert len(oauth.asked) == 3


@pytest.mark.parametrize(
    ("host", "bound"), [("bücher.example", "xn--bcher-kva.example"), ("Mail.Example.", "mail.example"), ("::1", "::1")]
)
def test_a_token_is_bound_to_the_host_as_a_connection_has_it(host: str, bound: str) -> None:
    source = wl.AuthToken(Valeur="x").source(USER, host)

    assert source.hosts == (bound,)
    source.check_server(Server(host))


@pytest.mark.parametrize("host", ["", "a b", "smtp://x"])
def test_of_an_impossible_host_the_opening_says_so(host: str) -> None:
    assert not wl.EmailOuvreSession(
        wl.emailSessionSMTP(AdresseServeur=host, Nom=USER, JetonAuth=wl.AuthToken(Valeur="x"))
    )

    assert "is not the name of a server" in wl.ErreurInfo()


# What goes wrong.


def fails(oauth: OAuthServer, code: str, **more: object) -> str:
    """Expect a failed AuthIdentifie, and that what follows fails as well; returns the message."""
    token = wl.AuthIdentifie(parameters(oauth, **more))

    assert wl.ErreurDétectée
    told = wl.ErreurInfo(wl.errComplet)
    assert wl.ErreurInfo(wl.errCode) == code, told
    assert not token.Valide
    assert token.Valeur == ""
    assert not wl.EmailOuvreSession(wl.emailSessionSMTP(AdresseServeur="localhost", Nom=USER, JetonAuth=token))
    assert "AuthIdentif" in wl.ErreurInfo()
    assert "secret-" not in told
    return told


def test_a_declined_consent(oauth: OAuthServer, browser: list[str]) -> None:
    oauth.consents = False

    told = fails(oauth, "OAUTH-CONSENT-REFUSED")

    assert "The user said no" in told


def test_a_state_of_another_login(oauth: OAuthServer, browser: list[str]) -> None:
    oauth.redirect_state = "another"

    fails(oauth, "OAUTH-STATE-MISMATCH")

    assert oauth.asked == []


def test_a_browser_that_never_comes_back(oauth: OAuthServer, late: None) -> None:

    told = fails(oauth, "OAUTH-LOGIN-TOO-LATE")

    assert "0.05 s" in told


def test_without_a_screen_the_address_is_written(
    oauth: OAuthServer, late: None, capsys: pytest.CaptureFixture[str]
) -> None:
    wl.LangueErreur("fr")

    fails(oauth, "OAUTH-LOGIN-TOO-LATE")

    said, address = capsys.readouterr().err.splitlines()
    assert said == "Connectez-vous dans le navigateur de cette machine, d'ici 5 minutes :"
    assert address.startswith(f"{oauth.url}/o/oauth2/v2/auth?response_type=code&")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(200, b"<html>Oops", "text/html"), "OAUTH-SERVER-BROKEN"),
        (Answer(500, b"<html>Oops", "text/html"), "OAUTH-SERVER-TROUBLE"),
        (Answer.error("invalid_client", "AADSTS7000215: Invalid client secret provided."), "OAUTH-CLIENT-REFUSED"),
    ],
)
def test_a_token_endpoint_that_fails(oauth: OAuthServer, browser: list[str], answer: Answer, code: str) -> None:
    oauth.next_answers.append(answer)

    fails(oauth, code)


def test_a_port_that_is_taken_is_named(oauth: OAuthServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        wl.AuthIdentifie(parameters(oauth, URLRedirection=f"http://localhost:{port}"))

    assert wl.ErreurDétectée
    assert f"port {port} of this machine" in wl.ErreurInfo(wl.errComplet)


def test_the_redirect_is_the_registered_one_to_the_letter(oauth: OAuthServer, browser: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for address in (f"http://localhost:{port}", f"http://localhost:{port}/", f"http://127.0.0.1:{port}/back/here"):
        token = wl.AuthIdentifie(parameters(oauth, URLRedirection=address))

        assert token.Valide, wl.ErreurInfo(wl.errComplet)
        assert oauth.authorizations[-1]["redirect_uri"] == address


def test_more_parameters_go_to_the_login_page(oauth: OAuthServer, browser: list[str]) -> None:
    token = wl.AuthIdentifie(parameters(oauth, ParamètresSupplémentaires="prompt=consent&domain_hint=a%20b"))

    assert token.Valide
    assert (oauth.authorizations[0]["prompt"], oauth.authorizations[0]["domain_hint"]) == ("consent", "a b")
    assert oauth.authorizations[0]["code_challenge_method"] == "S256"


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("https://oauth2.googleapis.com", {"access_type": "offline", "prompt": "consent"}),
        ("https://login.microsoftonline.com", {"scope": "SMTP.Send offline_access"}),
    ],
)
def test_the_known_providers_are_asked_for_a_refresh_token(
    oauth: OAuthServer, late: None, monkeypatch: pytest.MonkeyPatch, host: str, asked: dict[str, str]
) -> None:
    pages: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: pages.append(address) or True)

    wl.AuthIdentifie(parameters(oauth, Scope="SMTP.Send", URLToken=f"{host}/token"))

    fields = dict(each.split("=", 1) for each in urlsplit(pages[0]).query.split("&"))
    assert {name: fields[name].replace("%20", " ") for name in asked} == asked


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"URLRedirection": "http://evil.example:9000"}, "does not lead to this machine"),
        ({"URLRedirection": "https://localhost:9000"}, "does not lead to this machine"),
        ({"URLRedirection": "http://localhost@evil.example"}, "does not lead to this machine"),
        ({"URLRedirection": "http://localhost:99999"}, "does not lead to this machine"),
        ({"URLRedirection": "http://localhost:x"}, "does not lead to this machine"),
        ({"URLRedirection": "localhost:9000"}, "does not lead to this machine"),
        ({"URLRedirection": "http://localhost/?a=b"}, "does not lead to this machine"),
        ({"URLRedirection": "http://localhost/a\r\nb"}, "does not lead to this machine"),
        ({"ParamètresSupplémentaires": "state=mine"}, "state is set by AuthIdentify"),
        ({"ParamètresSupplémentaires": "nonsense"}, "name=value&name=value"),
        ({"ClientID": ""}, "ClientID is required"),
        ({"URLAuth": ""}, "AuthURL is required"),
        ({"URLToken": ""}, "TokenURL is required"),
    ],
)
def test_a_mistake_of_the_program_is_raised(oauth: OAuthServer, wrong: dict[str, str], told: str) -> None:
    given = parameters(oauth)
    for name, value in wrong.items():
        setattr(given, name, value)

    with pytest.raises(wl.ErreurWLangage, match=told):
        wl.AuthIdentifie(given)


@pytest.mark.parametrize("name", ["URLAuth", "URLToken"])
def test_an_endpoint_in_clear_is_refused(oauth: OAuthServer, name: str) -> None:
    given = parameters(oauth)
    setattr(given, name, "http://login.example/token")

    assert not wl.AuthIdentifie(given).Valide
    assert "https://host/path" in wl.ErreurInfo()


def test_wrong_types_are_mistakes_of_the_program(oauth: OAuthServer) -> None:
    with pytest.raises(wl.ErreurWLangage, match="AuthIdentify takes"):
        wl.AuthIdentifie("client-id")  # type: ignore[arg-type]
    with pytest.raises(wl.ErreurWLangage, match="AuthRefreshToken takes"):
        wl.AuthRenouvelleToken("token")  # type: ignore[arg-type]
    with pytest.raises(wl.ErreurWLangage, match="oauth2ResponseTypeCode"):
        wl.OAuth2Paramètres(TypeRéponse=2)
    with pytest.raises(wl.ErreurWLangage, match="did you mean ClientSecret"):
        wl.OAuth2Paramètres().ClientSecrett = "x"
    with pytest.raises(wl.ErreurWLangage, match="the result of AuthIdentify"):
        wl.EmailOuvreSession(wl.emailSessionSMTP(AdresseServeur="localhost", Nom=USER, JetonAuth=7))


def test_the_procedure_gets_the_token(oauth: OAuthServer, browser: list[str]) -> None:
    given: list[wl.AuthToken] = []

    token = wl.AuthIdentifie(parameters(oauth), given.append)

    assert given == [token]


def test_a_renewal_that_is_refused_says_so(oauth: OAuthServer, browser: list[str]) -> None:
    oauth.lifetime = 1
    token = wl.AuthIdentifie(parameters(oauth))
    oauth.refresh_tokens.clear()

    renewed = wl.AuthRefreshToken(token)

    assert not renewed.Valid
    assert wl.ErrorInfo(wl.errCode) == "OAUTH-GRANT-REFUSED"
    assert token.Refresh not in wl.ErrorInfo(wl.errFullDetails)


def test_threads_renew_a_token_once(oauth: OAuthServer, browser: list[str]) -> None:
    oauth.lifetime = 1
    token = wl.AuthIdentifie(parameters(oauth))
    oauth.lifetime = 3600
    begin = threading.Barrier(8)

    def renew() -> None:
        begin.wait(20)
        assert wl.AuthRenouvelleToken(token) is token

    threads = [threading.Thread(target=renew) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert [form["grant_type"] for form in oauth.asked] == ["authorization_code", "refresh_token"]
