"""A certificate for the TLS sinks, from an authority that lives as long as the run, and a key that signs mail."""

from __future__ import annotations

from pathlib import Path


def write_certificates(folder: Path) -> None:
    """`ca.pem` to trust, `server.pem` and `server.key` for 127.0.0.1. Needs trustme, a development requirement."""
    import trustme

    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    (folder / "server.pem").write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    (folder / "server.key").write_bytes(server.private_key_pem.bytes())


def write_signing_key(folder: Path) -> None:
    """`dkim.pem`, an RSA key of 2048 bits that nobody else may read."""
    from courriel.delivery.dkim.new_key import write_new_key

    write_new_key(str(folder / "dkim.pem"), "rsa", 2048)
