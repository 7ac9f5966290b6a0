"""Servers that repeat login data in replies: errors, logs, transcripts, pickles and frames hold none of it."""

from __future__ import annotations

import asyncio
import logging
import pickle
from base64 import b64decode, b64encode
from collections.abc import Callable
from traceback import TracebackException
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some

from courriel import (
    AsyncSmtpSession,
    ImapSession,
    Password,
    PopSession,
    Security,
    Server,
    SmtpSession,
    TokenSource,
    Transcript,
    errors,
    send,
)
from courriel.dialogue.login_replies import _ORDINARY, SaidAtLogin
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Dialect
from session.stranger import Act, Phone, greeted, stranger

SECRET = "correct horse/battery é"
TOKEN = "ya29.a0AfH6SMBx-token-of-some-length_"

Echo = Callable[[str], str]

ECHOES: dict[str, Echo] = {
    "as said": lambda said: said,
    "in capitals": lambda said: said.upper(),
    "decoded": lambda said: decoded(said),  # noqa: PLW0108 - it is defined below
    "decoded and quoted": lambda said: quote(decoded(said)),
    "in hex": lambda said: decoded(said).encode().hex(),
    "encoded once more": lambda said: b64encode(("x" + decoded(said)).encode()).decode(),
    "cut short": lambda said: said[: max(20, len(said) * 2 // 3)],
    "in latin-1": lambda said: decoded(said).encode("latin-1", "replace").decode("latin-1"),
}


def decoded(said: str) -> str:
    word = said.rsplit(" ", maxsplit=1)[-1]
    try:
        return b64decode(word, validate=True).decode().replace("\0", " ").replace("\1", " ")
    except ValueError:
        return said


def smtp(mechanism: str, answer: str = "535 5.7.8 no: {}") -> Callable[[Echo], Act]:
    def server(echo: Echo) -> Act:
        def act(phone: Phone) -> None:
            greeted(phone, f"AUTH {mechanism}")
            said = phone.receive().decode()
            if mechanism == "LOGIN":
                phone.ask("334 VXNlcm5hbWU6")
                said = phone.ask("334 UGFzc3dvcmQ6").decode()
            phone.say(answer.format(echo(said)))
            while phone.receive():  # the login is given up, or tried once more
                phone.say(f"501 no: {echo(said)}")

        return act

    return server


def pop(echo: Echo) -> Act:
    def act(phone: Phone) -> None:
        phone.ask("+OK hi")
        phone.say("+OK\nUSER\n.")
        phone.receive()
        said = phone.ask("+OK go on").decode()
        phone.say(f"-ERR [AUTH] no: {echo(said)}")
        phone.expect_nothing_more()

    return act


def imap(answer: str) -> Callable[[Echo], Act]:
    def server(echo: Echo) -> Act:
        def act(phone: Phone) -> None:
            said = phone.ask("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi").decode()
            phone.say(answer.format(tag=said.split(" ")[0], said=echo(said)))
            phone.expect_nothing_more()

        return act

    return server


def imap_login(echo: Echo) -> Act:
    def act(phone: Phone) -> None:
        tag = phone.ask("* OK [CAPABILITY IMAP4rev1] hi").decode().split(" ")[0]
        said = phone.ask("+ go on").decode()
        phone.say(f"{tag} NO [AUTHENTICATIONFAILED] no: {echo(said)}")
        phone.expect_nothing_more()

    return act


SERVERS: dict[str, tuple[Dialect, Callable[[Echo], Act]]] = {
    "PLAIN": (Dialect.SMTP, smtp("PLAIN")),
    "LOGIN": (Dialect.SMTP, smtp("LOGIN")),
    "CRAM-less 421": (Dialect.SMTP, smtp("PLAIN", "421 4.7.0 bye: {}")),
    "no reply at all": (Dialect.SMTP, smtp("PLAIN", "what is {}")),
    "two codes": (Dialect.SMTP, smtp("PLAIN", "535-no\n534 {}")),
    "a yes at the wrong moment": (Dialect.SMTP, smtp("PLAIN", "334 {}")),
    "PASS": (Dialect.POP3, pop),
    "AUTHENTICATE": (Dialect.IMAP, imap("{tag} NO [AUTHENTICATIONFAILED] no: {said}")),
    "BYE": (Dialect.IMAP, imap("* BYE no: {said}")),
    "nothing that was asked": (Dialect.IMAP, imap("x1 NO {said}")),
    "LOGIN of IMAP": (Dialect.IMAP, imap_login),
}


def blocking(server: Server, credentials: Credentials, transcript: Transcript | None = None) -> None:
    kind = {Dialect.POP3: PopSession, Dialect.IMAP: ImapSession}.get(server.dialect, SmtpSession)
    kind(server, credentials, transcript=transcript).open()


def awaiting(server: Server, credentials: Credentials, transcript: Transcript | None = None) -> None:
    asyncio.run(AsyncSmtpSession(server, credentials, transcript=transcript).open())  # type: ignore[arg-type]


def at(port: int, dialect: Dialect = Dialect.SMTP) -> Server:
    return Server("127.0.0.1", port, Security.NONE, dialect=dialect)


def said_anywhere(error: errors.CourrielError) -> str:
    """Everything that logs, error reporters and task queues see of an error."""
    frames = "".join(TracebackException.from_exception(error, capture_locals=True).format())
    restored = pickle.loads(pickle.dumps(error))
    return "\n".join(
        [str(error), repr(error.reply), error.hint, error.cause, frames, str(vars(restored)), str(restored)]
    )


def forms(secret: str) -> list[str]:
    octets = secret.encode()
    encoded = [b64encode(b"\0" * place + octets).decode()[4:-4] for place in range(3)]
    return [secret, quote(secret), octets.hex(), secret.encode("latin-1", "replace").decode("latin-1"), *encoded]


def expect_nothing_of(secret: str, text: str) -> None:
    folded = text.casefold()
    for form in forms(secret):
        assert form.casefold() not in folded
        assert form[:12].casefold() not in folded


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("name", SERVERS)
def test_nothing_shows_what_was_repeated(name: str, echo: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    dialect, server = SERVERS[name]
    transcript = Transcript()
    with stranger(server(ECHOES[echo])) as there:
        with pytest.raises(errors.CourrielError) as refused:
            blocking(at(there.port, dialect), Password("ada", SECRET), transcript)
        with pytest.raises(errors.CourrielError):
            blocking(at(there.port, dialect), Password("ada", SECRET))

    expect_nothing_of(SECRET, said_anywhere(refused.value))
    expect_nothing_of(SECRET, str(transcript))
    expect_nothing_of(SECRET, caplog.text)


@pytest.mark.parametrize("echo", ["as said", "decoded"])
@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("open_session", [blocking, awaiting])
def test_a_token_is_not_shown_either(open_session: Callable[..., None], mechanism: str, echo: str) -> None:
    transcript = Transcript()
    with stranger(smtp(mechanism, "501 no: {}")(ECHOES[echo])) as there, pytest.raises(errors.CourrielError) as refused:
        open_session(at(there.port), TokenSource("ada", lambda: TOKEN), transcript)

    expect_nothing_of(TOKEN, said_anywhere(refused.value))
    expect_nothing_of(TOKEN, str(transcript))


@pytest.mark.parametrize("open_session", [blocking, awaiting])
def test_the_codes_are_shown_and_the_reason(open_session: Callable[..., None]) -> None:
    with stranger(smtp("PLAIN")(ECHOES["as said"])) as there, pytest.raises(errors.AuthenticationRefused) as refused:
        open_session(at(there.port), Password("ada", SECRET))

    assert str(refused.value).startswith("535 5.7.8 (its text repeats what was said at the login, and is not shown)")
    assert refused.value.reply.code == 535


@pytest.mark.parametrize("open_session", [blocking, awaiting])
def test_words_that_repeat_nothing_are_shown(open_session: Callable[..., None]) -> None:
    transcript = Transcript()
    server = smtp("PLAIN")(lambda _: "ada has no such password")
    with stranger(server) as there, pytest.raises(errors.AuthenticationRefused, match="ada has no such password"):
        open_session(at(there.port), Password("ada", SECRET), transcript)

    assert "535 5.7.8 no: ada has no such password" in str(transcript)


@pytest.mark.parametrize("open_session", [blocking, awaiting])
@pytest.mark.parametrize("answer", ["535 5.7.8 no", "421 bye", "nonsense", "334 !!"])
def test_the_frames_of_a_failed_login_hold_no_secret(open_session: Callable[..., None], answer: str) -> None:
    def act(phone: Phone) -> None:
        greeted(phone, "AUTH PLAIN LOGIN")
        while said := phone.receive():  # each mechanism in turn, and "*" where the challenge was nonsense
            phone.say("501 given up" if said == b"*" else answer)

    with stranger(act) as there, pytest.raises(errors.CourrielError) as refused:
        open_session(at(there.port), Password("ada", SECRET))

    expect_nothing_of(SECRET, said_anywhere(refused.value))


def test_the_frames_of_a_call_with_a_url_hold_no_password() -> None:
    with stranger(smtp("PLAIN")(lambda _: "")) as there:
        try:
            send(
                via=f"smtp://ada:{quote(SECRET, safe='')}@127.0.0.1:{there.port}",
                sender="a@x.org", to="b@x.org", subject="x", text="y",
            )  # fmt: skip
        except errors.AuthenticationRefused as refused:
            expect_nothing_of(SECRET, said_anywhere(refused))
        else:
            raise AssertionError("it was let in")


@pytest.mark.slow
@given(
    some.text(min_size=4, max_size=40).filter(str.strip), some.sampled_from(["PLAIN", "PASS"]), some.text(max_size=10)
)
def test_any_secret_is_found_as_it_was_said_and_decoded(secret: str, how: str, around: str) -> None:
    secret = secret.encode("utf-8", "ignore").decode().replace("\0", "") or "x"
    line = secret.replace("\r", "").replace("\n", "") or "x"
    line = "".join(line.splitlines()) or "x"
    encoded = b64encode(f"\0ada\0{line}".encode()).decode()
    said = SaidAtLogin()
    said.add(f"AUTH PLAIN {encoded}\r\n".encode() if how == "PLAIN" else f"PASS {line}\r\n".encode())

    if line.strip() and line.casefold() not in _ORDINARY:
        assert said.repeated_in(f"{around}{line}{around}")
    if how == "PLAIN":
        assert said.repeated_in(f"{around}{encoded}{around}")
    assert repr(said) == "<what was said at a login>"


@pytest.mark.parametrize("text", ["535 no such user or wrong password", "-ERR Wrong login"])
def test_a_password_that_is_a_word_of_any_refusal_does_not_hide_it(text: str) -> None:
    said = SaidAtLogin()
    said.add(b"PASS wrong\r\n")

    assert not said.repeated_in(text)
    assert said.repeated_in("500 what is PASS wrong")
    assert said.repeated_in("500 PLAIN \\x00ada\\x00wrong")
