"""Search in the failure table: the most specific evidence wins, and no text makes the search fail."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel import failures
from courriel.failures import Facts
from courriel.failures.facts import LONGEST_TEXT
from fast_part import examples


def found(facts: Facts) -> str:
    failure = failures.find(facts)
    return failure.id if failure else ""


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        # The same code means two things at two providers: their words come first.
        (
            Facts("message", 550, "5.7.30", "Basic authentication is not supported for Client Submission."),
            "M365-BASIC-AUTH-REMOVED",
        ),
        (Facts("message", 550, "5.7.30", "5.7.30 DKIM authentication didn't pass - gsmtp"), "SENDER-UNAUTHENTICATED"),
        # A French provider's number against a code that says something else.
        (Facts("recipient", 552, "5.1.1", "Boite pleine. OFR_417 [417]"), "MAILBOX-FULL"),
        (Facts("message", 550, "5.2.0", "refuse, essayez plus tard OFR006_103"), "ORANGE-TRY-LATER"),
        # Words before the enhanced code, the enhanced code before the basic one, that before the class.
        (Facts("recipient", 554, "5.7.1", "<b@example.org>: Relay access denied"), "RELAY-DENIED"),
        (Facts("recipient", 550, "5.1.1", "sorry"), "RECIPIENT-UNKNOWN"),
        (Facts("recipient", 550, "", "sorry"), "RECIPIENT-REFUSED"),
        (Facts("recipient", 450, "4.7.1", "Greylisted, please try again later"), "GREYLISTED"),
        (Facts("recipient", 452, "4.2.2", "mailbox over quota, limit exceeded"), "MAILBOX-FULL"),
        # Codes count at their stage only.
        (Facts("authenticate", 535, "5.7.8", "535 5.7.8 Error: authentication failed"), "LOGIN-REFUSED"),
        (Facts("authenticate", 535, "5.7.8", "535 5.7.8 Username and Password not accepted."), "GMAIL-BAD-CREDENTIALS"),
        (Facts("sender", 550, "", "no"), "SENDER-REFUSED"),
        (Facts("message", 554, "", "no"), "MESSAGE-REFUSED"),
        (Facts("data", 554, "5.5.1", "no valid recipients"), "MESSAGE-REFUSED"),
        (Facts("greeting", 554, "", "no"), "SERVER-REFUSED"),
        (Facts("", 550, "", "no"), "COMMAND-REFUSED"),
        (Facts("sender", 451, "", "later"), "TEMPORARY-REFUSAL"),
        (Facts("secure", 454, "4.7.0", "TLS not available"), "TEMPORARY-REFUSAL"),
        (Facts("secure", 502, "5.5.1", "not implemented"), "STARTTLS-NOT-OFFERED"),
        # System errors by number, whatever the text.
        (
            Facts(
                "connect",
                text="Connexion refusée",
                exceptions=("ConnectionFailed", "ConnectionError", "ConnectionRefusedError", "OSError"),
                errno=111,
            ),
            "CONNECTION-REFUSED",
        ),
        (Facts("connect", exceptions=("ConnectionRefusedError",), errno=10061), "CONNECTION-REFUSED"),
        (Facts("connect", exceptions=("TimedOut", "TimeoutError", "OSError")), "CONNECT-TIMEOUT"),
        (Facts("hello", exceptions=("TimedOut", "TimeoutError", "OSError")), "SERVER-SILENT"),
        (Facts("connect", exceptions=("socket.gaierror", "OSError"), errno=-2), "HOST-NOT-FOUND"),
        (Facts("connect", exceptions=("socket.gaierror", "OSError"), errno=-3), "DNS-UNAVAILABLE"),
        (Facts("connect", exceptions=("NameNotFound", "ConnectionFailed", "OSError")), "HOST-NOT-FOUND"),
        (Facts("connect", exceptions=("OSError",), errno=101), "NETWORK-UNREACHABLE"),
        (Facts("connect", exceptions=("OSError",), errno=12345), "CONNECT-FAILED"),
        (Facts("recipient", exceptions=("ConnectionResetError", "OSError"), errno=104), "SESSION-LOST"),
        # TLS by reason and number, whatever the sentence.
        (
            Facts("secure", text="x", exceptions=("TlsFailed", "ssl.SSLError"), ssl_reason="WRONG_VERSION_NUMBER"),
            "TLS-PORT-MIXUP",
        ),
        (
            Facts(
                "secure",
                text="x",
                exceptions=("ssl.SSLCertVerificationError", "ssl.SSLError"),
                ssl_reason="CERTIFICATE_VERIFY_FAILED",
                verify_code=62,
            ),
            "CERT-WRONG-NAME",
        ),
        (
            Facts(
                "secure",
                text="x",
                exceptions=("ssl.SSLCertVerificationError", "ssl.SSLError"),
                ssl_reason="CERTIFICATE_VERIFY_FAILED",
                verify_code=26,
            ),
            "CERT-REFUSED",
        ),
        (Facts("secure", exceptions=("TlsFailed",), ssl_reason="UNSUPPORTED_PROTOCOL"), "TLS-TOO-OLD"),
        (Facts("secure", exceptions=("TlsFailed", "ssl.SSLError"), errno=1, ssl_reason="SOMETHING_NEW"), "TLS-FAILED"),
        # The package's own error classes, when nothing else is known.
        (Facts("compose", text="x", exceptions=("InvalidAddress", "UsageError")), "ADDRESS-MALFORMED"),
        (Facts("compose", text="x", exceptions=("InvalidUrl",)), "URL-MALFORMED"),
        (Facts("hello", text="x", exceptions=("RemoteProtocolError", "ProtocolError")), "PROTOCOL-BROKEN"),
        (Facts("hello", text="x", exceptions=("NotSupported",)), "CAPABILITY-MISSING"),
        # Without facts no record is guessed.
        (Facts(), ""),
        (Facts(hint_id="NO-SUCH-RECORD"), ""),
        (Facts("message", 451, "", "x", hint_id="UNCERTAIN-RESULT"), "UNCERTAIN-RESULT"),
    ],
)
def test_the_most_specific_evidence_wins(facts: Facts, expected: str) -> None:
    assert found(facts) == expected


def test_a_sentence_that_the_server_cut_in_two_is_read_as_one() -> None:
    pasted = (
        "550-5.7.26 Unauthenticated email from example.com is not accepted due to domain's\r\n550 5.7.26 DMARC policy."
    )

    assert found(failures.read(pasted, stage="message")) == "SENDER-UNAUTHENTICATED"


def test_case_and_blanks_do_not_matter() -> None:
    assert found(Facts("recipient", 554, "", "RELAY \t\r\n  Access   DENIED")) == "RELAY-DENIED"


def test_the_same_words_are_final_as_550_and_pass_as_421() -> None:
    refused = failures.find(Facts("message", 550, "5.7.26", "unauthenticated - gsmtp"))
    deferred = failures.find(Facts("message", 421, "4.7.26", "unauthenticated - gsmtp"))

    assert refused is not None
    assert deferred is not None
    assert refused.id == deferred.id == "SENDER-UNAUTHENTICATED"
    assert (refused.retry, refused.sysexit) == ("never", 77)
    assert (deferred.retry, deferred.sysexit) == ("later", 75)


def test_a_policy_of_microsoft_is_named_with_its_switch() -> None:
    failure = failures.find(
        Facts("authenticate", 535, "5.7.139", "user is locked by your organization's security defaults policy.")
    )

    assert failure is not None
    assert failure.fix.in_("en").endswith("The switch is security defaults of the organisation (Entra, Properties).")
    assert "OAuth 2" in failure.fix.in_("fr")


@pytest.mark.parametrize(
    ("user", "shown"),
    [("ada@firm.example", "ada@firm.example"), ("", "ada@firm.example"), ("x; rm -r / #@h", "ada@firm.example")],
)
def test_a_command_in_a_remedy_holds_a_mailbox_and_nothing_that_a_shell_reads(user: str, shown: str) -> None:
    failure = failures.find(
        Facts("authenticate", 535, "5.7.139", "SmtpClientAuthentication is disabled for the Mailbox")
    )

    assert failure is not None
    assert f"Set-CASMailbox -Identity {shown} -Smtp" in failure.fix.in_("en", user=user)


def test_a_pasted_traceback_is_read_from_its_end() -> None:
    pasted = (
        "Traceback (most recent call last):\n"
        '  File "a.py", line 587, in connect\n'
        "ConnectionRefusedError: [Errno 111] Connection refused\n\n"
        "During handling of the above exception, another exception occurred:\n"
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
        "self-signed certificate (_ssl.c:1006)\n"
    )

    facts = failures.read(pasted)

    assert facts.exceptions == ("ssl.SSLCertVerificationError", "ConnectionRefusedError", "SSLError")
    assert facts.ssl_reason == "CERTIFICATE_VERIFY_FAILED"
    assert facts.code is None


@pytest.mark.slow
@given(
    st.sampled_from(["", "connect", "secure", "authenticate", "sender", "recipient", "message", "nonsense"]),
    st.none() | st.integers(-1, 1000),
    st.text(max_size=12),
    st.text(st.characters(), max_size=400),
    st.lists(st.text(max_size=20), max_size=3).map(tuple),
    st.none() | st.integers(),
    st.text(max_size=20),
)
@settings(max_examples=examples(150), deadline=None)
def test_no_text_of_any_server_makes_the_search_fail(
    stage: str, code: int | None, enhanced: str, text: str, exceptions: tuple[str, ...], errno: int | None, hint: str
) -> None:
    facts = Facts(stage, code, enhanced, text, exceptions, errno, hint, errno, hint)

    failures.find(facts)
    failures.find(failures.read(text, stage=stage))


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed",
    [
        "a",
        " ",
        "a.",
        "550-",
        "5.1.1 ",
        "OFR",
        "{'a@b, ",
        "account ",
        "SPF DKIM ",
        "daily limit ",
        "[SSL: A",
        "\\n",
        '"status":"400"',
        "A.B.C",
    ],
)
def test_a_hostile_text_costs_no_time(seed: str) -> None:
    hostile = seed * (1_000_000 // len(seed))
    failures.find(Facts(text="warm"))

    begun = time.process_time()
    failures.find(Facts("message", 550, "5.1.1", hostile))
    failures.find(Facts("message", 451, "5.1.1", hostile))
    failures.find(failures.read(hostile))

    assert time.process_time() - begun < 1.0


def test_only_so_much_of_a_text_is_looked_at() -> None:
    assert found(Facts("message", 550, "", "x" * LONGEST_TEXT + " relay access denied")) == "MESSAGE-REFUSED"
