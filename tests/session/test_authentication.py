"""SMTP login: choice of the mechanism, further attempts, and secrets that are never shown (hazards H27 to H31)."""

from __future__ import annotations

import hashlib
import hmac
import logging
import pickle
import ssl
import traceback
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import trustme

from courriel import External, Password, Security, Server, Timeouts, Token, TokenSource, Transcript, Trust, errors
from courriel.model.servers.credentials import Credentials
from session.conftest import Play
from session.play import Awaiting, Session
from session.stranger import Act, Phone, greeted, stranger

Call = Callable[..., Session]

SECRET = "s3cret d'été"
ADA = Password("ada", SECRET)
ALL = "LOGIN PLAIN CRAM-MD5 SCRAM-SHA-256"


def coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def offering(mechanisms: str) -> str:
    return f"S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250 AUTH {mechanisms}\n"


PLAIN = f"C: AUTH PLAIN {coded(chr(0) + 'ada' + chr(0) + SECRET)}\n"
LOGIN = f"C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: {coded('ada')}\nS: 334 UGFzc3dvcmQ6\nC: {coded(SECRET)}\n"
CHALLENGE = "<1896.697170952@postoffice.example.net>"
DIGEST = hmac.new(SECRET.encode(), CHALLENGE.encode(), "md5").hexdigest()
CRAM = f"C: AUTH CRAM-MD5\nS: 334 {coded(CHALLENGE)}\nC: {coded(f'ada {DIGEST}')}\n"
SCRAM = "C~ AUTH SCRAM-SHA-256 \n"


EXPLAINED = coded('{"status":"400"}')


BEARER = "C~ AUTH OAUTHBEARER bixhPWFkYSwB\n"


def oauth(token: str, user: str = "ada") -> str:
    return coded(f"user={user}\1auth=Bearer {token}\1\1")


# Choice of the mechanism.


@pytest.mark.parametrize(
    ("offered", "wished", "exchange", "used"),
    [
        ("LOGIN PLAIN CRAM-MD5", (), CRAM, "CRAM-MD5"),
        ("LOGIN PLAIN", (), PLAIN, "PLAIN"),
        ("login plain", (), PLAIN, "PLAIN"),
        ("LOGIN XFOO", (), LOGIN, "LOGIN"),
        (ALL, ("login",), LOGIN, "LOGIN"),
        (ALL, ("PLAIN", "scram-sha-256"), PLAIN, "PLAIN"),
        (ALL, ("xoauth2", "external", "login"), LOGIN, "LOGIN"),
    ],
)
def test_the_strongest_mechanism_offered_and_allowed_is_tried(
    meet: Play, offered: str, wished: tuple[str, ...], exchange: str, used: str
) -> None:
    session = meet(offering(offered) + exchange + "S: 235 welcome\n", credentials=ADA, auth=wished)

    session.open()

    assert session.session.mechanism == used


def test_scram_comes_before_all_that_say_the_password(meet: Play) -> None:
    session = meet(offering(ALL) + "C~ AUTH SCRAM-SHA-256 \nS: 454 4.7.0 later\n", credentials=ADA)

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.tried == ("SCRAM-SHA-256",)
    assert refused.value.offered == tuple(ALL.split())


# Further attempts (docs/decisions/0025).


@pytest.mark.parametrize(
    "reply",
    [
        "504 5.5.4 unrecognized",
        "534 5.7.1 too weak",
        "502 no such command",
        "535 5.7.8 channel binding not supported",
        "535 not you",
        "535 5.7.0 mechanism disabled",
        "221 bye",
    ],
)
def test_a_failure_before_our_proof_was_sent_does_not_count(meet: Play, reply: str) -> None:
    """SCRAM and CRAM-MD5 prove nothing in their first message; so PLAIN is the first proof, and LOGIN the one more."""
    session = meet(
        offering(ALL)
        + f"C~ AUTH SCRAM-SHA-256 \nS: {reply}\nC: AUTH CRAM-MD5\nS: {reply}\n"
        + f"{PLAIN}S: 535 5.7.8 no\n{LOGIN}S: 235 welcome\n",
        credentials=ADA,
    )

    session.open()

    assert session.session.mechanism == "LOGIN"


@pytest.mark.parametrize("reply", ["504 5.7.4 unrecognized authentication type", "500 what", "535 unknown mechanism"])
def test_a_mechanism_that_is_announced_and_unknown_does_not_count_though_the_password_left(
    meet: Play, reply: str
) -> None:
    session = meet(offering("LOGIN PLAIN") + f"{PLAIN}S: {reply}\n{LOGIN}S: 235 ok\n", credentials=ADA)

    session.open()

    assert session.session.mechanism == "LOGIN"


@pytest.mark.slow
@pytest.mark.parametrize("reply", ["535 5.7.8 wrong", "530 5.7.0 no", "550 no", "501 what"])
def test_after_a_proof_that_was_judged_one_more_follows_and_no_third(meet: Play, reply: str) -> None:
    session = meet(
        offering("LOGIN PLAIN CRAM-MD5") + f"{CRAM}S: {reply}\n{PLAIN}S: 535 5.7.8 still wrong\n...", credentials=ADA
    )

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.tried == refused.value.judged == ("CRAM-MD5", "PLAIN")
    assert refused.value.detail == "535 5.7.8 still wrong (tried CRAM-MD5, PLAIN)"
    assert refused.value.user == "ada"
    assert not refused.value.final
    assert not refused.value.session_usable


def test_scram_that_is_explained_away_before_our_proof_does_not_count(meet: Play) -> None:
    explained = f"{SCRAM}S: 334 {coded('e=other-error')}\nC: \nS: 535 5.7.8 no\n"
    session = meet(
        offering("SCRAM-SHA-256 CRAM-MD5 PLAIN") + f"{explained}{CRAM}S: 535 no\n{PLAIN}S: 235 ok\n", credentials=ADA
    )

    session.open()

    assert session.session.mechanism == "PLAIN"


def test_a_dead_cram_md5_is_followed_by_plain(meet: Play) -> None:
    session = meet(offering("CRAM-MD5 PLAIN") + f"{CRAM}S: 535 5.7.8 no\n{PLAIN}S: 235 ok\n", credentials=ADA)

    session.open()

    assert session.session.mechanism == "PLAIN"


@pytest.mark.parametrize(
    "reply",
    [
        "454 4.7.0 not now",
        "432 4.7.12 change it",
        "534 5.7.9 Application-specific password required",
        "535 5.7.8 account locked",
        "535 5.7.139 basic authentication is disabled",
        "535 5.7.8 login rate exceeded",
        "535 too many attempts",
        "535 password expired",
        "534-5.7.14 Please log in with your web browser\nS: 534 5.7.14 and then try again",
    ],
)
@pytest.mark.parametrize("when", ["before the proof", "after it"])
def test_some_refusals_end_the_login_at_once(meet: Play, reply: str, when: str) -> None:
    """The server will not judge a password now, or another try would lock the account."""
    command = "C: AUTH CRAM-MD5\n" if when == "before the proof" else CRAM
    session = meet(offering("LOGIN PLAIN CRAM-MD5") + f"{command}S: {reply}\n...", credentials=ADA)

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.tried == ("CRAM-MD5",)
    assert refused.value.final
    assert refused.value.retryable == reply.startswith("4")


def test_a_server_that_hangs_up_after_a_refusal_has_refused(meet: Play) -> None:
    """It is not a connection failure."""
    session = meet(offering("LOGIN PLAIN") + f"{PLAIN}S: 535 5.7.8 wrong\n---", credentials=ADA)

    with pytest.raises(errors.AuthenticationRefused, match="wrong") as refused:
        session.open()

    assert refused.value.tried == ("PLAIN",)
    assert not refused.value.retryable


@pytest.mark.parametrize("offered", ["XOAUTH2 GSSAPI", ""])
def test_what_was_not_offered_is_not_tried(meet: Play, offered: str) -> None:
    session = meet(offering(offered) + "...", credentials=ADA)

    with pytest.raises(errors.NotSupported) as missing:
        session.open()

    assert missing.value.capability == "AUTH"
    assert missing.value.failure is not None
    assert missing.value.failure.id == "AUTH-NOT-OFFERED"
    assert missing.value.stage == "authenticate"


def test_the_profile_is_a_floor(meet: Play) -> None:
    """No weaker mechanism is used, even if the server offers nothing else."""
    session = meet(offering(ALL) + "C~ AUTH SCRAM-SHA-256 \nS: 504 no\n---", credentials=ADA, auth=("scram-sha-256",))

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.tried == ("SCRAM-SHA-256",)


@pytest.mark.slow
@pytest.mark.parametrize("challenge", ["334 not base64!", "334 bm90IHNjcmFt", "334 " + coded("s=eA==,i=4096")])
def test_a_broken_challenge_is_cancelled_and_one_further_try_follows(meet: Play, challenge: str) -> None:
    session = meet(
        offering("PLAIN SCRAM-SHA-256")
        + f"C~ AUTH SCRAM-SHA-256 \nS: {challenge}\nC: *\nS: 501 cancelled\n"
        + PLAIN
        + "S: 235 welcome\n",
        credentials=ADA,
    )

    session.open()

    assert session.session.mechanism == "PLAIN"


def test_a_cancelled_login_that_the_server_accepts_does_not_count(meet: Play) -> None:
    session = meet(
        offering("PLAIN SCRAM-SHA-256") + "C~ AUTH SCRAM-SHA-256 \nS: 334 !\nC: *\nS: 235 welcome\n---", credentials=ADA
    )

    with pytest.raises(errors.RemoteProtocolError):
        session.open()

    assert not session.session.usable


def test_a_server_that_asks_without_end_is_left(meet: Play) -> None:
    again = f"S: 334 \nC: {PLAIN.rsplit(maxsplit=1)[-1]}\n"
    session = meet(offering("PLAIN") + PLAIN + again * 8 + "S: 334 \n...", credentials=ADA)

    with pytest.raises(errors.RemoteProtocolError, match="goes on asking") as endless:
        session.open()

    assert endless.value.stage == "authenticate"


def test_a_third_question_of_login_is_not_answered(meet: Play) -> None:
    session = meet(offering("LOGIN") + LOGIN + "S: 334 TW9yZT8=\nC: *\nS: 501 ok\n---", credentials=ADA)

    with pytest.raises(errors.AuthenticationRefused, match="third question"):
        session.open()


def test_plain_that_is_asked_for_again_is_said_again(meet: Play) -> None:
    """Some servers send a challenge although the response came with the command."""
    session = meet(
        offering("PLAIN") + PLAIN + "S: 334 \nC: " + PLAIN.rsplit(maxsplit=1)[-1] + "\nS: 235 ok\n", credentials=ADA
    )

    session.open()

    assert session.session.mechanism == "PLAIN"


def test_an_empty_initial_response_is_an_equals_sign(meet: Play) -> None:
    """RFC 4954 4."""
    session = meet(offering("EXTERNAL PLAIN") + "C: AUTH EXTERNAL =\nS: 235 I know you\n", credentials=External())

    session.open()

    assert session.session.mechanism == "EXTERNAL"


def test_mechanisms_offered_in_clear_are_not_those_behind_tls(meet: Play) -> None:
    """Hazard H64: capabilities from before TLS are discarded."""
    session = meet(
        "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250-AUTH PLAIN\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n"
        ">>>\nC: EHLO client.example.org\nS: 250-hi\nS: 250 AUTH LOGIN\n" + LOGIN + "S: 235 ok\n",
        credentials=ADA,
        security=Security.STARTTLS,
    )

    session.open()

    assert session.session.mechanism == "LOGIN"


# SCRAM: both sides prove that they know the password.


def scram(phone: Phone, *, password: str = SECRET, lie: str = "") -> bytes:
    """Server side of SCRAM (RFC 5802), with its proof in a challenge; returns the client's answer to it."""
    bare = b64decode(phone.receive().split()[2]).decode().partition(",,")[2]
    nonce = bare.rpartition("r=")[2] + "server"
    first = f"r={nonce},s={coded('salt')},i=4096"
    final = b64decode(phone.ask(f"334 {coded(first)}")).decode()
    text = f"{bare},{first},{final.rpartition(',p=')[0]}".encode()
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 4096)
    client = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client).digest(), text, "sha256")
    proof = b64decode(final.rpartition(",p=")[2])
    assert bytes(a ^ b for a, b in zip(proof, signature, strict=True)) == client or password != SECRET
    mine = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), text, "sha256")
    if lie == "silent":
        return b"(not asked)"
    return phone.ask(f"334 {coded(lie or 'v=' + b64encode(mine).decode())}")


@pytest.fixture
def call(colour: type[Session], authority: trustme.CA) -> Iterator[Call]:
    """A session, not opened yet, with a server that runs these functions, one for each connection."""
    with ExitStack() as ending:

        def call(*acts: Act, credentials: Credentials | None = None, **options: object) -> Session:
            running = ending.enter_context(stranger(*acts))
            wishes = {
                "security": Security.NONE,
                "ehlo_name": "client.example.org",
                "timeouts": Timeouts.silence(10),
                "trust": Trust.data(authority.cert_pem.bytes()),
            } | options
            session = colour(Server("127.0.0.1", running.port, **wishes), credentials)  # type: ignore[arg-type]
            ending.callback(session.leave)
            return session

        yield call


def test_a_server_that_knows_the_password_is_believed(call: Call) -> None:
    def act(phone: Phone) -> None:
        greeted(phone, "AUTH SCRAM-SHA-256 PLAIN")
        assert scram(phone) == b""
        phone.say("235 welcome")
        phone.expect_nothing_more()

    session = call(act, credentials=ADA)

    session.open()

    assert session.session.mechanism == "SCRAM-SHA-256"


@pytest.mark.parametrize(
    "lie", ["", "v=AAAA", "v=!", "what"], ids=["another password", "nonsense", "no base64", "no field"]
)
def test_an_impostor_is_told_nothing_more(call: Call, lie: str) -> None:
    """It does not know the password, and tries to get it by a weaker mechanism."""
    phones: list[Phone] = []

    def act(phone: Phone) -> None:
        phones.append(phone)
        greeted(phone, "AUTH SCRAM-SHA-256 PLAIN LOGIN")
        assert scram(phone, password="guessed", lie=lie) == b""
        phone.expect_nothing_more()

    session = call(act, credentials=ADA)

    with pytest.raises(errors.RemoteProtocolError, match=r"signature is wrong|cannot be read|not base64") as impostor:
        session.open()

    assert impostor.value.stage == "authenticate"
    assert not impostor.value.retryable
    assert not session.session.usable
    assert len(phones[0].heard) == 3


@pytest.mark.parametrize("nonce", ["theirs", "{ours}"])
def test_a_nonce_that_does_not_continue_ours_ends_it_at_once(call: Call, nonce: str) -> None:

    def act(phone: Phone) -> None:
        greeted(phone, "AUTH SCRAM-SHA-256 PLAIN LOGIN")
        ours = b64decode(phone.receive().split()[2]).decode().rpartition("r=")[2]
        assert phone.ask(f"334 {coded('r=' + nonce.format(ours=ours) + ',s=c2FsdA==,i=4096')}") == b"*"
        assert phone.ask("501 cancelled") == b""

    session = call(act, credentials=ADA)

    with pytest.raises(errors.AuthenticationRefused, match="another login") as foreign:
        session.open()

    assert foreign.value.final
    assert foreign.value.tried == ("SCRAM-SHA-256",)
    assert not foreign.value.retryable


@pytest.mark.parametrize("lie", ["silent", "e=invalid-proof"])
def test_a_login_that_proves_nothing_is_none_although_the_server_says_235(call: Call, lie: str) -> None:
    def act(phone: Phone) -> None:
        greeted(phone, "AUTH SCRAM-SHA-256")
        scram(phone, lie=lie)
        phone.say("235 welcome")
        phone.expect_nothing_more()

    session = call(act, credentials=ADA)

    with pytest.raises(errors.RemoteProtocolError, match="without proving") as impostor:
        session.open()

    assert impostor.value.stage == "authenticate"
    assert not session.session.usable


# SCRAM bound to the certificate.

PLUS = "SCRAM-SHA-256-PLUS"
BOUND = {"security": Security.TLS}


def bound(phone: Phone, certificate: ssl.SSLContext, offered: str) -> None:
    """Server side up to AUTH, over TLS."""
    phone.secure(certificate)
    greeted(phone, f"AUTH {offered}")


def challenged(phone: Phone) -> tuple[str, str]:
    """Mechanism and GS2 header of the client's first message; its proof is read, and not verified."""
    _, mechanism, said = phone.receive().decode().split()
    header, _, bare = b64decode(said).decode().partition(",,")
    phone.ask(f"334 {coded(f'r={bare.rpartition(chr(61))[2]}more,s=c2FsdA==,i=4096')}")
    return mechanism, header


@pytest.mark.parametrize(
    "refusal",
    ["535 5.7.8 no", "334 " + coded("e=invalid-proof"), "334 " + coded("e=channel-bindings-dont-match"), "550 what"],
)
def test_a_refused_proof_of_plus_may_be_a_man_in_the_middle(
    call: Call, certificate: ssl.SSLContext, refusal: str
) -> None:
    """RFC 5802 7: no weaker mechanism follows, or an attacker gets what he wants."""

    def act(phone: Phone) -> None:
        bound(phone, certificate, f"PLAIN SCRAM-SHA-256 {PLUS}")
        assert challenged(phone) == (PLUS, "p=tls-server-end-point")
        if refusal.startswith("334"):
            assert phone.ask(refusal) == b""
        phone.say("535 5.7.8 no" if refusal.startswith("334") else refusal)
        assert phone.receive() == b""

    session = call(act, credentials=ADA, **BOUND)

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.tried == (PLUS,)
    assert refused.value.final
    assert refused.value.failure is not None
    assert refused.value.failure.id == "LOGIN-BINDING-REFUSED"


@pytest.mark.parametrize(
    ("explained", "refusal"),
    [
        ("", "535 5.7.8 channel binding not supported"),
        ("e=unsupported-channel-binding-type", "535 5.7.8 no"),
        ("e=channel-binding-not-supported", "535 5.7.8 no"),
        ("", "501 5.5.4 undefined error!"),
        ("", "535 bad protocol / cancel"),
    ],
)
@pytest.mark.parametrize("when", ["before the proof", "after it"])
def test_a_binding_that_the_server_does_not_know_is_done_without(
    call: Call, certificate: ssl.SSLContext, explained: str, refusal: str, when: str
) -> None:
    """Cyrus offers PLUS with "tls-unique" only, which TLS 1.3 lacks; it refuses after our proof."""
    headers: list[bytes] = []

    def act(phone: Phone) -> None:
        bound(phone, certificate, f"PLAIN SCRAM-SHA-256 {PLUS}")
        if when == "after it":
            challenged(phone)
        else:
            phone.receive()
        if explained:
            phone.ask(f"334 {coded(explained)}")
        phone.say(refusal)
        first = phone.receive()
        headers.append(b64decode(first.split()[2])[:3])
        assert first.split()[1] == b"SCRAM-SHA-256"
        phone.say("504 5.5.4 no")
        phone.receive()
        phone.say("235 ok")
        phone.expect_nothing_more()

    session = call(act, credentials=ADA, **BOUND)

    session.open()

    assert session.session.mechanism == "PLAIN"
    assert headers == [b"n,,"]


@pytest.mark.parametrize(("offered", "flag"), [("SCRAM-SHA-256", "y"), (f"SCRAM-SHA-256 {PLUS}", "n")])
def test_scram_says_whether_plus_was_missing(call: Call, certificate: ssl.SSLContext, offered: str, flag: str) -> None:
    """RFC 5802 6: "y" where the server did not offer it, "n" where it did and the profile passes it over."""

    def act(phone: Phone) -> None:
        bound(phone, certificate, offered)
        assert challenged(phone) == ("SCRAM-SHA-256", flag)
        phone.say("454 later")
        phone.expect_nothing_more()

    session = call(act, credentials=ADA, auth=("scram-sha-256",), **BOUND)

    with pytest.raises(errors.AuthenticationRefused):
        session.open()


def test_a_server_that_says_it_had_offered_plus_was_not_heard_as_it_spoke(
    call: Call, certificate: ssl.SSLContext
) -> None:
    """The offer was removed in transit: no weaker mechanism follows."""

    def act(phone: Phone) -> None:
        bound(phone, certificate, "SCRAM-SHA-256 PLAIN")
        challenged(phone)
        phone.ask(f"334 {coded('e=server-does-support-channel-binding')}")
        phone.say("535 5.7.8 no")
        assert phone.receive() == b""

    session = call(act, credentials=ADA, **BOUND)

    with pytest.raises(errors.AuthenticationRefused, match="server-does-support-channel-binding") as refused:
        session.open()

    assert refused.value.final


# The mechanism that worked is remembered.


def test_a_mechanism_that_failed_is_not_tried_again_by_the_next_session(meet: Play) -> None:
    first = meet(offering(ALL) + f"{SCRAM}S: 504 no\n{CRAM}S: 535 no\n{PLAIN}S: 235 ok\n", credentials=ADA)
    first.open()
    second = meet(offering(ALL) + PLAIN + "S: 235 ok\n", credentials=ADA)

    second.open()

    assert second.session.mechanism == "PLAIN"


def test_what_worked_for_one_user_is_not_taken_for_another(meet: Play) -> None:
    first = meet(offering(ALL) + f"{SCRAM}S: 504 no\n{CRAM}S: 235 ok\n", credentials=ADA)
    first.open()
    second = meet(offering(ALL) + "C~ AUTH SCRAM-SHA-256 \nS: 454 no\n", credentials=Password("bob", "b"))

    with pytest.raises(errors.AuthenticationRefused):
        second.open()


def test_what_worked_and_works_no_more_is_forgotten(meet: Play) -> None:
    for script in (f"{SCRAM}S: 504 no\n{CRAM}S: 235 ok\n", f"{CRAM}S: 504 no\n{SCRAM}S: 504 no\n{PLAIN}S: 235 ok\n"):
        meet(offering(ALL) + script, credentials=ADA).open()
    third = meet(offering(ALL) + PLAIN + "S: 235 ok\n", credentials=ADA)

    third.open()

    assert third.session.mechanism == "PLAIN"


def test_what_worked_is_still_restricted_by_the_profile(meet: Play) -> None:
    meet(offering("PLAIN") + PLAIN + "S: 235 ok\n", credentials=ADA).open()
    session = meet(offering(ALL) + f"{CRAM}S: 235 ok\n", credentials=ADA, auth=("cram-md5",))

    session.open()

    assert session.session.mechanism == "CRAM-MD5"


# Tokens.


def tokens(*values: str | Token, colour: type[Session], awaited: bool = False) -> tuple[TokenSource, list[str | Token]]:
    """A token source that returns these, one after the other; with `awaited` as a coroutine."""
    left = list(values)

    def fetch() -> str | Token:
        return left.pop(0)

    async def fetch_later() -> str | Token:
        return left.pop(0)

    return TokenSource("ada", fetch_later if awaited and colour is Awaiting else fetch), left


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("explained", [False, True])
def test_a_token_is_refreshed_once(meet: Play, colour: type[Session], awaited: bool, explained: bool) -> None:
    """Hazard H30: after a 535, with or without an error message of the server before it."""
    explanation = f"S: 334 {EXPLAINED}\nC: \n" if explained else ""
    source, left = tokens("old", Token("new"), colour=colour, awaited=awaited)
    session = meet(
        offering("XOAUTH2 PLAIN")
        + f"C: AUTH XOAUTH2 {oauth('old')}\n{explanation}S: 535 5.7.8 expired\n"
        + f"C: AUTH XOAUTH2 {oauth('new')}\nS: 235 welcome\n",
        credentials=source,
    )

    session.open()

    assert session.session.mechanism == "XOAUTH2"
    assert left == []


def test_a_token_is_not_refreshed_twice(meet: Play, colour: type[Session]) -> None:
    source, left = tokens("old", "new", "never", colour=colour)
    session = meet(
        offering("XOAUTH2 PLAIN")
        + f"C: AUTH XOAUTH2 {oauth('old')}\nS: 535 5.7.8 expired\n"
        + f"C: AUTH XOAUTH2 {oauth('new')}\nS: 334 {EXPLAINED}\nC: \nS: 535 5.7.8 not you\n---",
        credentials=source,
    )

    with pytest.raises(errors.AuthenticationRefused, match=r"not you .the server explains: .*400") as refused:
        session.open()

    assert refused.value.tried == ("XOAUTH2", "XOAUTH2")
    assert refused.value.user == "ada"
    assert left == ["never"]


def test_a_token_is_refreshed_once_in_all_whatever_mechanisms_follow(meet: Play, colour: type[Session]) -> None:
    source, left = tokens("old", "new", "never", colour=colour)
    session = meet(
        offering("XOAUTH2 OAUTHBEARER")
        + f"{BEARER}S: 535 5.7.8 no\n{BEARER}S: 535 5.7.8 no\n"
        + f"C: AUTH XOAUTH2 {oauth('new')}\nS: 535 5.7.8 no\n...",
        credentials=source,
    )

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.tried == ("OAUTHBEARER", "OAUTHBEARER", "XOAUTH2")
    assert left == ["never"]


def test_an_account_that_is_disabled_gets_no_fresh_token(meet: Play, colour: type[Session]) -> None:
    source, left = tokens("old", "never", colour=colour)
    session = meet(
        offering("XOAUTH2") + f"C: AUTH XOAUTH2 {oauth('old')}\nS: 535 5.7.8 account disabled\n---", credentials=source
    )

    with pytest.raises(errors.AuthenticationRefused):
        session.open()

    assert left == ["never"]


def test_a_server_in_trouble_is_no_reason_for_a_fresh_token(meet: Play, colour: type[Session]) -> None:
    source, left = tokens("old", "never", colour=colour)
    session = meet(offering("XOAUTH2") + f"C: AUTH XOAUTH2 {oauth('old')}\nS: 454 4.7.0 later\n---", credentials=source)

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.retryable
    assert left == ["never"]


def test_oauthbearer_comes_before_xoauth2(meet: Play, colour: type[Session]) -> None:
    source, _ = tokens("t", colour=colour)
    session = meet(
        offering("XOAUTH2 OAUTHBEARER") + "C~ AUTH OAUTHBEARER bixhPWFkYSwB\nS: 504 no\n"
        f"C: AUTH XOAUTH2 {oauth('t')}\nS: 235 ok\n",
        credentials=source,
    )

    session.open()

    assert session.session.mechanism == "XOAUTH2"


def test_a_long_token_is_sent_after_the_challenge(meet: Play, colour: type[Session]) -> None:
    """RFC 4954 4: it would not fit into one line of 512 octets."""
    long = "t" * 1500
    source, _ = tokens(long, colour=colour)
    session = meet(offering("XOAUTH2") + f"C: AUTH XOAUTH2\nS: 334 \nC: {oauth(long)}\nS: 235 ok\n", credentials=source)

    session.open()

    assert session.session.mechanism == "XOAUTH2"


def test_a_token_source_that_fails_says_so_and_hangs_up(meet: Play) -> None:
    def fetch() -> str:
        raise RuntimeError("the web server of the tokens is down")

    session = meet(offering("XOAUTH2") + "...", credentials=TokenSource("ada", fetch))

    with pytest.raises(RuntimeError, match="is down"):
        session.open()

    assert not session.session.usable


@pytest.mark.parametrize("token", ["a\1auth=Bearer evil", "a\r\nb", "a\0b"])
def test_a_token_that_would_add_a_field_is_refused(meet: Play, colour: type[Session], token: str) -> None:
    source, _ = tokens(token, colour=colour)
    session = meet(offering("XOAUTH2") + "...", credentials=source)

    with pytest.raises(errors.InvalidServer) as refused:
        session.open()

    assert token not in str(refused.value)
    assert not session.session.usable


# Secrets.


def everything_shown_of(error: BaseException) -> str:
    """The error in every form in which a program, a person, a log or another process sees it."""
    twin = pickle.loads(pickle.dumps(error))
    facts = [f"{name}={value!r}" for name, value in vars(error).items()]
    texts = [str(error), repr(error), str(twin), repr(twin), *facts, *traceback.format_exception(error)]
    if isinstance(error, errors.CourrielError):
        texts += [error.hint, error.cause, error.advice_against, repr(error.reply)]
    return "\n".join(texts) + repr(pickle.dumps(error))


@pytest.mark.parametrize(
    ("mechanism", "exchange"),
    [
        ("PLAIN", PLAIN),
        ("LOGIN", LOGIN),
        ("CRAM-MD5", CRAM),
        ("SCRAM-SHA-256", "C~ AUTH SCRAM-SHA-256 \n"),
        ("XOAUTH2", f"C: AUTH XOAUTH2 {oauth(SECRET)}\nS: 334 e30=\nC: \nS: 535 no\nC: AUTH XOAUTH2 {oauth(SECRET)}\n"),
    ],
)
def test_secrets_are_never_shown(meet: Play, caplog: pytest.LogCaptureFixture, mechanism: str, exchange: str) -> None:
    """Hazard H31: by the state of the protocol, not by pattern."""
    credentials: Credentials = TokenSource("ada", lambda: SECRET) if mechanism == "XOAUTH2" else ADA
    transcript = Transcript()
    with caplog.at_level(logging.DEBUG):
        session = meet(offering(mechanism) + exchange + "S: 535 5.7.8 no\n---", credentials=credentials)
        witnessed = meet(
            offering(mechanism) + exchange + "S: 535 5.7.8 no\n---", credentials=credentials, transcript=transcript
        )
        with pytest.raises(errors.AuthenticationRefused) as refused:
            session.open()
        with pytest.raises(errors.AuthenticationRefused):
            witnessed.open()

    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("courriel"))
    seen = "\n".join(
        [everything_shown_of(refused.value), str(transcript), logged, repr(session.session), repr(credentials)]
    )
    assert "AUTH" in logged or "(not shown: a secret)" in logged
    assert "(not shown: a secret)" in str(transcript)
    # Nothing that the client sent during the login, and nothing of which it was made.
    words = [row.split()[-1] for row in exchange.splitlines() if row.startswith("C:") and row != "C: "]
    hidden = [
        SECRET,
        coded(SECRET),
        DIGEST,
        *(word for word in words if word not in {"LOGIN", "CRAM-MD5", coded("ada")}),
    ]
    assert [word for word in hidden if word in seen] == []


def test_a_password_never_shows_itself() -> None:
    credentials = [ADA, TokenSource("ada", lambda: SECRET), Token(SECRET)]

    assert SECRET not in "".join(f"{each!r}{each}" for each in credentials)


@pytest.mark.parametrize("user", ["été", "a,b=c", "用户"])
@pytest.mark.parametrize("secret", ["pässwörd ☃", " spaces ", "%:;{}\"'\\=,$", "\U0001f511"])
def test_a_password_may_hold_any_character(call: Call, user: str, secret: str) -> None:
    """Hazard H28."""
    heard: list[bytes] = []

    def act(phone: Phone) -> None:
        greeted(phone, "AUTH PLAIN")
        heard.append(b64decode(phone.receive().split()[-1]))
        phone.say("235 ok")
        phone.expect_nothing_more()

    session = call(act, credentials=Password(user, secret))

    session.open()

    assert heard == [f"\0{user}\0{secret}".encode()]


@pytest.mark.parametrize("text", ["a\ud800", "a\0b", ""])
def test_characters_that_no_mechanism_can_send_are_refused(text: str) -> None:
    for make in (lambda: Password(text, "x"), lambda: Password("ada", text)):
        with pytest.raises(errors.InvalidServer) as refused:
            make()
        assert "\ud800" not in str(refused.value)


# Connections without TLS.


@pytest.mark.parametrize("security", [Security.NONE, Security.OPPORTUNISTIC])
@pytest.mark.parametrize("credentials", [ADA, TokenSource("ada", lambda: SECRET)])
def test_a_secret_does_not_cross_a_clear_line_to_another_machine(
    colour: type[Session], security: Security, credentials: Credentials
) -> None:
    """Hazard H27: refused before connecting or a name lookup, either of which would fail this test."""
    session = colour(Server("192.0.2.1", 25, security), credentials)

    with pytest.raises(errors.InvalidServer) as refused:
        session.open()

    session.leave()
    assert refused.value.failure is not None
    assert refused.value.failure.id == "CLEAR-CREDENTIALS"
    assert refused.value.stage == "compose"


def test_a_login_without_tls_on_this_machine_is_allowed(meet: Play) -> None:
    session = meet(offering("PLAIN") + PLAIN + "S: 235 ok\n", credentials=ADA, security=Security.NONE)

    session.open()

    assert session.session.mechanism == "PLAIN"
