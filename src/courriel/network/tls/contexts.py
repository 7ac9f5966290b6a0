"""TLS contexts, cached and shared, and the check of the server's certificate before the first byte is sent.

This is the only file that makes a context. A connection is opened in three steps:

    context = tls.client_context(server.trust, server.client_certificate)      # before connecting: it may refuse a file
    ...the handshake, with server_hostname=tls.name_to_check(server.expected_name)...
    leaf = tls.finish(line, server.trust)                                      # before the first byte is sent

`finish` is not a formality: when only a pin is trusted the handshake accepts any certificate, and `finish` is what
refuses. Until it has returned, nothing may be sent.
"""

from __future__ import annotations

import os
import ssl
from _thread import allocate_lock, get_ident

from courriel import errors
from courriel.model.servers.trust import ClientCertificate, Trust
from courriel.network.tls import ca_store
from courriel.network.tls.sessions import SessionStore, remember

__all__ = ["client_context", "finish", "name_to_check", "remember", "server_context"]

MOST_KEPT = 64  # contexts; a file that changes every minute must not fill the memory of a long-running worker

kept_contexts: dict[ca_store.Stamp, ssl.SSLContext] = {}
making = allocate_lock()


def client_context(trust: Trust, client_certificate: ClientCertificate | None = None) -> ssl.SSLContext:
    """The context for connections to servers that `trust` accepts; equal arguments give the same object.

    Reading the system's CA certificates takes 20 to 30 ms, more than a whole session, so the context is cached, and
    made again when a file has changed. TLS 1.2 at least; issuer, dates and host name are verified. The context is
    shared between threads: do not change it. Raises InvalidServer for an unusable file, MissingExtra when certifi is
    needed and not installed.
    """
    question = (trust, client_certificate, *_stamps(trust, client_certificate))
    if _asks_the_system(trust):
        # truststore holds a lock of the context during the handshake: shared between threads, one slow server would
        # block every other handshake. Its contexts hold no CA certificates and are cheap.
        question += (get_ident(),)
    with making:
        context = kept_contexts.get(question)
        if context is None:
            context = kept_contexts[question] = _make(trust, client_certificate)
            if len(kept_contexts) > MOST_KEPT:
                del kept_contexts[next(iter(kept_contexts))]
    return context


def name_to_check(host: str) -> str:
    """The `server_hostname` for a handshake: no final dot, no brackets or zone around an IPv6 address.

    An IP address is compared with the certificate's addresses, a name with its DNS names; the subject's common name
    does not count (RFC 9525 2).
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        return bare.partition("%")[0]
    return bare.removesuffix(".")


def finish(line: ssl.SSLSocket | ssl.SSLObject, trust: Trust, server: str = "") -> bytes:
    """Verify pins after the handshake and before the first byte is sent; return the certificate (DER).

    Channel binding is computed from it (RFC 5929 4); b"" when the server has none. Raises TlsFailed when the
    certificate is not a pinned one; `server` ("host:port") is for that error.
    """
    leaf = line.getpeercert(binary_form=True) or b""
    name = line.server_hostname or ""
    if trust.accepts_anything:
        _warn_of_no_checks(name)
    if trust.pins and (seen := _fingerprint(leaf)) not in trust.pins:
        raise errors.TlsFailed(
            f"the certificate of {name} is not the pinned one: the server has sha256:{seen}, "
            f"expected was {' or '.join(f'sha256:{pin}' for pin in trust.pins)}",
            stage="secure",
            server=server,
            hint_id="PIN-MISMATCH",
        )
    return leaf


def server_context(certificate_file: str, key_file: str | None = None, *, any_strength: bool = False) -> ssl.SSLContext:
    """The context for a server of ours: TLS 1.2 at least, no client certificate requested. Not cached.

    `any_strength` lets the practice server show a certificate whose key is too short.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _modern_only(context)
    if any_strength:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    _show(context, ClientCertificate(certificate_file, key_file))
    return context


def probing_context() -> ssl.SSLContext:
    """Context to find out whether a port speaks TLS at all; send and trust nothing on such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# The steps: making one.


def _after_fork() -> None:
    global making  # noqa: PLW0603 - another thread of the parent may have held it, and there is none here to release it
    making = allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _make(trust: Trust, client_certificate: ClientCertificate | None) -> ssl.SSLContext:
    context = _system_verifier() if _asks_the_system(trust) else SessionStore()
    _modern_only(context)
    if trust.checks_chain:
        _believe(context, trust)
    else:
        # Only a pin, or no verification: `finish` alone decides.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_certificate is not None:
        _show(context, client_certificate)
    return context


def _modern_only(context: ssl.SSLContext) -> None:
    # RFC 8996 retires TLS 1.0 and 1.1. A machine whose policy asks for more keeps it.
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)


def _believe(context: ssl.SSLContext, trust: Trust) -> None:
    if ssl.HAS_NEVER_CHECK_COMMON_NAME:
        context.hostname_checks_common_name = False
    # Every certificate in a trust is a trust anchor, be it an intermediate one or the server's own; newer Pythons do
    # the same. VERIFY_X509_STRICT, which they add, would reject many private CAs.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if trust.uses_system and not ca_store.checked_by_system():
        context.set_default_verify_paths()
        for place in ca_store.beside_openssl():
            context.load_verify_locations(cafile=place)
    if trust.uses_bundle:
        context.load_verify_locations(cafile=ca_store.bundle())
    for path in trust.files:
        _load(context, ca_store.certificates_at(path), path)
    if trust.authorities:
        _load(context, trust.authorities, "the certificate data of this trust")


def _load(context: ssl.SSLContext, certificates: tuple[bytes, ...], origin: str) -> None:
    try:
        context.load_verify_locations(cadata=b"".join(certificates))
    except ssl.SSLError as wrong:
        raise ca_store.unusable(f"{origin}: a certificate in it is damaged") from wrong


def _show(context: ssl.SSLContext, ours: ClientCertificate) -> None:
    """Load the client certificate."""
    try:
        # Without a password argument, even an empty one, OpenSSL would prompt for it on the terminal.
        context.load_cert_chain(ours.certificate, ours.key, ours.password or "")
    except ssl.SSLError as wrong:
        raise ca_store.unusable(_what_is_wrong_with(ours, wrong)) from wrong
    except OSError as wrong:
        raise ca_store.unusable(f"{_unreadable(ours)}: {wrong.strerror}") from wrong


def _unreadable(ours: ClientCertificate) -> str:
    """Name the file that cannot be read, certificate or key: OpenSSL does not say."""
    first = ours.key if ours.key and os.access(ours.certificate, os.R_OK) else ours.certificate
    return f"{first}: cannot be read"


def _what_is_wrong_with(ours: ClientCertificate, wrong: ssl.SSLError) -> str:
    key = ours.key or ours.certificate
    if wrong.reason == "KEY_VALUES_MISMATCH":
        return f"{key}: this private key does not belong to the certificate in {ours.certificate}"
    # For the rest OpenSSL reports "PEM lib", whatever the cause.
    if ca_store.holds(key, b"ENCRYPTED"):
        password = "its password is not this one" if ours.password else "it is encrypted, and no password was given"
        return f"{key}: the private key cannot be opened: {password}"
    return f"{ours.certificate}: a certificate in PEM form is needed, and in {key} its private key"


def _asks_the_system(trust: Trust) -> bool:
    return trust.uses_system and ca_store.checked_by_system()


def _system_verifier() -> ssl.SSLContext:
    """A context that verifies by Windows or macOS; CA certificates loaded into it count in addition.

    Elsewhere truststore would read the whole store for each connection (37 ms), with the same result as OpenSSL's
    default paths: there OpenSSL is used directly, once.
    """
    try:
        import truststore
    except ImportError as missing:
        raise errors.MissingExtra('the truststore package is missing: pip install "courriel"') from missing
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _stamps(trust: Trust, ours: ClientCertificate | None) -> ca_store.Stamp:
    """Values that change with the files from which the context is made."""
    places = list(trust.files)
    store = ca_store.stamp_of_system() if trust.uses_system else ()
    if trust.uses_bundle:
        places.append(ca_store.bundle())
    if ours is not None:
        places += [ours.certificate, ours.key or ours.certificate]
    return store, *(ca_store.stamp(place) for place in places)


def _fingerprint(certificate: bytes) -> str:
    from hashlib import sha256

    return sha256(certificate).hexdigest()


def _warn_of_no_checks(name: str) -> None:
    import logging

    logging.getLogger("courriel.tls").warning(
        "The certificate of %s was not checked: anybody on the road can read and change what is said",
        name,
        extra={"action": "certificate_not_checked", "server": name},
    )
