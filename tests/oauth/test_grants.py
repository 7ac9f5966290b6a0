"""The grants against the authorization server, and what becomes of every answer that none should give."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from courriel import Trust, errors
from courriel.delivery.oauth import answers, https
from courriel.delivery.oauth.answers import DeviceCode, HttpAnswer
from courriel.delivery.oauth.assertions import Certificate, ServiceAccount
from courriel.delivery.oauth.authorization import AuthorizationRequest
from courriel.delivery.oauth.grants import OAuthClient
from courriel.delivery.oauth.provider import AuthorizationServer, google, microsoft
from servers.authority import Authority
from servers.oauth import PENDING, Answer, OAuthServer, claims_of

SECRET = "client-secret-of-ours"
REFRESH = "refresh-token-of-ours"


def client_of(oauth: OAuthServer, secret: str = "", certificate: Certificate | None = None) -> OAuthClient:
    return OAuthClient(microsoft("firm.example", authority=oauth.url), oauth.client_id, secret, certificate)


def by_browser(oauth: OAuthServer, provider: AuthorizationServer) -> tuple[AuthorizationRequest, str]:
    """A request, and the query with which a browser would come back."""
    request = AuthorizationRequest.make(provider, oauth.client_id, "http://localhost:7", "ada@example.org")
    answer = oauth.authorize(urlsplit(request.url).query)
    return request, urlsplit(answer.headers["Location"]).query


@pytest.mark.parametrize(
    "make", [lambda url: microsoft("firm.example", authority=url), lambda url: google(authority=url)]
)
def test_a_code_is_exchanged_with_the_proof_that_it_was_asked_for_here(
    oauth: OAuthServer, make: Callable[[str], AuthorizationServer]
) -> None:
    provider = make(oauth.url)
    request, query = by_browser(oauth, provider)

    tokens = OAuthClient(provider, oauth.client_id).by_code(request, request.code_of(query))

    (asked,) = oauth.authorizations
    assert asked["code_challenge_method"] == "S256"
    assert asked["login_hint"] == "ada@example.org"
    assert tokens.access_token == oauth.access_tokens[0]
    assert tokens.refresh_token in oauth.refresh_tokens


def test_google_is_asked_for_a_refresh_token_at_every_login(oauth: OAuthServer) -> None:
    url = AuthorizationRequest.make(google(), "id", "http://127.0.0.1:7", "ada@example.org").url

    fields = parse_qs(urlsplit(url).query)

    assert (fields["access_type"], fields["prompt"]) == (["offline"], ["consent"])
    assert fields["scope"] == ["https://mail.google.com/"]


def test_two_requests_share_neither_state_nor_verifier() -> None:
    one, two = (AuthorizationRequest.make(google(), "id", "http://127.0.0.1:7", "ada") for _ in range(2))

    assert one.state != two.state
    assert one.verifier != two.verifier


@pytest.mark.parametrize("query", ["", "code=x", "code=x&state=wrong", "code=x&state={0}&state={0}", "x" * 9000])
def test_a_redirect_of_another_login_is_refused(query: str) -> None:
    request = AuthorizationRequest.make(google(), "id", "http://127.0.0.1:7", "ada")

    with pytest.raises(errors.RemoteProtocolError, match="state of another login") as refused:
        request.code_of(query.replace("{0}", request.state))

    assert refused.value.failure is not None
    assert refused.value.failure.id == "OAUTH-STATE-MISMATCH"


def test_a_declined_consent_says_so(oauth: OAuthServer) -> None:
    oauth.consents = False
    request, query = by_browser(oauth, microsoft("firm.example", authority=oauth.url))

    with pytest.raises(errors.TokenRefused, match="The user said no") as refused:
        request.code_of(query)

    assert refused.value.code == "access_denied"
    assert refused.value.failure is not None
    assert refused.value.failure.id == "OAUTH-CONSENT-REFUSED"


def test_a_refresh_token_is_rotated(oauth: OAuthServer) -> None:
    oauth.refresh_tokens.add("old")

    tokens = client_of(oauth).refresh("old")

    assert tokens.refresh_token not in ("", "old")


def test_client_credentials_go_with_the_secret(oauth: OAuthServer) -> None:
    oauth.secret = SECRET

    tokens = client_of(oauth, SECRET).by_itself()

    assert oauth.asked[0]["scope"] == "https://outlook.office365.com/.default"
    assert claims_of(tokens.access_token)["roles"]
    assert not tokens.refresh_token


@pytest.mark.slow
def test_client_credentials_go_with_a_signed_assertion(oauth: OAuthServer, certificate: Certificate) -> None:
    oauth.secret = SECRET

    _ = client_of(oauth, certificate=certificate).by_itself()

    (form,) = oauth.asked
    assert "client_secret" not in form
    head, claims, signature = form["client_assertion"].split(".")
    shown = x509.load_pem_x509_certificate(certificate.pem)
    key = shown.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(
        answers_octets(signature),
        f"{head}.{claims}".encode(),
        padding.PSS(padding.MGF1(hashes.SHA256()), 32),
        hashes.SHA256(),
    )
    read = claims_of(form["client_assertion"])
    assert read["aud"] == f"{oauth.url}/firm.example/oauth2/v2.0/token"
    assert read["iss"] == read["sub"] == oauth.client_id
    assert 0 < read["exp"] - read["nbf"] <= 600


def test_a_service_account_acts_for_the_user(oauth: OAuthServer, account: ServiceAccount) -> None:
    provider = google(authority=oauth.url)

    tokens = OAuthClient(provider, "").for_user(account, "ada@example.org")

    claims = claims_of(oauth.asked[0]["assertion"])
    assert (claims["sub"], claims["iss"]) == ("ada@example.org", account.email)
    assert (claims["scope"], claims["aud"]) == ("https://mail.google.com/", provider.token_url)
    assert tokens.access_token == oauth.access_tokens[0]


@pytest.mark.slow
@pytest.mark.parametrize("skew", [600.0, -600.0])
def test_a_clock_that_is_off_is_named(
    oauth: OAuthServer, account: ServiceAccount, certificate: Certificate, skew: float
) -> None:
    oauth.clock = skew
    side = "behind" if skew > 0 else "ahead"

    for ask in (
        lambda: OAuthClient(google(authority=oauth.url), "").for_user(account, "ada@example.org"),
        lambda: client_of(oauth, certificate=certificate).by_itself(),
    ):
        with pytest.raises(errors.TokenRefused, match=rf"clock is (?:599|600|601) s {side}") as refused:
            ask()
        assert refused.value.failure is not None
        assert refused.value.failure.id == "OAUTH-CLOCK-OFF"


# The device code.


def device_code(oauth: OAuthServer) -> DeviceCode:
    return client_of(oauth).ask_device_code()


def test_a_device_code_is_polled_as_slowly_as_the_server_asks(oauth: OAuthServer) -> None:
    oauth.device_story = [PENDING, "slow_down", PENDING]
    slept: list[float] = []

    tokens = client_of(oauth).by_device_code(device_code(oauth), sleep=slept.append, clock=lambda: sum(slept))

    assert slept == [5, 5, 10, 10]
    assert tokens.access_token == oauth.access_tokens[0]


@pytest.mark.parametrize(
    ("code", "failure"),
    [("expired_token", "OAUTH-LOGIN-TOO-LATE"), ("authorization_declined", "OAUTH-CONSENT-REFUSED")],
)
def test_a_device_code_ends(oauth: OAuthServer, code: str, failure: str) -> None:
    oauth.device_story = [PENDING, code]

    with pytest.raises(errors.TokenRefused) as refused:
        client_of(oauth).by_device_code(device_code(oauth), sleep=lambda _: None, clock=lambda: 0.0)

    assert (refused.value.code, refused.value.failure and refused.value.failure.id) == (code, failure)


@pytest.mark.slow
def test_a_code_that_nobody_enters_is_not_waited_for_without_end(oauth: OAuthServer) -> None:
    oauth.device_story = [PENDING] * 1000
    slept: list[float] = []

    with pytest.raises(errors.TimedOut, match="900 s"):
        client_of(oauth).by_device_code(device_code(oauth), sleep=slept.append, clock=lambda: sum(slept))

    assert sum(slept) <= 900


def test_google_has_no_device_code_for_mail(oauth: OAuthServer) -> None:
    with pytest.raises(errors.UsageError, match="carry no mail scope"):
        OAuthClient(google(authority=oauth.url), "id").ask_device_code()


# Answers that are none.


def endless() -> Iterator[bytes]:
    return itertools.repeat(b"x" * 65536)


REDIRECT = {"Location": "https://evil.example/token"}
BROKEN = [
    (Answer(200, b"<html>Sign in to the guest network</html>", "text/html"), "not JSON (text/html, HTTP status 200)"),
    (Answer(200, b'{"access_token": ', "application/json"), "not JSON"),
    (Answer(200, b"[]"), "not JSON"),
    (Answer(200, b"[" * 60000), "not JSON"),
    (Answer(200, b"\xff\xfe\x00"), "not JSON"),
    (Answer(200, endless()), "longer than 65536 bytes"),
    (Answer(302, b"", "text/html", REDIRECT), "a redirect, which is not followed"),
    (Answer(307, b"", "text/html", REDIRECT), "a redirect, which is not followed"),
    (Answer(404, b"{}"), "HTTP status 404 without an error code"),
    (Answer(200, b'{"token_type": "Bearer"}'), "access_token is missing"),
    (Answer(200, b'{"token_type": "mac", "access_token": "x"}'), "not a bearer token"),
    (Answer(200, b'{"token_type": "Bearer", "access_token": "x\\u0000y"}'), "access_token is missing, or is not text"),
    (Answer(200, b'{"token_type": "Bearer", "access_token": "x", "expires_in": "soon"}'), "not a number"),
    (Answer(200, b'{"token_type": "Bearer", "access_token": "x", "expires_in": 1e999}'), "not a number of seconds"),
    (Answer(200, b'{"token_type": "Bearer", "access_token": "x", "expires_in": NaN}'), "not a number of seconds"),
]


@pytest.mark.parametrize(("answer", "told"), BROKEN, ids=[told for _, told in BROKEN])
def test_what_is_no_answer_is_said_to_be_none(oauth: OAuthServer, answer: Answer, told: str) -> None:
    oauth.next_answers.append(answer)

    with pytest.raises(errors.RemoteProtocolError) as refused:
        client_of(oauth, SECRET).refresh(REFRESH)

    assert told in str(refused.value)
    assert refused.value.failure is not None
    assert refused.value.failure.id == "OAUTH-SERVER-BROKEN"
    assert len(oauth.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_server_in_trouble_may_be_asked_again(oauth: OAuthServer, status: int) -> None:
    oauth.next_answers.append(Answer(status, b"<html>Oops", "text/html"))

    with pytest.raises(errors.ConnectionFailed, match=f"HTTP status {status}") as refused:
        client_of(oauth).refresh("old-token")

    assert refused.value.retryable
    assert refused.value.sysexit == 75


@pytest.mark.parametrize(
    ("code", "description", "failure"),
    [
        ("invalid_grant", "Token has been expired or revoked.", "OAUTH-GRANT-REFUSED"),
        ("invalid_client", "AADSTS7000215: Invalid client secret provided.", "OAUTH-CLIENT-REFUSED"),
        ("invalid_grant", "AADSTS65001: The user has not consented.", "OAUTH-CONSENT-REFUSED"),
        ("invalid_grant", "AADSTS53003: Blocked by Conditional Access.", "OAUTH-POLICY"),
        ("invalid_scope", "Some requested scopes were invalid", "OAUTH-SCOPE-MISSING"),
        ("interaction_required", "AADSTS50076: You must use multi-factor authentication", "OAUTH-GRANT-REFUSED"),
        ("temporarily_unavailable", "", "OAUTH-SERVER-TROUBLE"),
        ("something_new", "", "OAUTH-REFUSED"),
    ],
)
def test_each_refusal_has_its_cause(oauth: OAuthServer, code: str, description: str, failure: str) -> None:
    oauth.next_answers.append(Answer.error(code, description))

    with pytest.raises(errors.CourrielError) as refused:
        client_of(oauth).refresh("old-token")

    assert refused.value.failure is not None
    assert refused.value.failure.id == failure
    assert description in str(refused.value)


def test_what_a_server_says_is_one_line_of_limited_length_without_our_secrets() -> None:
    words = f"no\r\n\x1b[31m {SECRET} " + "x" * 5000

    line = answers.shown(words, (SECRET,))

    assert SECRET not in line
    assert line.isprintable()
    assert len(line) <= 301


def test_no_secret_is_in_any_error_or_traceback(oauth: OAuthServer) -> None:
    for code in ("invalid_grant", "invalid_client"):
        oauth.next_answers.append(Answer.error(code, f"no such {SECRET} and {REFRESH}"))
        with pytest.raises(errors.TokenRefused) as refused:
            client_of(oauth, SECRET).refresh(REFRESH)
        told = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
        assert SECRET not in told
        assert REFRESH not in told
    assert SECRET not in repr(client_of(oauth, SECRET))


# Below HTTP.


def test_a_certificate_of_nobody_is_refused_before_anything_is_sent(
    oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "others.pem"
    trustme.CA().cert_pem.write_to_path(str(empty))
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))

    with pytest.raises(errors.TlsFailed) as refused:
        client_of(oauth).refresh("old-token")

    assert refused.value.failure is not None
    assert refused.value.failure.id.startswith("CERT-")
    assert not oauth.asked


def test_a_server_that_is_not_there_may_be_asked_again() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(errors.ConnectionFailed) as refused:
        https.post(f"https://127.0.0.1:{port}/token", {})

    assert refused.value.retryable
    assert refused.value.hint_id == "OAUTH-SERVER-TROUBLE"


@pytest.mark.slow
def test_a_server_that_drips_is_left(oauth: OAuthServer) -> None:
    released = threading.Event()

    def drip() -> Iterator[bytes]:
        while not released.wait(0.01):
            yield b" "

    oauth.next_answers.append(Answer(200, drip()))
    try:
        with pytest.raises(errors.TimedOut, match="did not answer a request for a token in time"):
            https.post(f"{oauth.url}/token", {"grant_type": "refresh_token"}, total=0.5)
    finally:
        released.set()


def test_what_is_not_http_is_named(oauth: OAuthServer) -> None:
    oauth.next_answers.append(Answer(200, b"", headers={"X-Long": "x" * 70000}))

    with pytest.raises(errors.RemoteProtocolError, match="this is not HTTP"):
        client_of(oauth).refresh("old-token")


@pytest.mark.parametrize(
    "url", ["http://login.example/token", "https://login.example/t?x=1", "ftp://x", "https:///token"]
)
def test_an_endpoint_is_https(url: str) -> None:
    with pytest.raises(errors.UsageError, match="https://host/path"):
        AuthorizationServer("other", url)


@pytest.mark.parametrize("tenant", ["", "a/b", "../x", "a b", "x" * 300])
def test_a_tenant_cannot_change_the_address(tenant: str) -> None:
    with pytest.raises(errors.UsageError, match="tenant"):
        microsoft(tenant)


def test_an_answer_shows_no_body() -> None:
    assert "secret" not in repr(HttpAnswer("https://h/t", 200, "", b"secret"))


def test_a_trust_of_ones_own_takes_the_place_of_the_systems(
    oauth: OAuthServer, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "none.pem").write_bytes(b"")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    oauth.refresh_tokens.add("old")

    assert replace(client_of(oauth), trust=Trust.file(authority.ca_file)).refresh("old").access_token


# Keys.


def answers_octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def certificate(key: rsa.RSAPrivateKey) -> Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "courriel")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return Certificate(made.public_bytes(serialization.Encoding.PEM), pem_of(key))


@pytest.fixture
def account(key: rsa.RSAPrivateKey) -> ServiceAccount:
    return ServiceAccount("robot@project.iam.gserviceaccount.com", pem_of(key).decode(), "1")


def pem_of(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    "content", [b"", b"not PEM", b"{}", b'{"type": "authorized_user"}', b"\xff" * 100, b"x" * 70000]
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)

    with pytest.raises(errors.UsageError) as refused:
        ServiceAccount.read(str(path))
    assert refused.value.hint_id == "OAUTH-KEY-UNREADABLE"
    with pytest.raises(errors.UsageError) as refused:
        Certificate.read(str(path)).assertion("id", "https://x", 0)
    assert refused.value.hint_id == "OAUTH-KEY-UNREADABLE"


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match=r"nowhere\.pem: No such file"):
        Certificate.read(str(tmp_path / "nowhere.pem"))


def test_a_key_never_shows_itself(certificate: Certificate, account: ServiceAccount) -> None:
    assert "PRIVATE" not in repr(certificate) + repr(account)
