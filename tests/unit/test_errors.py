"""Every error answers: may I retry, is the session still good, could it have left, what can I do."""

from __future__ import annotations

import copy
import inspect
import os
import pickle
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import courriel
from courriel import errors, failures
from courriel.errors import (
    AuthenticationRefused,
    ConnectionFailed,
    CourrielError,
    InvalidMessage,
    LocalProtocolError,
    MessageRefused,
    NameNotFound,
    NotSupported,
    RecipientsRefused,
    RemoteProtocolError,
    TimedOut,
    TlsFailed,
    UsageError,
)  # fmt: skip
from courriel.reply import Reply

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, CourrielError)]


def make(kind: type[CourrielError], **facts: object) -> CourrielError:
    if issubclass(kind, errors.Refused):
        return kind(Reply(550, ("5.1.1 no such user",)), **facts)  # type: ignore[arg-type]
    if issubclass(kind, NotSupported):
        return kind("it cannot", capability="SIZE", **facts)  # type: ignore[arg-type]
    return kind("it broke", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_at_the_top_of_the_file_names_every_error(kind: type[CourrielError]) -> None:
    assert f"* {kind.__name__}" in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_survives_pickling(kind: type[CourrielError]) -> None:
    error = make(kind, stage="message", server="mx.example.org:25")

    twin = pickle.loads(pickle.dumps(error))

    assert type(twin) is kind
    assert str(twin) == str(error)
    assert (twin.stage, twin.server, twin.reply, twin.refused) == (
        error.stage,
        error.server,
        error.reply,
        error.refused,
    )
    assert (twin.retryable, twin.session_usable, twin.in_doubt) == (
        error.retryable,
        error.session_usable,
        error.in_doubt,
    )
    assert (twin.hint, twin.sysexit) == (error.hint, error.sysexit)


@pytest.mark.parametrize(
    ("kind", "standard"),
    [
        (UsageError, ValueError),
        (errors.MissingExtra, ImportError),
        (ConnectionFailed, ConnectionError),
        (ConnectionFailed, OSError),
        (TimedOut, TimeoutError),
    ],
)
def test_errors_are_standard_ones_as_well(kind: type[CourrielError], standard: type[Exception]) -> None:
    with pytest.raises(standard):
        raise make(kind)


@pytest.mark.parametrize(
    ("error", "retryable", "session_usable", "sysexit"),
    [
        (UsageError("this session is busy", hint_id="SESSION-BUSY"), False, True, 70),
        (InvalidMessage("no recipient was given", hint_id="NO-RECIPIENT"), False, True, 65),
        (ConnectionFailed("the server hung up", stage="sender", hint_id="SESSION-LOST"), True, False, 75),
        (NameNotFound("nothing.example", stage="connect", hint_id="HOST-NOT-FOUND"), False, False, 68),
        (TlsFailed("expired", stage="secure", hint_id="CERT-EXPIRED"), False, False, 69),
        (RemoteProtocolError("nonsense", stage="data"), False, False, 76),
        (RecipientsRefused(Reply(550, ("5.1.1 no such user",)), stage="recipient"), False, True, 67),
        (RecipientsRefused(Reply(450, ("4.2.0 greylisted",)), stage="recipient"), True, True, 75),
        (AuthenticationRefused(Reply(535, ("5.7.8 no",)), stage="authenticate"), False, True, 77),
        (NotSupported("too big", capability="SIZE", stage="sender", hint_id="MESSAGE-TOO-BIG"), False, True, 65),
    ],
)
def test_each_answers_the_three_questions(
    error: CourrielError, retryable: bool, session_usable: bool, sysexit: int
) -> None:
    assert (error.retryable, error.session_usable, error.sysexit) == (retryable, session_usable, sysexit)
    assert not error.in_doubt
    assert error.hint


def test_what_may_have_left_is_never_retryable() -> None:
    error = ConnectionFailed("the server hung up", stage="message", in_doubt=True)

    assert not error.retryable
    assert error.sysexit == 69
    assert error.failure is not None
    assert error.failure.id == "UNCERTAIN-RESULT"


def test_hints_speak_the_language_of_the_moment_and_name_the_server() -> None:
    error = TlsFailed("mixed up", stage="secure", server="smtp.example.org:587", hint_id="TLS-PORT-MIXUP")

    failures.speak("fr")
    french = (error.hint, error.cause, error.advice_against)
    failures.speak("en")
    english = (error.hint, error.cause, error.advice_against)
    failures.speak(None)

    assert all(french)
    assert all(english)
    assert not set(french) & set(english)
    assert "smtp+starttls://smtp.example.org:587" in french[0]
    assert "smtp+starttls://smtp.example.org:587" in english[0]


def test_a_server_without_a_port_is_still_named() -> None:
    error = TlsFailed("mixed up", stage="secure", server="smtp.example.org", hint_id="TLS-PORT-MIXUP")

    assert "smtp.example.org" in error.hint


def test_an_error_nobody_knows_has_no_hint_and_is_our_fault() -> None:
    error = CourrielError("something else entirely")

    assert (error.hint, error.cause, error.advice_against, error.failure) == ("", "", "", None)
    assert error.sysexit == 70
    assert not error.retryable


def test_the_cause_of_an_error_says_what_the_text_does_not() -> None:
    """The operating system's texts are translated: its numbers count."""
    try:
        try:
            raise ConnectionRefusedError(111, "Connexion refusée")
        except OSError as refused:
            raise ConnectionFailed("mx.example.org: Connexion refusée", stage="connect") from refused
    except ConnectionFailed as error:
        caught = error

    assert caught.failure is not None
    assert caught.failure.id == "CONNECTION-REFUSED"
    assert pickle.loads(pickle.dumps(caught)).failure.id == "CONNECTION-REFUSED"


def test_a_knot_of_causes_is_not_followed_for_ever() -> None:
    one, two = ConnectionFailed("one", stage="connect"), socket.gaierror(-2, "two")
    one.__cause__, two.__cause__ = two, one

    assert one.failure is not None


def test_a_refusal_says_whom_it_is_about() -> None:
    error = MessageRefused(
        Reply(554, ("5.7.1 spam",)), about="recipient bob@example.org", refused={"bob@example.org": Reply(554)}
    )

    assert str(error) == "554 5.7.1 spam (recipient bob@example.org)"
    assert list(error.refused) == ["bob@example.org"]


def test_what_we_were_about_to_break_names_its_rule() -> None:
    assert not LocalProtocolError("control characters are not allowed in a command").retryable


LOST = {"stage": "message", "server": "mx.example.org:25", "hint_id": "SESSION-LOST"}


@pytest.fixture
def in_english() -> Iterator[None]:
    failures.speak("en")
    yield
    failures.speak(None)


@pytest.mark.usefixtures("in_english")
def test_a_traceback_shows_the_server_the_cause_and_the_remedy() -> None:
    error = TlsFailed("mixed up", stage="secure", server="smtp.example.org:587", hint_id="TLS-PORT-MIXUP")

    shown = "".join(traceback.format_exception(error))

    assert "TlsFailed: mixed up (smtp.example.org:587)\n" in shown
    assert f"\nCause: {error.cause}\n" in shown
    assert f"\nFix: {error.hint}\n" in shown
    assert f"\nAvoid: {error.advice_against}\n" in shown


def test_notes_are_in_the_language_of_hints() -> None:
    failures.speak("fr")
    notes = ConnectionFailed("cut", **LOST).__notes__  # type: ignore[arg-type]
    failures.speak(None)

    assert notes[0].startswith("Cause : ")
    assert notes[1].startswith("À faire : ")


@pytest.mark.slow
def test_an_uncaught_error_shows_its_notes_without_the_traceback_module() -> None:
    """The interpreter prints the last traceback by itself, in C before Python 3.13."""
    program = "import courriel; raise courriel.TimedOut('silent', stage='greeting', server='mx.example.org:25')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False
    )

    assert "TimedOut: silent (mx.example.org:25)\n" in done.stderr
    assert "\nFix: " in done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, errors.copy])
def test_notes_are_there_once_after_every_journey(kind: type[CourrielError], again: Callable[..., Any]) -> None:
    error = make(kind, stage="message", server="mx.example.org:25")
    own = list(error.__notes__)
    error.add_note("mail 42")

    twin = again(again(error))
    twin.add_note("tried again")

    assert list(twin.__notes__) == [*own, "mail 42", "tried again"]
    assert list(error.__notes__) == [*own, "mail 42"]


def test_a_note_that_is_added_first_stands_below_our_own() -> None:
    error = ConnectionFailed("cut", **LOST)  # type: ignore[arg-type]
    own = list(ConnectionFailed("cut", **LOST).__notes__)  # type: ignore[arg-type]

    error.add_note("mail 42")

    assert own
    assert list(error.__notes__) == [*own, "mail 42"]


@pytest.mark.slow
def test_making_and_raising_an_error_reads_no_table() -> None:
    program = (
        "import sys, courriel\n"
        "try:\n raise courriel.TimedOut('silent', server='mx.example.org:25')\n"
        "except courriel.CourrielError as caught: error = caught\n"
        "str(error)\nassert 'courriel.failures' not in sys.modules\n"
        "assert error.__notes__ and 'courriel.failures.table' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionFailed("cut", server="mx.example.org:25"), "cut (mx.example.org:25)"),
        (ConnectionFailed("mx.example.org:25: cut", server="mx.example.org:25"), "mx.example.org:25: cut"),
        (NameNotFound("mx.example.org: unknown", server="mx.example.org:25"), "mx.example.org: unknown"),
        (ConnectionFailed("cut"), "cut"),
        (
            errors.RecipientsRefused(
                Reply(550, ("5.1.1 no",)), server="example.org:25", about="recipient a@example.org"
            ),
            "550 5.1.1 no (recipient a@example.org, example.org:25)",
        ),
        (errors.SenderRefused(Reply(550, ("no (really)",)), server="[::1]:25"), "550 no (really) ([::1]:25)"),
    ],
)
def test_the_text_names_the_server_once(error: CourrielError, text: str) -> None:
    assert str(error) == text


def test_what_may_have_left_says_its_message_id() -> None:
    error = ConnectionFailed("cut", stage="message", server="mx.example.org:25", in_doubt=True)
    error.message_id = "<42@example.org>"

    assert str(error) == "cut (mx.example.org:25, Message-ID <42@example.org>)"
    assert pickle.loads(pickle.dumps(error)).message_id == "<42@example.org>"


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_exported_beside_the_names_that_people_import(kind: type[CourrielError]) -> None:
    assert getattr(courriel, kind.__name__) is kind
    assert kind.__name__ in courriel.__all__


@pytest.mark.parametrize(
    ("tried", "offered", "english", "french"),
    [
        (("PLAIN",), ("PLAIN", "LOGIN"), "Tried: PLAIN; offered but not tried: LOGIN",
         "Essayé : PLAIN ; proposés mais non essayés : LOGIN"),
        (("CRAM-MD5", "PLAIN"), ("PLAIN", "CRAM-MD5"), "Tried: CRAM-MD5, PLAIN; no other is offered",
         "Essayé : CRAM-MD5, PLAIN ; aucun autre n'est proposé"),
    ],
)  # fmt: skip
def test_a_refused_login_names_the_mechanisms_that_were_tried_and_those_that_were_not(
    tried: tuple[str, ...], offered: tuple[str, ...], english: str, french: str
) -> None:
    def refused() -> AuthenticationRefused:
        error = AuthenticationRefused(Reply(535, ("5.7.8 no",)), stage="authenticate")
        error.tried, error.offered = tried, offered
        return error

    assert refused().__notes__[0] == english  # type: ignore[index]
    assert refused().untried == tuple(name for name in offered if name not in tried)
    failures.speak("fr")
    try:
        assert refused().__notes__[0] == french  # type: ignore[index]
    finally:
        failures.speak(None)


def test_a_login_refused_before_any_mechanism_names_none() -> None:
    notes = AuthenticationRefused(Reply(535, ("5.7.8 no",)), stage="authenticate").__notes__

    assert notes
    assert not [note for note in notes if note.startswith("Tried")]  # type: ignore[attr-defined]


def test_a_refusal_made_of_its_text_alone_still_answers_its_questions() -> None:
    # Celery's JSON keeps class and arguments of an exception, and calls one with the others.
    kept = errors.RecipientsRefused(Reply(451, ("4.7.1 come back later",)), about="bob@example.org")

    again = type(kept)(*kept.args)

    assert (again.retryable, again.reply, again.detail) == (True, Reply(451, (kept.detail[4:],)), kept.detail)
    assert errors.LetterRefused("-ERR no").retryable is False
    assert errors.LetterRefused("-ERR no").reply is None
