"""SASL mechanisms of the client: the examples of the RFCs, and the server messages that are refused."""

from __future__ import annotations

from base64 import b64decode

import pytest

from courriel import errors
from courriel.wire.sasl import client_mechanisms

# RFC 7677 3: user "user", password "pencil".
NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def scram() -> client_mechanisms.ScramSha256:
    return client_mechanisms.ScramSha256("user", "pencil", nonce=NONCE)


def test_scram_says_what_rfc_7677_says() -> None:
    mechanism = scram()

    said = [mechanism.start(), mechanism.answer(SERVER_FIRST), mechanism.answer(SERVER_FINAL)]
    mechanism.finish()

    assert said == [b"n,,n=user,r=" + NONCE.encode(), CLIENT_FINAL, b""]


@pytest.mark.parametrize(
    "challenge",
    [
        SERVER_FIRST.replace(b"i=4096", b"i=4095"),
        SERVER_FIRST.replace(b"i=4096", b"i=2147483647"),
        SERVER_FIRST.replace(b"i=4096", b"i=0x1000"),
        SERVER_FIRST.replace(b"i=4096", b"i=" + b"9" * 5000),
        SERVER_FIRST.replace(b"r=rOpr", b"r=xOpr"),
        b"r=" + NONCE.encode() + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s="),
        SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s=W22!"),
        b"m=ext," + SERVER_FIRST,
        b"nonsense",
        b"",
        b"\xff\xfe",
    ],
)
def test_scram_does_not_prove_anything_to_a_server_that_asks_oddly(challenge: bytes) -> None:
    """Hazard H65."""
    mechanism = scram()
    mechanism.start()

    with pytest.raises(errors.RemoteProtocolError):
        mechanism.answer(challenge)


def test_scram_is_not_content_with_a_server_that_does_not_know_the_password() -> None:
    mechanism = scram()
    mechanism.start()
    mechanism.answer(SERVER_FIRST)

    with pytest.raises(errors.RemoteProtocolError, match="does not know the password"):
        mechanism.answer(b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize("heard", [[], [SERVER_FIRST], [SERVER_FIRST, b"e=other-error"]])
def test_scram_is_not_content_without_the_server_s_signature(heard: list[bytes]) -> None:
    mechanism = scram()
    mechanism.start()
    for challenge in heard:
        mechanism.answer(challenge)

    with pytest.raises(errors.RemoteProtocolError, match="without proving"):
        mechanism.finish()


def test_scram_bound_to_a_certificate_says_so_at_both_ends() -> None:
    mechanism = client_mechanisms.ScramSha256("user", "pencil", nonce=NONCE, binding=b"digest")

    assert mechanism.name == "SCRAM-SHA-256-PLUS"
    assert mechanism.start().startswith(b"p=tls-server-end-point,,n=user")
    bound = mechanism.answer(SERVER_FIRST).partition(b",")[0].removeprefix(b"c=")
    assert b64decode(bound) == b"p=tls-server-end-point,,digest"


def test_scram_tells_a_server_that_its_offer_to_bind_was_taken_out() -> None:
    assert client_mechanisms.ScramSha256("user", "pencil", downgraded=True).start().startswith(b"y,,")


def test_scram_escapes_what_would_end_a_name() -> None:
    assert client_mechanisms.ScramSha256("a,b=c", "pencil", nonce="n").start() == b"n,,n=a=2Cb=3Dc,r=n"


def test_each_scram_has_its_own_nonce() -> None:
    assert (
        client_mechanisms.ScramSha256("user", "pencil").start()
        != client_mechanisms.ScramSha256("user", "pencil").start()
    )


def test_cram_md5_says_what_rfc_2195_says() -> None:
    mechanism = client_mechanisms.CramMd5("tim", "tanstaaftanstaaf")

    assert mechanism.start() is None
    assert mechanism.answer(b"<1896.697170952@postoffice.reston.mci.net>") == b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_plain_and_login_carry_any_character() -> None:
    """Hazard H28."""
    login = client_mechanisms.Login("été", "mot de passe €")

    assert client_mechanisms.Plain("été", "€").start() == "\0été\0€".encode()
    assert login.start() is None
    assert [login.answer(b"Username:"), login.answer(b"Passwort?")] == ["été".encode(), "mot de passe €".encode()]
    with pytest.raises(errors.RemoteProtocolError):
        login.answer(b"and your mother's name?")


def test_oauthbearer_says_what_rfc_7628_says() -> None:
    mechanism = client_mechanisms.OAuthBearer(
        "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", host="server.example.com", port=143
    )

    assert mechanism.start() == (
        b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
        b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
    )
    assert mechanism.answer(b'{"status":"invalid_token"}') == b"\x01"


def test_xoauth2_answers_an_explanation_by_an_empty_line() -> None:
    mechanism = client_mechanisms.XOAuth2("ada@example.org", "token")

    assert mechanism.start() == b"user=ada@example.org\x01auth=Bearer token\x01\x01"
    assert mechanism.answer(b'{"status":"400"}') == b""


@pytest.mark.parametrize("token", ["a\x01auth=Bearer other", "a\r\nQUIT", "a\x7f"])
def test_a_token_cannot_add_a_field(token: str) -> None:
    with pytest.raises(errors.InvalidServer) as refused:
        client_mechanisms.XOAuth2("ada", token)

    assert token not in str(refused.value)


# RFC 4013 3.
@pytest.mark.parametrize(
    ("said", "prepared"),
    [("I\xadX", "IX"), ("user", "user"), ("USER", "USER"), ("\xaa", "a"), ("\u2168", "IX"), ("a\xa0b", "a b")],
)
def test_names_are_compared_as_rfc_4013_has_it(said: str, prepared: str) -> None:
    assert client_mechanisms.saslprep(said) == prepared


@pytest.mark.parametrize("text", ["\x07", "\u0627\x31", "a\ue000", "\u2028"])
def test_what_sasl_forbids_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(errors.InvalidServer) as refused:
        client_mechanisms.saslprep(text)

    assert text not in str(refused.value)


def test_a_certificate_is_bound_by_the_hash_it_was_signed_with() -> None:
    """RFC 5929 4.1: real certificates, checked against the digests of `cryptography`."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.example.org")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

    def certificate(
        key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, algorithm: hashes.HashAlgorithm | None
    ) -> bytes:
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)  # type: ignore[arg-type]

    elliptic = ec.generate_private_key(ec.SECP256R1())
    for algorithm in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        der = certificate(elliptic, algorithm)
        digest = hashes.Hash(algorithm)
        digest.update(der)

        assert client_mechanisms.end_point_binding(der) == digest.finalize()
    assert client_mechanisms.end_point_binding(certificate(ed25519.Ed25519PrivateKey.generate(), None)) == b""
    assert client_mechanisms.end_point_binding(b"") == b""
