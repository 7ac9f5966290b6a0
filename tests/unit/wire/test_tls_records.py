"""Certificates in the octets of a handshake: whole, in pieces, cut anywhere, and none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from courriel.wire.tls_records import MOST, certificates


def handshake(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(3) + content


def chain(*ders: bytes) -> bytes:
    listed = b"".join(len(der).to_bytes(3) + der for der in ders)
    return handshake(11, len(listed).to_bytes(3) + listed)


def records(messages: bytes, size: int = 16384, kind: int = 22) -> bytes:
    pieces = [messages[start : start + size] for start in range(0, len(messages), size)]
    return b"".join(bytes([kind, 3, 3]) + len(piece).to_bytes(2) + piece for piece in pieces)


HELLO = handshake(2, bytes(70))


def test_the_chain_follows_the_hello() -> None:
    assert certificates(records(HELLO + chain(b"leaf", b"issuer") + handshake(14, b""))) == (b"leaf", b"issuer")


def test_a_message_may_span_records() -> None:
    octets = records(HELLO + chain(b"leaf" * 100, b"issuer" * 50), size=7)

    assert certificates(octets) == (b"leaf" * 100, b"issuer" * 50)


def test_what_is_encrypted_is_not_read() -> None:
    for kind in (20, 21, 23):
        assert certificates(records(HELLO) + records(chain(b"leaf"), kind=kind) + records(chain(b"leaf"))) == ()


def test_a_chain_has_at_most_so_many() -> None:
    assert len(certificates(records(chain(*[b"x"] * (MOST + 5))))) == MOST


def test_an_empty_certificate_ends_the_chain() -> None:
    assert certificates(records(chain(b"leaf", b"", b"more"))) == (b"leaf",)


def test_cut_anywhere_it_gives_whole_certificates_only() -> None:
    whole = records(HELLO + chain(b"leaf", b"issuer"))

    for end in range(len(whole)):
        assert certificates(whole[:end]) in ((), (b"leaf",), (b"leaf", b"issuer"))


@given(st.binary(max_size=300))
def test_no_octets_are_too_strange(octets: bytes) -> None:
    assert isinstance(certificates(octets), tuple)
    assert isinstance(certificates(records(octets)), tuple)
