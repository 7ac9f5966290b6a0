"""Failure table: every record is complete, readable in both languages, and found by its own examples."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

import pytest

import courriel
from courriel import failures
from courriel.errors import Stage
from courriel.failures import Failure, Text, match

RECORDS = failures.all()
EXAMPLES = [
    pytest.param(record, text, id=f"{record.id}-{n}") for record in RECORDS for n, text in enumerate(record.examples)
]
OF_DOMAINS = [
    record
    for record in RECORDS
    if re.match("SPF-|DKIM-|DMARC-|MTA-STS-|TLS-RPT-|DOMAIN-TAKES|CERT-ENDS|MAIL-(?:IN-JUNK|NOT-ARRIVED)", record.id)
]
PROMISED = re.findall(
    r"[A-Z0-9-]+",
    """
    GMAIL-BAD-CREDENTIALS GMAIL-APP-PASSWORD-REQUIRED M365-SMTP-AUTH-DISABLED M365-BASIC-AUTH-REMOVED
    M365-TOKEN-REJECTED TLS-PORT-MIXUP PLAIN-ON-TLS-PORT CERT-UNKNOWN-ISSUER CERT-WRONG-NAME CERT-EXPIRED
    CERT-SELF-SIGNED STARTTLS-NOT-OFFERED HOST-NOT-FOUND DNS-UNAVAILABLE HOST-MALFORMED CONNECTION-REFUSED
    CONNECT-TIMEOUT SESSION-LOST AUTH-NOT-OFFERED TLS-REQUIRED-FIRST LOGIN-REQUIRED-FIRST EHLO-NAME-REFUSED
    NO-REVERSE-NAME CLIENT-BLOCKED SENDER-NOT-OWNED RECIPIENT-UNKNOWN NO-RECIPIENT RELAY-DENIED
    SENDER-UNAUTHENTICATED RATE-LIMITED DAILY-QUOTA NON-ASCII-TEXT ATTACHMENT-NAME-LOST ADDRESS-NEEDS-SMTPUTF8
    PASSWORD-NON-ASCII BARE-LINE-FEED LINE-TOO-LONG MESSAGE-TOO-BIG ATTACHMENT-FORBIDDEN ACCEPTED-NOT-SEEN
    GREYLISTED IMAP-LOGIN-REFUSED XOAUTH2-ERROR-JSON HEADER-LINE-BREAK ADDRESS-LIST-IN-ONE-STRING SENT-TWICE
    WRONG-PROTOCOL MESSAGE-ID-MISSING
    CLEAR-CREDENTIALS ADDRESS-MALFORMED ATTACHMENT-MISSING SESSION-BUSY UNCERTAIN-RESULT FILE-NOT-FOUND
    LOGIN-REFUSED TEMPORARY-REFUSAL SENDER-REFUSED MESSAGE-REFUSED SERVER-SILENT TLS-FAILED TLS-TOO-OLD
    CLIENT-CERTIFICATE-WANTED PIN-MISMATCH PROTOCOL-BROKEN
    POP-MAILBOX-IN-USE POP-LOGIN-TOO-SOON POP-NOT-ENABLED POP-SERVER-TROUBLE POP-LOGIN-REFUSED DELETIONS-IN-DOUBT
    OAUTH-GRANT-REFUSED OAUTH-CLIENT-REFUSED TLS-CONNECTION-CUT OUTLOOK-IP-BLOCKED GMAIL-IP-NOT-AUTHORIZED
    M365-OUTBOUND-BLOCKED M365-RECIPIENT-REJECTED ICLOUD-POLICY-REFUSED GMX-POLICY-REFUSED SES-NOT-VERIFIED
  DOMAIN-LISTED SENDER-DOMAIN-NOT-FOUND RECIPIENT-DOMAIN-NOT-FOUND MAIL-PARAMETER-REFUSED
    """,
)


@pytest.mark.parametrize(("record", "example"), EXAMPLES)
def test_every_example_is_explained_by_its_own_record_and_by_no_other(record: Failure, example: str) -> None:
    best, *others = match.rank(failures.read(example, stage=record.stage))

    assert best[2].id == record.id
    assert all(other[0] < best[0] for other in others), "two records claim this example with equal right"


@pytest.mark.parametrize("failure_id", PROMISED)
def test_the_failures_people_meet_most_are_in_the_table(failure_id: str) -> None:
    assert failures.by_id(failure_id) is not None


def test_every_record_may_be_named_outright_against_all_other_evidence() -> None:
    for record in RECORDS:
        facts = failures.Facts(stage="message", code=451, text="greylisted", hint_id=record.id)

        assert failures.find(facts) == record


def test_ids_are_unique_and_in_upper_kebab() -> None:
    ids = [record.id for record in RECORDS]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*", name) for name in ids)


def test_every_record_has_a_known_stage() -> None:
    stages = set(get_args(eval(Stage, {"Literal": Literal}))) - {""}

    assert {record.stage for record in RECORDS} <= stages
    assert set(chain.from_iterable(clue.stages for record in RECORDS for clue in record.clues)) <= stages


def test_a_record_without_clues_is_named_by_the_library_and_has_no_example() -> None:
    assert all(record.clues or not record.examples for record in RECORDS)
    assert {record.id for record in RECORDS if not record.clues and record not in OF_DOMAINS} == {
        "PASSWORD-NOT-FOUND", "NO-SENDER", "ATTACHMENT-MISSING", "DELETIONS-IN-DOUBT", "HEADER-LINE-TOO-LONG",
        "HEADER-NEEDS-SMTPUTF8", "KEY-REUSED", "KEY-UNUSABLE", "OUTBOX-DAMAGED", "OUTBOX-FORBIDDEN", "OUTBOX-FULL",
        "OUTBOX-LOGIN", "OUTBOX-MISSING", "OUTBOX-NO-DATABASE", "NO-SERVER-SET", "PASSWORD-NOT-A-REFERENCE",
        "PROJECT-FILE-LIMITED", "RECIPIENT-NOT-ALLOWED",
        "SECRET-IN-OUTBOX",
    }  # fmt: skip


def test_only_what_may_be_sent_again_unchanged_gives_75() -> None:
    for record in RECORDS:
        outcomes: list[tuple[str, int | None]] = [(record.retry, record.sysexit)]
        outcomes += [(clue.retry, clue.sysexit) for clue in record.clues if clue.retry]

        for retry, sysexit in outcomes:
            assert retry in ("never", "later", "reconnect", "uncertain")
            assert (sysexit == 75) == (retry in ("later", "reconnect")), record.id
            assert sysexit == 69 or retry != "uncertain", record.id
            assert sysexit in range(64, 79) or record.id == "ACCEPTED-NOT-SEEN"


def test_what_is_uncertain_is_never_tried_again_by_itself() -> None:
    uncertain = failures.by_id("UNCERTAIN-RESULT")

    assert uncertain is not None
    assert (uncertain.retry, uncertain.sysexit) == ("uncertain", 69)


def test_every_text_is_there_in_both_languages() -> None:
    for record in RECORDS:
        for text in (record.cause, record.fix, *(clue.more for clue in record.clues if clue.more)):
            assert text.fr.strip(), record.id
            assert text.en.strip(), record.id
        assert bool(record.dont.fr) == bool(record.dont.en), record.id
        assert record.cause.fr != record.cause.en


def test_every_text_can_be_read_aloud() -> None:
    for name, language, text in _texts():
        where = f"{name} ({language}): {text}"
        assert "  " not in text, where
        assert "\n" not in text, where
        assert text == text.strip(), where
        assert '"' not in text, where
        assert text.count("(") == text.count(")"), where
        assert text[0].isupper() or text.startswith("encode("), where


def test_a_cause_is_one_sentence_that_ends() -> None:
    assert all(record.cause.fr.endswith(".") and record.cause.en.endswith(".") for record in RECORDS)


def test_french_is_written_as_french_is() -> None:
    for name, language, text in _texts():
        if language == "fr":
            assert text.count("«") == text.count("»"), name
            assert not re.search(r"«\S|\S»", text), f"{name}: blanks belong inside the quotes"
            assert not re.search(r"\w;", re.sub(r"v=\w+1;[^,.]*", "", text)), f"{name}: a blank before a semicolon"
            own = re.sub(r"https?://\S+|High Volume Email", "", text)
            assert not re.search(r"\bidentifi[ceé]|\be?-?mails?\b|timeout", own, re.IGNORECASE), name
        else:
            assert not re.search(r"[«»éèàç]", text.replace("Été", "").replace("été", "")), name
            assert " ;" not in text, name


def test_nothing_is_ever_said_to_be_delivered() -> None:
    for name, _, text in _texts():
        assert not re.search(r"\bdelivered|\bremise?s?\b", text, re.IGNORECASE), name


def test_no_remedy_weakens_tls() -> None:
    for record in RECORDS:
        for advice in (record.fix.fr, record.fix.en):
            assert "verify=0" not in advice
            assert "tls=opportunistic" not in advice


def test_placeholders_are_those_that_can_be_filled() -> None:
    for name, _, text in _texts():
        rest = text.replace("{user}@", "").replace(":{port}", "").replace("{host}", "").replace("{mailbox}", "")
        assert not set("{}") & set(rest), name


def test_a_host_stands_in_urls_and_commands_only() -> None:
    # In a sentence, the example in place of an unknown host would be taken for the real one.
    for name, _, text in _texts():
        before = re.findall(r"(\S+?|hosts |ahosts |probe )\{host\}", text)
        assert all(head.endswith(("//", "{user}@", "hosts ", "probe ")) for head in before), name
        assert len(before) == text.count("{host}"), name


def test_a_text_stays_whole_when_nothing_is_known() -> None:
    for record in RECORDS:
        for text in (record.cause, record.fix, record.dont):
            for language in ("fr", "en"):
                assert not set("{}") & set(text.in_(language))


def test_every_pattern_compiles_and_asks_for_something() -> None:
    for record in RECORDS:
        for clue in record.clues:
            if clue.words:
                assert not re.search(clue.words, "", re.IGNORECASE), record.id
            assert any((
                clue.codes, clue.enhanced, clue.words, clue.orange_codes, clue.exceptions, clue.errnos, clue.reasons,
                clue.verify_codes,
            )), record.id  # fmt: skip


def test_codes_are_codes_or_classes() -> None:
    for record in RECORDS:
        for clue in record.clues:
            assert all(re.fullmatch(r"[2-5]([0-9]{2}|xx)", code) for code in clue.codes), record.id
            assert all(re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", code) for code in clue.enhanced), record.id


@pytest.mark.slow
def test_the_library_names_only_records_that_exist() -> None:
    sources = Path(courriel.__file__).parent.rglob("*.py")
    named = {name for source in sources for name in re.findall(r'hint_id="([^"]+)"', source.read_text("utf-8"))}

    assert "NO-RECIPIENT" in named
    assert {name for name in named if failures.by_id(name) is None} == set()


# Helpers.


def _texts() -> list[tuple[str, str, str]]:
    said: list[tuple[str, Text]] = []
    for record in RECORDS:
        said += [(record.id, text) for text in (record.cause, record.fix, record.dont)]
        said += [(record.id, clue.more) for clue in record.clues if clue.more]
    return [
        (name, language, text) for name, both in said for language, text in (("fr", both.fr), ("en", both.en)) if text
    ]
