"""Reasons of TLS failures, for failures that cannot be provoked on this machine."""

from __future__ import annotations

import ssl

import pytest

from courriel import failures
from courriel.network.tls import reasons
from courriel.network.tls.reasons import examine, explain

HOST = "mail.example.org"


def test_windows_and_macos_numbers_mean_the_same_checks() -> None:
    """truststore passes on the system's numbers: CERT_E_… and errSec…"""
    for number, check in ((0x800B0101, "expired"), (-67818, "expired"), (0x800B010F, "name"), (-67602, "name"),
                          (0x800B0109, "issuer"), (-67843, "issuer"), (0x800B010C, "revoked")):  # fmt: skip
        refusal = ssl.SSLCertVerificationError("in the words of the system")
        refusal.verify_code, refusal.verify_message = number, "in the words of the system"

        assert examine(refusal, HOST).check == check


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("SSL/TLS_ALERT_BAD_CERTIFICATE", "CLIENT-CERTIFICATE-REFUSED"),
        ("TLSV1_ALERT_UNKNOWN_CA", "CLIENT-CERTIFICATE-REFUSED"),
        ("TLS_ALERT_CERTIFICATE_REQUIRED", "CLIENT-CERTIFICATE-WANTED"),
        ("RECORD_LAYER_FAILURE", "TLS-PORT-MIXUP"),
    ],
)
def test_newer_words_of_openssl_mean_the_same(reason: str, hint: str) -> None:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason

    assert examine(error, HOST).hint_id == hint


def test_every_remedy_named_here_is_in_the_failure_table() -> None:
    named = {*reasons.HINTS.values(), "PIN-MISMATCH", "CERTIFICATE-FILE-UNREADABLE"}

    assert named <= {failure.id for failure in failures.all()}


def test_every_sentence_can_be_formatted() -> None:
    for reason in reasons.BROKEN:
        error = ssl.SSLError(1, f"[SSL: {reason}]")
        error.reason = reason
        assert HOST in explain(error, HOST)
    for code in reasons.REFUSED:
        refusal = ssl.SSLCertVerificationError("refused")
        refusal.verify_code = code
        assert HOST in explain(refusal, HOST)


def test_an_unknown_reason_is_quoted() -> None:
    strange = ssl.SSLCertVerificationError("so nicht")
    strange.verify_code, strange.verify_message = 9999, "so nicht"

    assert "so nicht" in explain(strange, HOST)
    assert examine(ssl.SSLError(1, "[SSL: ODD] odd thing"), HOST).check == "other"
    assert examine(TimeoutError("timed out"), HOST).check == "silence"
    assert examine(ConnectionResetError(104, "reset"), "").sentence == "the server hung up in the middle of TLS"
