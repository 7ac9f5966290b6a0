"""What a program pays for before its first mail: modules that must not be loaded, in an interpreter of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from threading import Thread

import pytest
import trustme

HEAVY = {"asyncio", "email", "logging", "ssl", "dataclasses", "inspect", "importlib.metadata", "unittest", "tomllib"}
# Each of these costs a millisecond or more, and what we would have of it is little, or nothing while a program runs.
DISPENSABLE = {"typing", "contextlib", "contextvars", "importlib", "warnings", "threading", "queue", "pathlib", "uuid"}
LOGIN = {
    "hashlib",
    "hmac",
    "secrets",
    "random",
    "stringprep",
    "courriel.wire.sasl.client_mechanisms",
    "courriel.dialogue.authenticate",
}
SERVERS = {
    "courriel.network.awaiting",
    "courriel.network.serving.listening",
    "courriel.sandbox",
    "courriel.dialogue.server.smtp",
}
RARE = {"courriel.failures", "courriel.session.message_source", "courriel.wire.html.to_text", "encodings.idna"}
WORKING = ("courriel.network", "courriel.dialogue", "courriel.wire", "courriel.failures", "courriel.delivery.")
NAMES = "from courriel import Message, Password, Receipt, Server, SmtpSession, send"

SEND = """
import courriel
courriel.send(via="smtp://127.0.0.1:{port}?tls=none", sender="ada@example.org", to="bob@example.org", text="Hello")
"""
SESSION = """
from courriel import Message, Security, Server, SmtpSession
with SmtpSession(Server("127.0.0.1", {port}, Security.NONE)) as session:
    session.send(Message(sender="ada@example.org", to="bob@example.org", subject="Hello", text="..."))
"""


def test_importing_the_package_loads_nothing_of_it() -> None:
    loaded = modules_after("import courriel")

    assert not {name for name in loaded if name.startswith("courriel.")}
    assert not loaded & (HEAVY | DISPENSABLE | {"re", "enum", "collections", "socket"})


def test_the_names_of_a_sender_load_what_can_be_said_and_nothing_that_works() -> None:
    loaded = modules_after(NAMES)

    assert not loaded & (HEAVY | DISPENSABLE | LOGIN | {"re", "datetime", "socket", "select", "selectors", "binascii"})
    assert {name for name in loaded if name.startswith(WORKING)} == {"courriel.delivery.send"}
    assert not foreign(loaded)


def test_the_names_of_a_sender_load_no_file_of_errors() -> None:
    loaded = modules_after(NAMES)

    assert "courriel.errors" in loaded
    assert not {name for name in loaded if name.startswith("courriel.errors.")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event", "program", "families"),
    [
        ("socket.__new__", "SmtpSession(Server('127.0.0.1', 1, Security.NONE))", {"connection", "refused"}),
        ("socket.__new__", "PopSession(Server('127.0.0.1', 1, Security.NONE))", {"connection", "refused"}),
        ("socket.__new__", "ImapSession(Server('127.0.0.1', 1, Security.NONE))", {"connection", "refused"}),
        ("sqlite3.connect", "Outbox('mails.db')", {"outbox"}),
    ],
)
def test_errors_are_loaded_before_the_descriptor_that_may_be_the_last(
    event: str, program: str, families: set[str], tmp_path: Path
) -> None:
    loaded = modules_after(
        "import os\n"
        "from courriel import ImapSession, Outbox, PopSession, Security, Server, SmtpSession\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "def told(event, _):\n"
        f"    if event == {event!r}:\n"
        "        print('loaded:', *sys.modules, flush=True)\n"
        "        os._exit(0)\n"
        "sys.addaudithook(told)\n"
        f"with {program} as opened:\n"
        "    opened.stats()"
    )

    assert {f"courriel.errors.{family}" for family in families} <= loaded


@pytest.mark.slow
@pytest.mark.parametrize("program", [SEND, SESSION])
def test_a_mail_over_a_clear_line_loads_what_it_needs_and_no_more(program: str) -> None:
    with one_mail_taken() as port:
        loaded = modules_after(program.format(port=port))

    assert "courriel.session.smtp" in loaded
    assert not loaded & (HEAVY | DISPENSABLE | LOGIN | SERVERS | RARE)
    assert not foreign(loaded)


@pytest.mark.slow
def test_a_program_without_tokens_loads_nothing_of_them() -> None:
    with one_mail_taken() as port:
        loaded = modules_after(SEND.format(port=port))
    source = modules_after("from courriel import TokenSource\nTokenSource('ada', lambda: 'token')")
    command = modules_after("from courriel.cli.main import main\nmain(['login', '--help'])")

    for each in (loaded, source, command):
        assert not {
            name for name in each if name.startswith(("courriel.delivery.oauth", "http", "cryptography", "keyring"))
        }


@pytest.mark.slow
def test_whoever_opens_a_session_himself_loads_no_urls_and_settings() -> None:
    with one_mail_taken() as port:
        loaded = modules_after(SESSION.format(port=port))

    assert not {name for name in loaded if name.startswith("courriel.delivery")}


@pytest.mark.slow
def test_a_line_with_tls_adds_ssl_and_little_else(tmp_path: Path) -> None:
    authority = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))

    loaded = modules_after(
        f"{NAMES}\nfrom courriel import Trust\nfrom courriel.network.line import prepared_tls\n"
        f"prepared_tls(Server('127.0.0.1', trust=Trust.file({str(authority)!r})))"
    )

    # What ssl itself loads differs between versions of Python.
    ours = loaded - modules_after("import ssl")
    assert "ssl" in loaded
    assert not ours & (HEAVY | DISPENSABLE | LOGIN | {"courriel.network.tls.reasons"})
    assert not foreign(loaded)


def test_values_and_errors_load_nothing_that_waits() -> None:
    loaded = modules_after(
        "import courriel\nfor name in ('Message', 'Server', 'Password', 'errors'): getattr(courriel, name)"
    )

    assert not loaded & (HEAVY | {"socket", "select", "threading"})
    assert not foreign(loaded)


@pytest.mark.slow
def test_a_file_of_a_common_kind_is_attached_and_sent_without_tables_and_paths(tmp_path: Path) -> None:
    file = tmp_path / "figures.pdf"
    file.write_bytes(b"%PDF")
    with one_mail_taken() as port:
        loaded = modules_after(
            "from courriel import Message, Security, Server, SmtpSession\n"
            f"with SmtpSession(Server('127.0.0.1', {port}, Security.NONE)) as session:\n"
            "    message = Message(sender='ada@example.org', to='bob@example.org', subject='x', text='x')\n"
            f"    assert session.send(message.with_attachment({str(file)!r})).complete"
        )

    assert not loaded & {"mimetypes", "pathlib", "urllib", "ssl"}


def test_the_command_tells_its_version_by_itself() -> None:
    loaded = modules_after("from courriel.cli.main import main\nmain(['--version'])")

    assert not {name for name in loaded if name.startswith("courriel.") and not name.startswith("courriel.cli")}
    assert not loaded & (HEAVY | {"socket"})
    assert not foreign(loaded)


@pytest.mark.slow
def test_the_command_gives_help_without_what_sends() -> None:
    loaded = modules_after("from courriel.cli.main import main\nmain(['--help'])")

    assert not loaded & {"asyncio", "email", "logging", "ssl", "courriel.session", "courriel.network"}
    assert foreign(loaded) <= {"click"}


# The steps.


def modules_after(program: str) -> set[str]:
    """The modules that are loaded when the program has ended, besides those of a bare interpreter of this environment.

    Without the `site` module, for what an environment loads at its start (coverage, editable installs) is not ours.
    """
    begin = f"import sys\nsys.path[:] = {sys.path!r}\nbefore = set(sys.modules)\n"
    end = "\nprint('loaded:', *sorted(set(sys.modules) - before))"
    ran = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", begin + program + end],
        capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    return set(ran.stdout.rpartition("loaded:")[2].split())


def foreign(loaded: set[str]) -> set[str]:
    """The packages among them that are neither ours nor Python's."""
    return {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {"courriel"}


@contextmanager
def one_mail_taken() -> Iterator[int]:
    """A server for one session, in clear, that takes whatever it is given; its port."""
    with create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            line, _ = listening.accept()
            with line, line.makefile("rwb", buffering=0) as advance:
                advance.write(b"220 here\r\n")
                while command := advance.readline():
                    verb = command[:4].upper()
                    if verb == b"DATA":
                        advance.write(b"354 go on\r\n")
                        while advance.readline() not in (b".\r\n", b""):
                            pass
                    advance.write(b"250-here\r\n250 PIPELINING\r\n" if verb == b"EHLO" else b"250 fine\r\n")

        server = Thread(target=serve, daemon=True)
        server.start()
        yield listening.getsockname()[1]
        server.join(10)
