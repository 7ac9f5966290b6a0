"""Trust and client certificates as values: no file, no store and no TLS library is loaded."""

from __future__ import annotations

import base64
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel.errors import InvalidServer
from courriel.model.servers.trust import ClientCertificate, Trust, certificates_in
from fast_part import examples

DIGEST = "5f" * 32
OTHER = "0a" * 32
DER = b"\x30\x03abc"
PEM = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(DER).decode()}\n-----END CERTIFICATE-----\n"

sources = st.one_of(
    st.just(Trust.system()),
    st.just(Trust.bundled()),
    st.text(st.characters(codec="utf-8", exclude_characters="\0", min_codepoint=32), min_size=1)
    .filter(str.strip)
    .map(lambda name: Trust.file(f"/etc/{name}")),
    st.binary(max_size=40).map(lambda rest: Trust(authorities=(b"\x30" + rest,))),
)
unions = st.lists(sources, min_size=1, max_size=4).map(lambda some: _joined(*some))
pins = st.binary(min_size=32, max_size=32).map(lambda digest: f"sha256:{digest.hex()}")
trusts = st.one_of(
    unions,
    st.builds(lambda union, some: union.with_pins(*some), unions, st.lists(pins, min_size=1)),
    st.lists(pins, min_size=1).map(lambda some: Trust.pin(*some)),
)


def _joined(first: Trust, *others: Trust) -> Trust:
    for other in others:
        first |= other
    return first


# Sources and unions.


@pytest.mark.slow
@given(unions, unions)
def test_a_union_is_the_same_in_either_order_and_joining_twice_adds_nothing(one: Trust, other: Trust) -> None:
    union = one | other

    assert union == other | one
    assert hash(union) == hash(other | one)
    assert union | one == union


@pytest.mark.slow
@settings(max_examples=examples(200))
@given(trusts)
def test_what_words_write_is_read_back_as_the_same_trust(trust: Trust) -> None:
    assert Trust.of_words(trust.words()) == trust
    assert pickle.loads(pickle.dumps(trust)) == trust


def test_the_words_are_those_of_a_url(tmp_path: Path) -> None:
    trust = Trust.file(tmp_path / "ca.pem") | Trust.bundled() | Trust.system()

    assert trust.words() == ("system", "bundled", str(tmp_path / "ca.pem"))
    assert Trust.dangerously_accept_any_certificate().words() == ()


@pytest.mark.parametrize("word", ["sytem", "", "mozilla", "verify"])
def test_a_mistyped_word_is_not_taken_for_a_file(word: str) -> None:
    with pytest.raises(InvalidServer, match="not a source of trust"):
        Trust.of_words([word])


def test_a_trust_without_a_source_is_refused() -> None:
    for nothing in (Trust, Trust.pin, lambda: Trust.of_words([])):
        with pytest.raises(InvalidServer, match="without a source"):
            nothing()


def test_a_relative_path_keeps_its_meaning_when_the_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    trust = Trust.file("ca.pem")
    monkeypatch.chdir("/")

    assert trust == Trust.file(tmp_path / "ca.pem")


@pytest.mark.parametrize("path", ["", "  ", "ca\0.pem", "ca\r\n.pem"])
def test_what_is_not_a_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidServer, match="not the path of a file"):
        Trust.file(path)
    with pytest.raises(InvalidServer, match="not the path of a file"):
        ClientCertificate(path)


def test_only_a_trust_joins_a_trust() -> None:
    with pytest.raises(TypeError):
        Trust.system() | "bundled"  # type: ignore[operator]


def test_accepting_any_certificate_joins_no_other_source() -> None:
    anything = Trust.dangerously_accept_any_certificate()

    assert anything | anything == anything
    assert not anything.checks_chain
    for addition in (
        lambda: anything | Trust.system(),
        lambda: Trust.system() | anything,
        lambda: anything.with_pins(f"sha256:{DIGEST}"),
        lambda: Trust(uses_system=True, accepts_anything=True),
    ):
        with pytest.raises(InvalidServer, match="stands alone"):
            addition()


# Certificates given as data.


def test_data_keeps_the_certificates_and_nothing_else() -> None:
    text = f"Société: notre autorité\n{PEM}-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n{PEM}"

    trust = Trust.data(text)

    assert trust.authorities == (DER,)
    assert trust == Trust.data(text.encode("latin-1")) == Trust.data(PEM.replace("\n", "\r\n"))
    assert "c2VjcmV0" not in repr(trust)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no certificate in this"),
        ("/etc/ssl/ca.pem", "there is no certificate in this"),
        (PEM.replace("BEGIN", "BEGUN"), "there is no certificate in this"),
        ("-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----", "its base64 cannot be read"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "it is not one inside"),
    ],
)
def test_data_without_a_sound_certificate_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidServer, match=why):
        Trust.data(text)


@given(st.binary())
def test_any_octets_give_certificates_or_a_refusal(content: bytes) -> None:
    try:
        found = certificates_in(content + PEM.encode() * (len(content) % 2))
    except InvalidServer:
        return

    assert DER in found


# Pins.


@pytest.mark.parametrize(
    "written",
    [
        f"sha256:{DIGEST}",
        f"SHA256:{DIGEST.upper()}",
        "sha256:" + ":".join(["5F"] * 32),
        "sha256:" + base64.b64encode(bytes.fromhex(DIGEST)).decode(),
        "sha256:" + base64.urlsafe_b64encode(bytes.fromhex(DIGEST)).decode().rstrip("="),
    ],
)
def test_a_pin_is_the_same_however_its_digest_is_written(written: str) -> None:
    assert Trust.pin(written).words() == (f"sha256:{DIGEST}",)


@pytest.mark.parametrize(
    "written", ["", "sha256:", DIGEST, f"sha1:{DIGEST[:40]}", f"sha256:{DIGEST}5f", "sha256:" + "g" * 64]
)
def test_what_is_not_a_pin_is_refused(written: str) -> None:
    with pytest.raises(InvalidServer, match="64 hexadecimal digits"):
        Trust.pin(written)


def test_the_digest_of_a_key_as_curl_writes_it_is_refused_as_such() -> None:
    with pytest.raises(InvalidServer, match="digest of a key"):
        Trust.pin("sha256//" + base64.b64encode(bytes(32)).decode())


def test_pins_join_pins_and_a_pin_beside_sources_is_asked_for_by_name() -> None:
    one, other = Trust.pin(f"sha256:{DIGEST}"), Trust.pin(f"sha256:{OTHER}")

    assert one | other == Trust.pin(f"sha256:{OTHER}", f"sha256:{DIGEST}")
    assert not one.checks_chain
    assert Trust.system().with_pins(f"sha256:{DIGEST}").checks_chain
    for union in (lambda: one | Trust.system(), lambda: Trust.system() | one):
        with pytest.raises(InvalidServer, match="with_pins"):
            union()
    with pytest.raises(InvalidServer, match="pinned to nothing"):
        Trust.system().with_pins()


def test_words_with_a_pin_beside_sources_ask_for_both() -> None:
    trust = Trust.of_words(["system", f"sha256:{DIGEST}", "bundled"])

    assert trust == (Trust.system() | Trust.bundled()).with_pins(f"sha256:{DIGEST}")


# Their repr.


def test_repr_reads_as_it_was_written() -> None:
    assert repr(Trust.system() | Trust.bundled() | Trust.file("/ca.pem")) == (
        "Trust.system() | Trust.bundled() | Trust.file('/ca.pem')"
    )
    assert repr(Trust.data(PEM)) == "Trust.data(<5 octets>)"
    assert repr(Trust.pin(f"sha256:{DIGEST}")) == f"Trust.pin('sha256:{DIGEST}')"
    assert repr(Trust.system().with_pins(f"sha256:{DIGEST}")) == f"(Trust.system()).with_pins('sha256:{DIGEST}')"
    assert repr(Trust.dangerously_accept_any_certificate()) == "Trust.dangerously_accept_any_certificate()"


def test_a_client_certificate_never_shows_its_password() -> None:
    ours = ClientCertificate("/ada.pem", "/ada.key", "sesame")

    assert repr(ours) == "ClientCertificate('/ada.pem', key='/ada.key', password='***')"
    assert repr(ClientCertificate("/ada.pem")) == "ClientCertificate('/ada.pem')"
    assert ours == ClientCertificate(Path("/ada.pem"), key="/ada.key", password="sesame")
    assert hash(ours) == hash(pickle.loads(pickle.dumps(ours)))
    assert ours != ClientCertificate("/ada.pem", "/ada.key")


def test_saying_whom_we_trust_loads_no_tls_library() -> None:
    program = (
        "import sys; from courriel.model.servers.trust import Trust; Trust.system() | Trust.bundled();"
        "print({'ssl', 'truststore', 'certifi', 'socket', 'pathlib'} & set(sys.modules))"
    )

    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.stdout, ended.stderr) == ("set()\n", "")
