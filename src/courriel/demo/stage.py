"""Environment of the demo: a practice server, its CA trusted by this process, one namespace for all steps."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from courriel import Sandbox, Trust
from courriel._dataclass import dataclass
from courriel.demo.scene import Both, Played, Scene
from courriel.demo.scenes import SCENES

if TYPE_CHECKING:
    from courriel.types import CapturedMessage

USERS = {"ada": "secret"}
_OTHERWISE = Both("autre chose est arrivé que ce qui était annoncé", "something else happened than was announced")


@dataclass(frozen=True, slots=True)
class Stage:
    """An open practice server, and the steps to run on it."""

    sandbox: Sandbox
    closed_port: int
    """A port of this machine where nothing listens."""
    outbox: Path
    """Path of the outbox."""

    @property
    def page(self) -> str:
        """Address of the server's page; "" without one."""
        return self.sandbox.web_url if self.sandbox.web_port else ""

    def preview(self, letter: CapturedMessage) -> str:
        """Address of a mail in the page; "" without one."""
        return self.sandbox.preview_url(letter) if self.page else ""

    def play(self) -> Iterator[Played]:
        """Run the steps one after the other in one namespace; each is checked at once."""
        namespace: dict[str, object] = {"__name__": "demo", "sandbox": self.sandbox}
        places = {
            "port": self.sandbox.port,
            "tls_port": self.sandbox.tls_port,
            "ca": self.sandbox.ca.as_posix(),
            "closed_port": self.closed_port,
            "pop_port": self.sandbox.pop_port,
            "imap_port": self.sandbox.imap_port,
            "outbox": self.outbox.as_posix(),
            "page": self.outbox.with_name("page.wl").as_posix(),
        }
        for number, scene in enumerate(SCENES, start=1):
            yield self._played(number, scene, scene.written(**places), namespace)

    def _played(self, number: int, scene: Scene, code: str, namespace: dict[str, object]) -> Played:
        before = len(self.sandbox.letters)
        output = io.StringIO()
        failure = ""
        with redirect_stdout(output), redirect_stderr(output):
            try:
                # The lines shown are the lines run: there is no second copy.
                exec(compile(code, f"<{number}>", "exec"), namespace)  # noqa: S102 - our own text, out of scenes.py
            except Exception as error:  # noqa: BLE001 - any exception of a step is reported, and the demo goes on
                failure = f"{type(error).__name__}: {error}"
        letters = tuple(self.sandbox.letters[before:])
        if not failure and not scene.proof(output.getvalue(), letters):
            failure = str(_OTHERWISE)
        return Played(number, str(scene.title), code, output.getvalue().rstrip(), letters, failure)


@contextmanager
def stage(folder: Path, *, page: bool = True) -> Generator[Stage, None, None]:
    """Set up the environment, and remove it; only mails in `folder` stay. Raises MissingExtra, OSError.

    `page` opens the server's web inbox, where its libraries are installed.
    """
    # Settings that capture or redirect mail do not apply here: nothing leaves this machine anyway.
    settings = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COURRIEL_")}
    try:
        with (
            TemporaryDirectory(prefix="courriel-outbox-", ignore_cleanup_errors=True) as private,
            Sandbox(folder=folder, users=USERS, web_port=0 if page and _has_page() else None) as sandbox,
            _practice_ca_trusted(sandbox.ca),
        ):
            yield Stage(sandbox, _closed_port(), Path(private) / "outbox.db")
    finally:
        os.environ.update(settings)


# The steps.


def _has_page() -> bool:
    return all(find_spec(name) for name in ("starlette", "uvicorn", "nh3", "jinja2"))


@contextmanager
def _practice_ca_trusted(authority: Path) -> Generator[None, None, None]:
    """Trust the practice CA in this process, as if an administrator had added it to the system store."""
    if sys.platform in ("win32", "darwin"):
        # There the system itself verifies, and takes no file.
        with _system_trust(Trust.file(str(authority))):
            yield
        return
    former = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(authority)
    try:
        yield
    finally:
        if former is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = former


@contextmanager
def _system_trust(trust: Trust) -> Generator[None, None, None]:
    former = Trust.__dict__["system"]
    Trust.system = staticmethod(lambda: trust)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Trust.system = former  # type: ignore[method-assign]


def _closed_port() -> int:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        port: int = once.getsockname()[1]
        return port
