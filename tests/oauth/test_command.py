"""`courriel login`: each grant to the URL that it prints, what it refuses, and that no secret is in any output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import courriel as package
from courriel import Sandbox
from courriel.cli.main import main
from courriel.delivery.oauth import grants, store
from courriel.delivery.oauth.login import StoredLogin
from servers.oauth import PENDING, Answer, OAuthServer

USER = "ada@example.org"
TOKEN = "token-secret-of-the-sandbox"
BROWSER = Path(__file__).with_name("browser.py")


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        (line,) = self.out.splitlines()
        value: dict[str, Any] = json.loads(line)
        return value


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        status = main(list(arguments))
        ran = Ran(status, *capsys.readouterr())
        assert "secret-" not in ran.out + ran.err, "a secret of the authorization server is shown"
        assert TOKEN not in ran.out + ran.err
        return ran

    return run


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("localhost", users={USER: TOKEN}, require_login=True) as running:
        yield running


@pytest.fixture
def accepted(oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail server accepts the tokens that are issued."""
    monkeypatch.setattr(oauth, "jwt", lambda program=False: TOKEN)


def server(sandbox: Sandbox) -> tuple[str, str]:
    return "--server", f"smtps://localhost:{sandbox.tls_port}?ca={quote(str(sandbox.ca))}"


def microsoft(oauth: OAuthServer, *more: str) -> tuple[str, ...]:
    return "login", "microsoft", USER, "--client-id", oauth.client_id, "--authority", oauth.url, *more


def process(*arguments: str, shown: Path, **environment: str) -> Ran:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "courriel", *arguments],
        capture_output=True,
        env=os.environ | {"BROWSER": f"{sys.executable} {BROWSER} %s", "BROWSER_SHOWN": str(shown)} | environment,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_login_by_the_browser_ends_with_the_url_to_paste(
    oauth: OAuthServer, sandbox: Sandbox, accepted: None, tmp_path: Path, language: str
) -> None:
    ran = process(*microsoft(oauth, *server(sandbox), "--lang", language), shown=tmp_path / "shown")

    assert ran.status == 0, ran.err
    (url,) = ran.out.splitlines()
    assert url.startswith(f"smtps://ada@localhost:{sandbox.tls_port}?")
    assert url.endswith(f"auth=xoauth2&password=login:{USER}")
    assert ("accepted by localhost" if language == "en" else "accepté par localhost") in ran.err
    page = (tmp_path / "shown").read_text()
    assert ("You may close this window" if language == "en" else "Vous pouvez fermer cette fenêtre") in page
    assert TOKEN not in ran.out + ran.err
    assert oauth.authorizations[0]["redirect_uri"].startswith("http://localhost:")
    assert package.send(via=url, sender=USER, to="bob@example.org", subject="Hello", text="...").complete


@pytest.mark.slow
def test_googles_login_goes_to_127_0_0_1_with_the_clients_secret(oauth: OAuthServer, tmp_path: Path) -> None:
    oauth.secret = "google-client-secret"
    file = tmp_path / "client.json"
    file.write_text(json.dumps({"installed": {"client_id": oauth.client_id, "client_secret": oauth.secret}}))

    ran = process(
        "login", "google", USER, "--client-file", str(file), "--authority", oauth.url, "--no-try", "--json",
        shown=tmp_path / "shown",
    )  # fmt: skip

    assert ran.status == 0, ran.err
    assert oauth.authorizations[0]["redirect_uri"].startswith("http://127.0.0.1:")
    assert oauth.asked[0]["client_secret"] == oauth.secret
    assert ran.json["urls"][0] == f"smtps://ada@smtp.gmail.com?auth=xoauth2&password=login:{USER}"
    assert "opaque" in " ".join(ran.json["findings"])
    assert oauth.secret not in ran.out + ran.err
    assert store.load(USER).hosts == ("smtp.gmail.com", "imap.gmail.com", "pop.gmail.com", "smtp-relay.gmail.com")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("consents", "returned", "told"), [(False, None, "access_denied"), (True, "other", "another login")]
)
def test_a_login_that_fails_in_the_browser_stores_nothing(
    oauth: OAuthServer, tmp_path: Path, consents: bool, returned: str | None, told: str
) -> None:
    oauth.consents, oauth.redirect_state = consents, returned

    ran = process(*microsoft(oauth), shown=tmp_path / "shown")

    assert ran.status == 77
    assert told in ran.err
    assert "did not succeed" in (tmp_path / "shown").read_text()
    assert store.names() == []


@pytest.mark.slow
def test_the_address_is_shown_where_no_browser_can_be_opened(oauth: OAuthServer) -> None:
    """The command has neither secret nor token among its arguments, which `ps` shows to everybody."""
    login = subprocess.Popen(
        [sys.executable, "-m", "courriel", *microsoft(oauth, "--no-browser", "--no-try")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert login.stderr is not None
    login.stderr.readline()
    url = login.stderr.readline().strip()
    arguments = Path(f"/proc/{login.pid}/cmdline").read_bytes()
    subprocess.run(
        [sys.executable, str(BROWSER), url, "--child"], env=os.environ | {"BROWSER_SHOWN": os.devnull}, check=True
    )
    out, err = login.communicate(timeout=60)

    assert login.returncode == 0, err
    assert b"secret" not in arguments
    assert out.splitlines()[0].startswith("smtp+starttls://ada@smtp.office365.com?auth=xoauth2&password=login:")


def test_a_device_code_is_shown_and_polled(
    oauth: OAuthServer, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    oauth.device_story = [PENDING, "slow_down"]
    by_device_code = grants.OAuthClient.by_device_code
    monkeypatch.setattr(
        grants.OAuthClient,
        "by_device_code",
        lambda client, device: by_device_code(client, device, sleep=lambda _: None),
    )

    ran = run(*microsoft(oauth, "--device", "--no-try"))

    assert ran.status == 0, ran.err
    assert f"Open {oauth.url}/device on any machine, and enter the code ABCD-EFGH" in ran.err
    assert ran.out.splitlines() == [
        f"smtp+starttls://ada@smtp.office365.com?auth=xoauth2&password=login:{USER}",
        f"imaps://ada@outlook.office365.com?auth=xoauth2&password=login:{USER}",
        f"pops://ada@outlook.office365.com?auth=xoauth2&password=login:{USER}",
    ]
    assert "mailbox ada@example.org" in ran.err


def test_a_program_logs_in_with_a_secret_by_reference(
    oauth: OAuthServer, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    oauth.secret = "app-secret-value"
    monkeypatch.setenv("APP", oauth.secret)

    ran = run(*microsoft(oauth, "--tenant", "firm.example", "--secret", "env:APP", "--no-try"))

    assert ran.status == 0, ran.err
    assert "roles SMTP.SendAsApp IMAP.AccessAsApp" in ran.err
    assert oauth.secret not in store.path_of(USER).read_text()
    assert run("login", "refresh", USER).status == 0
    assert [form["grant_type"] for form in oauth.asked] == ["client_credentials"] * 2


@pytest.mark.slow
def test_a_service_account_logs_in(oauth: OAuthServer, run: Callable[..., Ran], tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {"type": "service_account", "client_email": "robot@p.example", "private_key": key.decode()}
    (tmp_path / "robot.json").write_text(json.dumps(content))

    ran = run(
        "login", "google", USER, "--service-account", str(tmp_path / "robot.json"), "--authority", oauth.url, "--no-try"
    )

    assert ran.status == 0, ran.err
    assert run("login", "refresh", USER).status == 0


# Before and after AUTH.


@pytest.mark.parametrize(
    ("claims", "status", "told"),
    [
        ({"aud": "https://graph.microsoft.com"}, 77, "the token is for https://graph.microsoft.com and not for"),
        ({"scp": "User.Read"}, 77, "the token does not carry SMTP.Send"),
        ({"upn": "eve@firm.example"}, 0, "the token is of eve@firm.example and not of ada@example.org"),
        ({"nbf": time.time() + 100_000}, 0, "clock is"),
        ({"exp": 1}, 0, "has expired by this machine's clock"),
    ],
)
def test_what_can_be_seen_in_a_token_is_said_before_it_is_tried(
    oauth: OAuthServer, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch,
    claims: dict[str, Any], status: int, told: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(grants.OAuthClient, "by_device_code", lambda client, device: client.by_itself())
    monkeypatch.setattr(grants.OAuthClient, "by_itself", lambda client: client.refresh("old"))
    oauth.refresh_tokens.add("old")
    oauth.claims = claims

    ran = run(*microsoft(oauth, "--device", "--no-try"))

    assert ran.status == status, ran.err
    assert told in ran.err
    assert store.names() == ([] if status else [USER])


REFUSALS = [
    ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
     "Set-TransportConfig"),
    ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
     "Set-CASMailbox -Identity ada@example.org -SmtpClientAuthenticationDisabled $false"),
    ("535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.",
     "security defaults"),
    ("535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully.",
     "conditional access"),
    ("535 5.7.3 Authentication unsuccessful [PR3P193CA0001.EURP193.PROD.OUTLOOK.COM]", "New-ServicePrincipal"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("reply", "switch"), REFUSALS)
def test_a_refusal_names_the_exact_switch_of_the_tenant(
    oauth: OAuthServer, sandbox: Sandbox, accepted: None, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch,
    reply: str, switch: str,
) -> None:  # fmt: skip
    sandbox.answer("authenticate", reply)
    monkeypatch.setenv("APP", "x")

    ran = run(*microsoft(oauth, *server(sandbox), "--secret", "env:APP"))

    assert ran.status == 77
    assert switch in ran.err
    assert "courriel login show ada@example.org" in ran.err
    assert store.names() == [USER]


# Stored logins.


def test_stored_logins_are_listed_shown_and_forgotten(
    login: StoredLogin, oauth: OAuthServer, run: Callable[..., Ran]
) -> None:
    store.save(replace(login, access_token=oauth.jwt()))

    assert run("login", "list").out == f"{USER}  microsoft  browser  localhost\n"
    assert run("login", "list", "--json").json["hosts"] == ["localhost"]
    shown = run("login", "show", USER)
    assert "audience https://outlook.office.com" in shown.out
    assert "file, mode 0600" in shown.out
    assert f"password=login:{USER}" in shown.out
    assert run("login", "show", USER, "--json").json["findings"][0]["failure"] is None
    assert run("login", "forget", USER.upper(), "--lang", "fr").out == f"Oubliée : {USER}\n"
    assert (run("login", "list").out, run("login", "list").err[:19]) == ("", "No login is stored;")
    assert run("login", "show", USER).status == 78


def test_a_refresh_that_is_refused_says_so_and_keeps_the_login(
    login: StoredLogin, oauth: OAuthServer, run: Callable[..., Ran]
) -> None:
    oauth.refresh_tokens.clear()
    store.save(login)

    ran = run("login", "refresh", USER, "--json")

    assert ran.status == 77
    assert ran.json["failure"] == "OAUTH-GRANT-REFUSED"
    assert store.names() == [USER]
    # The name of a server does not become a word at the beginning of a sentence.
    told = run("login", "refresh", USER).err
    assert told.startswith("✗ localhost:")
    assert told.count("gives no token") == 1


@pytest.mark.parametrize("answer", [Answer(500, b"", "text/html"), Answer.error("temporarily_unavailable")])
def test_a_refresh_that_can_be_repeated_ends_with_75(
    login: StoredLogin, oauth: OAuthServer, run: Callable[..., Ran], answer: Answer
) -> None:
    store.save(login)
    oauth.next_answers.append(answer)

    assert run("login", "refresh", USER).status == 75


@pytest.mark.parametrize(
    "arguments",
    [
        ("microsoft", USER),
        ("microsoft",),
        ("microsoft", "no address", "--client-id", "1"),
        ("microsoft", USER, "--client-id", "1", "--secret", "env:X", "--certificate", "x.pem"),
        ("microsoft", USER, "--client-id", "1", "--secret", "env:X", "--device"),
        ("microsoft", USER, "--client-id", "1", "--secret", "hunter2"),
        ("microsoft", USER, "--client-id", "1", "--secret", "login:x"),
        ("microsoft", USER, "--client-id", "1", "--tenant", "a/b", "--device"),
        ("microsoft", USER, "--client-id", "1", "--authority", "http://login.example", "--device"),
        ("microsoft", USER, "--client-id", "1", "--server", "memory:"),
        ("microsoft", USER, "--client-id", "1", "--server", "smtps://evil.example?verify=0&x=1"),
        ("google", USER),
        ("google", USER, "--client-id", "1"),
        ("google", USER, "--client-file", "/nowhere.json"),
        ("google", USER, "--service-account", "/nowhere.json"),
        ("google", USER, "--device"),
        ("show",),
        ("show", "\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_cannot_work_is_refused_before_anything_is_asked(
    run: Callable[..., Ran], arguments: tuple[str, ...], language: str
) -> None:
    ran = run("login", *arguments, "--lang", language)

    assert ran.status in (64, 65, 78), ran.err
    assert ran.err.startswith("✗ ")
    assert "hunter2" not in ran.err
    assert ran.out == ""


@pytest.mark.parametrize("content", ["", "[]", '{"web": {}}', '{"installed": {"client_id": 1}}', '{"installed": []}'])
def test_a_client_file_of_another_kind_is_refused(run: Callable[..., Ran], tmp_path: Path, content: str) -> None:
    (tmp_path / "client.json").write_text(content)

    assert run("login", "google", USER, "--client-file", str(tmp_path / "client.json")).status == 78
