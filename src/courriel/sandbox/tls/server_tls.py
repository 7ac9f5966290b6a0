"""TLS of the practice server: its certificates and contexts, made when they are first needed."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from courriel import errors
from courriel.network import forks
from courriel.sandbox import certificates

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from tempfile import TemporaryDirectory


class SandboxTls:
    """Certificates for these names, in a folder that exists from `open` to `close`.

    They are made on first use: most tests need no TLS, and `cryptography` is slow to import. `fault` is asked at each
    handshake for the kind of bad certificate that is wanted, "" for the good one.
    """

    def __init__(self, names: tuple[str, ...], fault: Callable[[], str]) -> None:
        self._names = names
        self._fault = fault
        self._open = False
        self._folder: TemporaryDirectory[str] | None = None
        self._issued: certificates.CertificateFiles | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = Lock()
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """Leave the folder to the parent process."""
        forks.keep_for_ever(self._folder)
        self._lock = Lock()

    def open(self) -> None:
        """Allow certificates to be made."""
        self._open = True

    def close(self) -> None:
        """Remove all files."""
        with self._lock:
            self._open, self._issued = False, None
            self._contexts.clear()
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def files(self) -> certificates.CertificateFiles:
        """The good certificate and its authority. Raises MissingExtra; UsageError when the sandbox is not open."""
        with self._lock:
            if self._issued is None:
                self._issued = certificates.issue(self._place(), *self._names)
            return self._issued

    def context(self) -> ssl.SSLContext:
        """Context of the next handshake."""
        from courriel.network.tls.contexts import server_context

        kind = self._fault()
        if kind not in self._contexts:
            files = self.files()
            if kind:
                from courriel.sandbox.tls.bad_certificates import issue_bad

                certificate, key = issue_bad(self._place(), kind, files, self._names[0])
            else:
                certificate, key = files.certificate, files.key
            self._contexts[kind] = server_context(str(certificate), str(key), any_strength=kind == "weak")
        return self._contexts[kind]

    # The steps.

    def _place(self) -> Path:
        from tempfile import TemporaryDirectory

        if self._folder is None:
            if not self._open:
                raise errors.UsageError("the certificates live as long as the sandbox is open, and it is not")
            self._folder = TemporaryDirectory(prefix="courriel-sandbox-")
        return Path(self._folder.name)
