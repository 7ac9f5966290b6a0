"""Explanation of pasted texts: other programs' errors, our own printed blocks, mistyped ids; no guesses."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel import failures
from courriel.failures.explain import explain
from courriel.failures.pasted import LONGEST_PASTED
from courriel.failures.reply_codes import meaning, subject
from fast_part import examples

TEXTS = tomllib.loads((Path(__file__).parent / "real_world.toml").read_text("utf-8"))["text"]


def known(text: str) -> str:
    found = explain(text).failure
    return found.id if found else "unknown"


@pytest.mark.parametrize("text", TEXTS, ids=[f"{n}-{each['from']}-{each['id']}" for n, each in enumerate(TEXTS)])
def test_the_errors_of_other_programs_are_known(text: dict[str, str]) -> None:
    assert known(text["said"]) == text["id"]


def test_fifty_texts_of_six_ecosystems_are_measured() -> None:
    assert len(TEXTS) >= 50
    assert {each["from"] for each in TEXTS} >= {"node", "php", "java", "dotnet", "python", "curl", "openssl"}
    assert all(each["id"] == "unknown" or failures.by_id(each["id"]) for each in TEXTS)


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("connect ECONNREFUSED 127.0.0.1:587", "CONNECTION-REFUSED"),
        ("502 BDAT", "BDAT-REFUSED"),
        ("501 5.0.0 EHLO requires a valid name", "EHLO-NAME-REFUSED"),
        ("501 to EHLO", "EHLO-NAME-REFUSED"),
        ("555 SIZE", "MAIL-PARAMETER-REFUSED"),
        ("High probability of spam", "CONTENT-REJECTED"),
        ("550 5.7.1 IP not authorized to relay", "GMAIL-IP-NOT-AUTHORIZED"),
        ("S3140", "OUTLOOK-IP-BLOCKED"),
        ("550 5.4.1 Recipient address rejected: Access denied", "M365-RECIPIENT-REJECTED"),
        ("5.7.708", "M365-OUTBOUND-BLOCKED"),
        ("Domain not found", "unknown"),
        ("UNEXPECTED_EOF", "TLS-CONNECTION-CUT"),
        ("invalid_grant", "OAUTH-GRANT-REFUSED"),
        ("CERTIFICATE_VERIFY_FAILED", "CERT-REFUSED"),
        ("ETIMEDOUT", "CONNECT-TIMEOUT"),
        ("ENOTFOUND", "HOST-NOT-FOUND"),
        ("ECONNREFUSED", "CONNECTION-REFUSED"),
        ("Email address is not verified", "SES-NOT-VERIFIED"),
        ("AADSTS7000215: Invalid client secret provided.", "OAUTH-CLIENT-REFUSED"),
    ],
)
def test_what_was_looked_up_in_vain_is_known(text: str, failure: str) -> None:
    assert known(text) == failure


@pytest.mark.parametrize(
    "text",
    [
        "I have 500 questions",
        "the file has 550 lines",
        "port: 465, timeout: 500 ms",
        "HTTP/1.1 502 Bad Gateway",
        "Request failed with status code 503",
        "version 4.5.3 is out, see 5.1.1",
        "550",
        "550 nope",
        "554 5.7.1 no",
        "Postfix 2.5.4 with 535 users",
        "the moon is blue",
        "a timeout of 250 milliseconds: 451 mails",
    ],
)
def test_a_guess_is_no_answer(text: str) -> None:
    # The protocol of a web page is a fact: a reply of HTTP on a mail port has its record.
    assert known(text) in ("unknown", "WRONG-PROTOCOL" if text.startswith("HTTP/") else "unknown")


def test_what_the_code_means_is_told_when_nothing_else_is_known() -> None:
    found = explain("550 5.7.1 no")

    assert [code for code, _ in found.code_meanings] == ["550", "5.7.1"]
    assert "policy" in found.code_meanings[0][1].en
    assert "sécurité" in found.code_meanings[1][1].fr
    assert explain("I have 500 questions").code_meanings == ()


@pytest.mark.parametrize("record", failures.all(), ids=lambda record: record.id)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_courriel_printed_itself_is_known(record: failures.Failure, language: failures.Language) -> None:
    cause, fix = record.cause.in_(language), record.fix.in_(language)
    labels = ("Cause", "À faire", "Référence") if language == "fr" else ("Cause", "Fix", "Reference")
    block = f"✗ Not sent.\n  Server     550 5.1.1 no such user\n  {labels[0]}      {cause}\n  {labels[1]}  {fix}\n"
    on_a_terminal = block.replace(" the ", "\n             the ").replace(" de ", "\n             de ")

    assert known(f"{block}  {labels[2]}  {record.id}\n") == record.id
    assert known(f"\x1b[1mReference\x1b[0m  {record.id}") == record.id
    assert known(f'{{"ok": false, "failure": "{record.id}", "reply": {{"code": 550}}}}') == record.id
    assert known(on_a_terminal) == record.id


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("GMIAL-BAD", "GMAIL-BAD-CREDENTIALS"),
        ("CERT-EXPIRD", "CERT-EXPIRED"),
        ("tls_port_mixup", "TLS-PORT-MIXUP"),
        ("relay-deneid", "RELAY-DENIED"),
    ],
)
def test_a_mistyped_id_is_answered_with_the_nearest(asked: str, nearest: str) -> None:
    assert known(asked) == nearest
    assert explain(asked).mistyped == (asked != "tls_port_mixup")


def test_an_id_that_resembles_none_is_not_answered() -> None:
    assert known("ENTIRELY-DIFFERENT") == "unknown"
    assert known("hello-world") == "unknown"


def test_the_last_refusal_of_a_log_counts() -> None:
    log = (
        "S: 220 mx.example.org ready\nC: EHLO me\nS: 250-mx.example.org\nS: 250 PIPELINING\nC: MAIL FROM:<ada@x>\n"
        "S: 250 2.1.0 Ok\nC: RCPT TO:<eve@x>\nS: 450 4.2.0 <eve@x>: Greylisted\n"
        "C: RCPT TO:<bob@x>\nS: 554 5.7.1 <bob@x>: Relay access denied\nC: QUIT\nS: 221 2.0.0 Bye\n"
    )

    facts = failures.read(log)

    assert (facts.code, facts.enhanced) == (554, "5.7.1")
    assert known(log) == "RELAY-DENIED"


def test_the_lines_of_source_in_a_traceback_are_not_its_words() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/srv/app/mail.py", line 535, in send\n'
        '    raise Retry("please run connect() first, 550 5.1.1 user unknown")\n'
        "KeyError: 'to'\n"
    )

    assert known(text) == "unknown"


def test_the_end_of_a_long_text_counts() -> None:
    frames = '  File "/srv/app/mail.py", line 12, in send\n    session.send(mail)\n' * 20_000

    assert len(frames) > LONGEST_PASTED
    assert known(f"Traceback\n{frames}ConnectionRefusedError: [Errno 111] Connection refused") == "CONNECTION-REFUSED"


def test_a_password_refused_by_imap_is_checked_first() -> None:
    record = failures.by_id("IMAP-LOGIN-REFUSED")

    assert record is not None
    assert record.fix.en.index("password") < record.fix.en.index("app password")
    assert record.fix.fr.startswith("Vérifiez d'abord le mot de passe")


def test_a_lost_session_claims_nothing_that_only_the_library_could_know() -> None:
    found = explain("smtplib.SMTPServerDisconnected: Connection unexpectedly closed").failure

    assert found is not None
    assert "nothing" not in found.fix.en
    assert "may have been accepted" in found.fix.en


@pytest.mark.parametrize(
    ("facts", "about_the_sandbox"),
    [
        (failures.Facts("connect", exceptions=("ConnectionRefusedError",), errno=111, server="127.0.0.1:1025"), True),
        (failures.Facts("connect", exceptions=("ConnectionRefusedError",), errno=111, server="[::1]:1025"), True),
        (failures.Facts("connect", exceptions=("ConnectionRefusedError",), errno=111, server="localhost:587"), False),
        (
            failures.Facts("connect", exceptions=("ConnectionRefusedError",), errno=111, server="mx.example.org:25"),
            False,
        ),
        (failures.Facts("connect", exceptions=("ConnectionRefusedError",), errno=111), False),
    ],
)
def test_the_sandbox_is_spoken_of_where_it_is_meant(facts: failures.Facts, about_the_sandbox: bool) -> None:
    found = failures.find(facts)

    assert found is not None
    assert found.id == "CONNECTION-REFUSED"
    assert bool(found.dont) == about_the_sandbox


@given(st.integers(0, 999), st.text(max_size=3))
def test_every_code_has_a_meaning(code: int, more: str) -> None:
    assert meaning(code).en
    assert meaning(code).fr
    assert subject("5.99.1") is None


@pytest.mark.slow
@given(st.text(max_size=600))
@settings(max_examples=examples(200), deadline=None)
def test_any_text_can_be_explained(text: str) -> None:
    explain(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", ["550 ", '  File "x", line 1\n    a\n', "at a(", "550-5.7.1 ", "Reference  A", "(550, b'", "A-", "[SSL: A"]
)
def test_a_hostile_text_costs_no_time(seed: str) -> None:
    explain("warm")

    begun = time.process_time()
    explain(seed * (1_000_000 // len(seed)))

    assert time.process_time() - begun < 2.0
