"""Mailpit's npm client against the page of our practice server: test suites written for Mailpit run unchanged."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import courriel
from courriel import Message, Sandbox
from servers.packages import leave_out
from servers.peers import NODE_MODULES

pytestmark = pytest.mark.acceptance

SCRIPT = Path(__file__).with_name("mailpit_client.cjs")
CLIENT = NODE_MODULES / "mailpit-api" / "dist" / "index.cjs"


def test_a_suite_written_for_mailpit_runs_unchanged() -> None:
    node = shutil.which("node")
    if node is None or not CLIENT.exists():
        leave_out("mailpit-api is not here: make servers")
    with Sandbox(web_port=0) as sandbox:
        for number in (1, 2, 3):
            message = Message(
                sender="Ada <ada@example.org>", to=["Bob <bob@example.org>"], bcc=["eve@example.org"],
                subject=f"Invoice {number}", text="see the file", html="<p>see the <b>file</b></p>",
            ).with_data(b"1;2", "figures.csv")  # fmt: skip
            courriel.send(message, via=sandbox.url)
        content = sandbox.letters[-1].content.decode()
        ran = subprocess.run(
            [node, str(SCRIPT), str(CLIENT), sandbox.web_url],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["info"]["Messages"] == 3
    assert said["info"]["Unread"] == 3
    assert said["configuration"]["ChaosEnabled"] is False
    assert [mail["Subject"] for mail in said["list"]["messages"]] == ["Invoice 3", "Invoice 2"]
    assert (said["list"]["total"], said["list"]["messages_count"]) == (3, 3)
    assert [mail["Subject"] for mail in said["search"]["messages"]] == ["Invoice 2"]
    summary = said["summary"]
    assert summary["From"] == {"Name": "Ada", "Address": "ada@example.org"}
    assert summary["Bcc"] == [{"Name": "", "Address": "eve@example.org"}]
    assert (summary["Text"].strip(), summary["HTML"].strip()) == ("see the file", "<p>see the <b>file</b></p>")
    assert said["headers"]["Subject"] == ["Invoice 3"]
    assert said["source"] == content
    assert "<b>file</b>" in said["html"]
    assert said["text"].strip() == "see the file"
    assert said["attachment"] == "1;2"
    assert said["waited"]["Subject"] == "Invoice 3"
    assert said["counted"]["messages_count"] == 3
    assert said["read"] == said["deleted"] == said["deleted by search"] == said["all deleted"] == "ok"
    assert said["tags"] == []
    assert [mail["Subject"] for mail in said["left"]["messages"]] == ["Invoice 3"]
    assert said["none"]["messages"] == []
    assert "404" in said["missing"]["failed"]
