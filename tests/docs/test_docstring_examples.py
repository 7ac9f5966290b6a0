"""
The names that programs use most: each docstring has a short example, which runs as it stands and prints what it says.

An example is indented code without prompts. What it prints stands behind the `print`, as a comment. In this process
smtp.example.org, pop.example.org and imap.example.org lead to a practice server, whose authority the system trusts.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

import courriel
from courriel.sandbox.tls.server_tls import SandboxTls

MOST_USED = [
    "send", "asend", "connect", "mailbox",
    "Message", "Message.with_attachment", "Attachment", "Template", "RichTemplate", "Receipt",
    "Server", "Password", "TokenSource", "Timeouts", "Trust", "Proxy", "Transcript",
    "SmtpSession", "SmtpSession.send", "SmtpSession.send_many", "AsyncSmtpSession", "SmtpPool", "AsyncSmtpPool",
    "Failover", "PopSession", "ImapSession", "ImapSession.search", "Letter", "ReceivedAttachment.save",
    "Outbox", "Outbox.put", "Outbox.run_once", "AsyncOutbox", "Ticket",
    "Sandbox", "Sandbox.play", "Sandbox.wait_for", "CourrielError",
]  # fmt: skip
LONGEST = 8  # lines: what is longer belongs on a page
SECRET = "s3cret"


def example(name: str) -> str:
    """The indented code of a docstring, as `help` shows it."""
    value = reduce(getattr, name.split("."), courriel)
    text = inspect.getdoc(value) or ""
    blocks = re.findall(r"(?:^    .*\n?|^\n(?=    ))+", text + "\n", re.MULTILINE)
    assert blocks, f"the docstring of {name} has no example"
    return inspect.cleandoc("\n" + blocks[0])


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[courriel.Sandbox]:
    """A practice server under the names of the examples, with a letter in it, where nothing else can be reached."""
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("COURRIEL_")]:
        monkeypatch.delenv(name)
    names = ("smtp.example.org", "pop.example.org", "imap.example.org")
    monkeypatch.setattr("courriel.sandbox.sandbox.SandboxTls", lambda own, *rest: SandboxTls((*own, *names), *rest))
    for file in ("map.pdf", "quote-7.pdf", "order-7.pdf", "logo.png"):
        Path(file).write_bytes(b"%PDF-1.4\n")
    with courriel.Sandbox() as running:
        monkeypatch.setenv("MAIL_PASSWORD", SECRET)
        monkeypatch.setenv("MAIL_TOKEN", SECRET)
        monkeypatch.setenv("SSL_CERT_FILE", str(running.ca))
        monkeypatch.setenv("COURRIEL_URL", running.url)
        lead(monkeypatch, {465: running.tls_port, 587: running.port, 993: running.imaps_port, 995: running.pops_port})
        running.refuse("gone@example.org")
        courriel.send(
            sender="bob@example.org", to="orders@example.org", subject="Order 7", text="x", attachments=["order-7.pdf"]
        )
        Path("order.eml").write_bytes(running.letters[0].raw)
        Path("firm-ca.pem").write_bytes(Path(running.ca).read_bytes())
        yield running


def lead(monkeypatch: pytest.MonkeyPatch, ports: dict[int, int]) -> None:
    """Let the servers of the examples be at these ports of this machine."""
    really = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if str(host).endswith(".example.org"):
            return really("127.0.0.1", ports[port], *rest, **named)
        return really(host, port, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def names_of(name: str, sandbox: courriel.Sandbox, opened: ExitStack) -> dict[str, Any]:
    """What an example may use without making it: the front door, some modules, and what its class is about."""
    names = {each: getattr(courriel, each) for each in courriel.__all__}
    names |= {"courriel": courriel, "asyncio": asyncio, "os": os, "date": date, "timedelta": timedelta, "Path": Path}
    names |= {"sandbox": sandbox, "secret": SECRET}
    names["message"] = courriel.Message(
        sender="ada@example.org", to="bob@example.org", subject="Your quote 7", text="It is valid until Friday."
    )
    owner = name.partition(".")[0]
    if name.startswith("SmtpSession."):
        names["session"] = opened.enter_context(courriel.SmtpSession(sandbox.server()))
    elif owner == "ImapSession":
        login = courriel.Password("orders@example.org", SECRET)
        names["box"] = opened.enter_context(courriel.ImapSession(sandbox.imap_server(), login))
    elif owner == "ReceivedAttachment":
        names["letter"] = courriel.Letter.parse(Path("order.eml").read_bytes())
    elif owner == "Ticket" or name.startswith("Outbox."):
        names["outbox"] = opened.enter_context(courriel.Outbox("mail.db"))
    return names


def run(code: str, names: dict[str, Any]) -> None:
    compiled = compile(code, "example", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    started = eval(compiled, names)  # a coroutine where the example awaits
    if inspect.iscoroutine(started):
        asyncio.run(started)


@pytest.mark.slow
@pytest.mark.parametrize("name", MOST_USED)
def test_the_example_runs_and_prints_what_it_says(
    name: str, sandbox: courriel.Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    code = example(name)
    told = [said for comment in re.findall(r"print\(.*\)  # (.*)", code) for said in comment.split(", then ")]

    with ExitStack() as opened:
        run(code, names_of(name, sandbox, opened))

    printed = capsys.readouterr().out.splitlines()
    assert printed[: len(told)] == told


@pytest.mark.parametrize("name", MOST_USED)
def test_each_has_a_short_example(name: str) -> None:
    lines = example(name).splitlines()

    assert 1 <= len(lines) <= LONGEST


def test_there_are_thirty_and_more() -> None:
    assert len(set(MOST_USED)) == len(MOST_USED) >= 30
