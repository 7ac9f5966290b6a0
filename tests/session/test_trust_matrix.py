"""Trust sources, with and without a client certificate, with valid and invalid servers (hazards H22 to H27, H73)."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest
import trustme
import truststore
from cryptography.hazmat.primitives import serialization

from courriel import errors
from courriel.model.servers.trust import ClientCertificate, Trust
from courriel.network.tls import ca_store, contexts, reasons
from session.certificates import ADDRESS, HOST, Line, Workshop, greet_in_clear

BANNER = b"220 mail.example.org ESMTP ready\r\n"
SOURCES = ("system", "system, folder", "system, asked itself", "bundled", "file", "folder", "data", "union", "pinned")

# Certificate of the server, name used for it, and the check that must refuse it.
BAD_SERVERS = {
    "expired": (HOST, "expired", "CERT-EXPIRED"),
    "not yet valid": (HOST, "not yet valid", "CERT-NOT-YET-VALID"),
    "wrong name": (HOST, "name", "CERT-WRONG-NAME"),
    "common name only": (HOST, "name", "CERT-WRONG-NAME"),
    "another address": (ADDRESS, "name", "CERT-WRONG-NAME"),
    "unknown issuer": (HOST, "issuer", "CERT-UNKNOWN-ISSUER"),
    "self-signed": (HOST, "self-signed", "CERT-SELF-SIGNED"),
}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=[False, True], ids=["anonymous", "client certificate"])
def ours(request: pytest.FixtureRequest, workshop: Workshop) -> ClientCertificate | None:
    return ClientCertificate(workshop.certificates["client"].path) if request.param else None


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Path | None], None]:
    """Make a file the system's CA store; None for an empty store."""
    nothing = tmp_path / "empty-store"
    nothing.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(nothing))
    monkeypatch.setenv("SSL_CERT_FILE", str(nothing / "none"))

    def trusts(file: Path | None) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(file or nothing / "none"))

    return trusts


@pytest.fixture
def trust_by(
    workshop: Workshop, store: Callable[[Path | None], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], Trust]:
    """A trust in our CA only, by this kind of source."""

    def make(source: str) -> Trust:
        match source:
            case "system":
                store(workshop.authority)
                return Trust.system()
            case "system, folder":
                # Named by subject hash, as c_rehash does.
                hashed = tmp_path / "hashed"
                hashed.mkdir()
                shutil.copy(workshop.authority, hashed / f"{_name_hash(workshop.authority)}.0")
                monkeypatch.setenv("SSL_CERT_DIR", str(hashed))
                return Trust.system()
            case "system, asked itself":
                # As on Windows and macOS: truststore verifies. On Linux it uses the same store.
                store(workshop.authority)
                monkeypatch.setattr(ca_store, "checked_by_system", lambda: True)
                return Trust.system()
            case "bundled":
                monkeypatch.setattr(certifi, "where", lambda: str(workshop.authority))
                return Trust.bundled()
            case "file":
                return Trust.file(workshop.authority)
            case "folder":
                folder = tmp_path / "authorities"
                folder.mkdir()
                (folder / "README").write_text("the company's authorities")
                (folder / "dangling").symlink_to(tmp_path / "gone")
                (folder / "company.cer").write_bytes(ssl.PEM_cert_to_DER_cert(workshop.authority.read_text()))
                return Trust.file(folder)
            case "data":
                return Trust.data("Société: notre autorité\n" + workshop.authority.read_text())
            case "union":
                other = tmp_path / "other.pem"
                other.write_bytes(Workshop(tmp_path).stranger.cert_pem.bytes())
                return Trust.system() | Trust.file(other) | Trust.data(workshop.authority.read_bytes())
            case "pinned":
                return Trust.file(workshop.authority).with_pins(_pin(workshop.certificates["good"].der))
            case _:
                raise AssertionError(source)

    return make


# Valid servers.


@pytest.mark.parametrize("source", SOURCES)
def test_a_good_server_is_believed_by_every_source(
    source: str, trust_by: Callable[[str], Trust], ours: ClientCertificate | None, workshop: Workshop
) -> None:
    trust = trust_by(source)

    line = Line(contexts.client_context(trust, ours), workshop.server("good"))
    leaf = contexts.finish(line.client, trust)

    assert leaf == workshop.certificates["good"].der
    assert line.client.version() == "TLSv1.3"


@pytest.mark.parametrize("name", [HOST, f"{HOST}.", HOST.upper()])
def test_a_name_is_the_same_with_a_final_dot_or_in_capitals(name: str, workshop: Workshop) -> None:
    context = contexts.client_context(Trust.file(workshop.authority))

    Line(context, workshop.server("good"), contexts.name_to_check(name))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "[::1]", "::1%lo"])
def test_an_address_is_found_among_the_addresses_of_the_certificate(address: str, workshop: Workshop) -> None:
    context = contexts.client_context(Trust.file(workshop.authority))

    Line(context, workshop.server("address"), contexts.name_to_check(address))


def test_an_authority_in_the_middle_or_the_very_certificate_may_be_what_is_trusted(workshop: Workshop) -> None:
    deep, odd = workshop.certificates["behind an intermediate"], workshop.certificates["self-signed"]

    Line(contexts.client_context(Trust.data(deep.pem)), workshop.server("behind an intermediate"))
    Line(contexts.client_context(Trust.system() | Trust.data(odd.pem)), workshop.server("self-signed"))


# Invalid servers.


@pytest.mark.parametrize("shown", BAD_SERVERS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_bad_certificate_is_refused_and_the_check_is_named(
    source: str, shown: str, trust_by: Callable[[str], Trust], ours: ClientCertificate | None, workshop: Workshop
) -> None:
    trust = trust_by(source)
    name, check, hint = BAD_SERVERS[shown]

    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        Line(contexts.client_context(trust, ours), workshop.server(shown), name)
    finding = reasons.examine(refused.value, name, trust)

    assert (finding.check, finding.hint_id) == (check, hint)
    assert name in finding.sentence
    assert finding.sentence == reasons.explain(refused.value, name, trust)


@pytest.mark.parametrize(("shown", "hint"), [(shown, hint) for shown, (_, _, hint) in BAD_SERVERS.items()])
def test_the_failure_table_gives_the_same_remedy_for_the_error_that_carries_the_cause(
    shown: str, hint: str, workshop: Workshop
) -> None:
    name = BAD_SERVERS[shown][0]
    with pytest.raises(ssl.SSLError) as refused:
        Line(contexts.client_context(Trust.file(workshop.authority)), workshop.server(shown), name)
    failed = errors.TlsFailed(reasons.explain(refused.value, name), stage="secure", server=f"{name}:465")
    failed.__cause__ = refused.value

    assert failed.failure is not None
    assert failed.failure.id == hint
    assert not failed.retryable


def test_an_expired_certificate_is_told_with_our_own_clock(workshop: Workshop) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        Line(contexts.client_context(Trust.file(workshop.authority)), workshop.server("expired"))

    assert "the clock of this machine says 20" in reasons.explain(refused.value, HOST)


@pytest.mark.parametrize("source", ["file", "pin"])
def test_a_server_that_speaks_in_clear_is_told_as_such(
    source: str, trust_by: Callable[[str], Trust], ours: ClientCertificate | None, workshop: Workshop
) -> None:
    trust = trust_by("file") if source == "file" else Trust.pin(_pin(workshop.certificates["good"].der))

    with pytest.raises(ssl.SSLError) as refused:
        greet_in_clear(contexts.client_context(trust, ours), BANNER)
    finding = reasons.examine(refused.value, HOST)

    assert (finding.check, finding.hint_id) == ("protocol", "TLS-PORT-MIXUP")
    assert finding.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}


def test_a_server_that_hangs_up_at_once_is_told_as_such(workshop: Workshop) -> None:
    with pytest.raises(ssl.SSLError) as refused:
        greet_in_clear(contexts.client_context(Trust.file(workshop.authority)), b"")

    assert reasons.examine(refused.value, HOST).check == "hung up"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
def test_a_server_that_is_too_old_is_told_as_such(
    version: ssl.TLSVersion, ours: ClientCertificate | None, workshop: Workshop
) -> None:
    server = workshop.server("good", minimum_version=version, maximum_version=version)
    server.set_ciphers("ALL:@SECLEVEL=0")

    with pytest.raises(ssl.SSLError) as refused:
        Line(contexts.client_context(Trust.file(workshop.authority), ours), server)

    finding = reasons.examine(refused.value, HOST)
    assert (finding.check, finding.hint_id) == ("version", "TLS-TOO-OLD")


# Client certificates.


@pytest.mark.parametrize("source", SOURCES)
def test_a_demanded_client_certificate_is_shown(
    source: str, trust_by: Callable[[str], Trust], workshop: Workshop
) -> None:
    trust = trust_by(source)
    ours = ClientCertificate(workshop.certificates["client"].path)

    line = Line(contexts.client_context(trust, ours), workshop.demanding_server())
    contexts.finish(line.client, trust)

    with pytest.raises(ssl.SSLWantReadError):
        line.read()  # no alert has arrived


@pytest.mark.parametrize("source", SOURCES)
def test_a_demanded_client_certificate_that_is_missing_is_told_at_the_first_read(
    source: str, trust_by: Callable[[str], Trust], workshop: Workshop
) -> None:
    line = Line(contexts.client_context(trust_by(source)), workshop.demanding_server())

    with pytest.raises(ssl.SSLError) as refused:
        line.read()
    finding = reasons.examine(refused.value, HOST)

    assert finding.hint_id == "CLIENT-CERTIFICATE-WANTED"
    assert "asks for a client certificate" in finding.sentence


def test_with_tls_1_2_the_same_demand_breaks_the_handshake(workshop: Workshop) -> None:
    with pytest.raises(ssl.SSLError) as refused:
        Line(
            contexts.client_context(Trust.file(workshop.authority)),
            workshop.demanding_server(ssl.TLSVersion.TLSv1_2),
        )

    assert "client certificate" in reasons.explain(refused.value, HOST)


def test_a_client_certificate_alone_brings_no_trust_and_takes_none_away(
    workshop: Workshop, store: Callable[[Path | None], None]
) -> None:
    ours = ClientCertificate(workshop.certificates["client"].path)
    store(workshop.authority)
    context = contexts.client_context(Trust.system(), ours)

    Line(context, workshop.server("good"))

    with pytest.raises(ssl.SSLCertVerificationError):
        Line(context, workshop.server("unknown issuer"))


# Pins.


@pytest.mark.parametrize("shown", ["good", *BAD_SERVERS])
def test_a_pin_alone_accepts_its_certificate_whatever_is_wrong_with_it_and_no_other(
    shown: str, ours: ClientCertificate | None, workshop: Workshop
) -> None:
    exact = Trust.pin(_pin(workshop.certificates[shown].der))
    other = Trust.pin(_pin(workshop.certificates["address"].der))
    line = Line(contexts.client_context(exact, ours), workshop.server(shown))

    leaf = contexts.finish(line.client, exact)

    assert leaf == workshop.certificates[shown].der
    with pytest.raises(errors.TlsFailed, match="not the pinned one") as refused:
        contexts.finish(Line(contexts.client_context(other, ours), workshop.server(shown)).client, other)
    assert refused.value.hint_id == "PIN-MISMATCH"
    assert refused.value.stage == "secure"


def test_a_pin_beside_a_source_asks_for_both(workshop: Workshop) -> None:
    good, stranger = workshop.certificates["good"], workshop.certificates["unknown issuer"]
    elsewhere = Trust.file(workshop.authority).with_pins(_pin(workshop.certificates["address"].der))
    strange = Trust.file(workshop.authority).with_pins(_pin(stranger.der), _pin(good.der))

    line = Line(contexts.client_context(elsewhere), workshop.server("good"))

    with pytest.raises(errors.TlsFailed):
        contexts.finish(line.client, elsewhere)
    with pytest.raises(ssl.SSLCertVerificationError):
        Line(contexts.client_context(strange), workshop.server("unknown issuer"))
    contexts.finish(Line(contexts.client_context(strange), workshop.server("good")).client, strange)


def test_accepting_anything_is_logged_each_time(workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    anything = Trust.dangerously_accept_any_certificate()

    with caplog.at_level(logging.WARNING, "courriel.tls"):
        for _ in range(2):
            contexts.finish(Line(contexts.client_context(anything), workshop.server("self-signed")).client, anything)

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert HOST in caplog.text


# Different stores.


def test_an_authority_that_one_store_lacks_opens_with_the_other_only(
    workshop: Workshop, store: Callable[[Path | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with Gmail: a system store too old for a new CA, and a bundle that has it; and the reverse."""
    store(workshop.unbelieved)
    monkeypatch.setattr(certifi, "where", lambda: str(workshop.authority))

    Line(contexts.client_context(Trust.bundled()), workshop.server("good"))
    Line(contexts.client_context(Trust.system()), workshop.server("unknown issuer"))
    Line(contexts.client_context(Trust.system() | Trust.bundled()), workshop.server("good"))

    for trust, shown in ((Trust.system(), "good"), (Trust.bundled(), "unknown issuer")):
        with pytest.raises(ssl.SSLCertVerificationError) as refused:
            Line(contexts.client_context(trust), workshop.server(shown))
        finding = reasons.examine(refused.value, HOST, trust)
        assert finding.hint_id == "CERT-UNKNOWN-ISSUER"
        assert "comes from an authority that is not trusted" in finding.sentence


def test_a_machine_that_trusts_nobody_is_told_so(workshop: Workshop, store: Callable[[Path | None], None]) -> None:
    store(None)

    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        Line(contexts.client_context(Trust.system()), workshop.server("good"))
    finding = reasons.examine(refused.value, HOST, Trust.system())

    assert "the system store is empty" in finding.sentence
    assert finding.hint_id == "CERT-UNKNOWN-ISSUER"


def test_a_python_that_looks_in_the_wrong_place_finds_the_known_store(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "/gone", "SSL_CERT_DIR", "/gone")  # type: ignore[arg-type]
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    monkeypatch.setattr(ca_store, "_KNOWN_STORES", ("/gone", str(workshop.authority)))

    Line(contexts.client_context(Trust.system()), workshop.server("good"))

    assert not ca_store.system_is_empty()


# Caching.


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_question_gets_the_same_context(
    source: str, trust_by: Callable[[str], Trust], ours: ClientCertificate | None
) -> None:
    trust = trust_by(source)

    assert contexts.client_context(trust, ours) is contexts.client_context(trust, ours)
    assert contexts.client_context(trust) is not contexts.client_context(Trust.dangerously_accept_any_certificate())


def test_a_thread_that_asks_while_the_context_is_being_made_waits_for_it(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = Trust.file(shutil.copy(workshop.authority, tmp_path / "fresh.pem"))
    entered, made, make = threading.Semaphore(0), [], contexts._make

    def make_slowly(*question: object) -> ssl.SSLContext:
        if not made:
            made.append(None)
            thread.start()
            assert not entered.acquire(timeout=0.1), "the second thread makes one too"
        entered.release()
        return make(*question)  # type: ignore[arg-type]

    got: list[ssl.SSLContext] = []
    thread = threading.Thread(target=lambda: got.append(contexts.client_context(trust)))
    monkeypatch.setattr(contexts, "_make", make_slowly)

    first = contexts.client_context(trust)
    thread.join()

    assert got == [first]


def test_where_the_system_checks_each_thread_has_its_own(trust_by: Callable[[str], Trust], workshop: Workshop) -> None:
    """truststore holds the context's lock during the handshake."""
    trust = trust_by("system, asked itself")
    elsewhere: list[ssl.SSLContext] = []

    thread = threading.Thread(target=lambda: elsewhere.append(contexts.client_context(trust)))
    thread.start()
    thread.join()

    assert isinstance(contexts.client_context(trust), truststore.SSLContext)
    assert elsewhere[0] is not contexts.client_context(trust)


@pytest.mark.parametrize("source", ["file", "folder", "bundled", "system"])
def test_a_changed_file_makes_a_new_context(
    source: str,
    workshop: Workshop,
    store: Callable[[Path | None], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    file = Path(shutil.copy(workshop.unbelieved, folder / "authority.pem"))
    store(file)
    monkeypatch.setattr(certifi, "where", lambda: str(file))
    trust = {
        "file": Trust.file(file),
        "folder": Trust.file(folder),
        "bundled": Trust.bundled(),
        "system": Trust.system(),
    }[source]
    before = contexts.client_context(trust)

    file.write_bytes(workshop.authority.read_bytes())
    os.utime(file, ns=(1, 1))
    after = contexts.client_context(trust)

    assert after is not before
    Line(after, workshop.server("good"))


def test_contexts_do_not_pile_up(workshop: Workshop, tmp_path: Path) -> None:
    file = Path(shutil.copy(workshop.authority, tmp_path / "restless.pem"))

    for moment in range(contexts.MOST_KEPT + 10):
        os.utime(file, ns=(moment, moment))
        contexts.client_context(Trust.file(file))

    assert len(contexts.kept_contexts) <= contexts.MOST_KEPT


# Unusable files.


@pytest.mark.parametrize(
    "content",
    [b"", b"not a certificate", b"\x30\x03abc", b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"],
)
def test_a_file_without_a_sound_certificate_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "odd.pem"
    file.write_bytes(content)

    with pytest.raises(errors.InvalidServer, match=r"odd\.pem"):
        contexts.client_context(Trust.file(file))


def test_a_missing_file_and_an_empty_folder_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidServer, match=r"gone\.pem: cannot be read: No such file"):
        contexts.client_context(Trust.file(tmp_path / "gone.pem"))
    with pytest.raises(errors.InvalidServer, match="no file in this folder holds a certificate"):
        contexts.client_context(Trust.file(tmp_path))


@pytest.mark.slow
def test_a_client_certificate_that_cannot_be_used_says_why(workshop: Workshop, tmp_path: Path) -> None:
    good, other = workshop.certificates["good"].path, workshop.certificates["client"].path
    key = workshop.believed.issue_cert("a.example.org").private_key_pem.bytes().decode()
    (tmp_path / "key.pem").write_text(key)

    for ours, why in (
        (ClientCertificate(tmp_path / "gone.pem"), r"gone\.pem: cannot be read"),
        (ClientCertificate(good, tmp_path / "gone.key"), r"gone\.key: cannot be read"),
        (ClientCertificate(good, tmp_path / "key.pem"), "does not belong to the certificate in .*good"),
        (ClientCertificate(workshop.authority), "a certificate in PEM form is needed, and in .* its private key"),
    ):
        with pytest.raises(errors.InvalidServer, match=why):
            contexts.client_context(Trust.system(), ours)
    contexts.client_context(Trust.system(), ClientCertificate(other))


@pytest.mark.slow
def test_an_encrypted_key_opens_with_its_password_and_never_asks_on_the_terminal(
    workshop: Workshop, tmp_path: Path
) -> None:
    key, certificate = _encrypted(tmp_path, "sesame")

    contexts.client_context(Trust.system(), ClientCertificate(certificate, key, "sesame"))

    for wrong in (None, "open barley"):
        with pytest.raises(errors.InvalidServer, match="private key cannot be opened") as refused:
            contexts.client_context(Trust.system(), ClientCertificate(certificate, key, wrong))
        assert "barley" not in str(refused.value)


def test_a_missing_bundle_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "certifi", None)

    with pytest.raises(errors.MissingExtra, match=r"pip install \"courriel\[bundled\]\""):
        contexts.client_context(Trust.bundled())


# Our own server, over a socket.


def test_our_server_context_speaks_with_our_client_context_over_a_socket(workshop: Workshop) -> None:
    theirs = contexts.server_context(str(workshop.certificates["good"].path))
    trust = Trust.file(workshop.authority)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve_once, args=(listener, theirs))
        thread.start()

        with (
            socket.create_connection(listener.getsockname(), timeout=5) as plain,
            contexts.client_context(trust).wrap_socket(plain, server_hostname=HOST) as line,
        ):
            leaf = contexts.finish(line, trust)
            greeting = line.recv(100)
        thread.join()

    assert leaf == workshop.certificates["good"].der
    assert greeting == BANNER


# The steps.


def _serve_once(listener: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = listener.accept()
    with plain, context.wrap_socket(plain, server_side=True) as line:
        line.sendall(BANNER)


def _pin(der: bytes) -> str:
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def _name_hash(authority: Path) -> str:
    """The subject hash by which OpenSSL finds a CA in a folder: eight hex digits."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command, which names files as c_rehash does, is not installed")
    asked = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(authority)]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def _encrypted(folder: Path, password: str) -> tuple[Path, Path]:
    made = trustme.CA().issue_cert("ada@example.org")
    key = serialization.load_pem_private_key(made.private_key_pem.bytes(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    (folder / "sealed.key").write_bytes(sealed)
    (folder / "sealed.pem").write_bytes(made.cert_chain_pems[0].bytes())
    return folder / "sealed.key", folder / "sealed.pem"
