"""
Make the picture of the README again: docs/images/front.png, and front.fr.png.

    .venv/bin/python tools/front_picture.py [FOLDER]

The inbox with a mail in it (docs/images/inbox.png, taken before), and over it what `courriel doctor` prints of a login
that a practice server refuses as Microsoft 365 does; by Debian's Chromium without a window.
"""

from __future__ import annotations

import base64
import html
import os
import pty
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import sync_playwright

from courriel import Sandbox
from inbox_pictures import CHROMIUM, ROOT

FAILURE = "M365-SMTP-AUTH-DISABLED"
COLOURS = {"1": "font-weight:700", "2": "color:#8b949e", "31": "color:#ff7b72", "32": "color:#56d364"}
PAGE = """<body style="margin:0;background:#fff"><div style="position:relative;width:1440px;height:1010px">
<img src="data:image/png;base64,{inbox}" style="width:1440px;border-bottom:1px solid #ccc">
<pre style="position:absolute;right:28px;bottom:20px;width:940px;margin:0;padding:18px 22px;border-radius:10px;
 background:#161b22;color:#e6edf3;font:15px/1.45 'DejaVu Sans Mono',monospace;white-space:pre-wrap;
 overflow-wrap:anywhere;box-shadow:0 10px 36px #0009">{printed}</pre></div></body>"""


def main(arguments: list[str]) -> int:
    """Take the picture in both languages."""
    folder = Path(arguments[0]) if arguments else ROOT / "docs" / "images"
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for language, suffix in (("en", ""), ("fr", ".fr")):
            inbox = (ROOT / f"docs/images/inbox{suffix}.png").read_bytes()
            page = browser.new_page(viewport={"width": 1440, "height": 1010})
            page.set_content(PAGE.format(inbox=base64.b64encode(inbox).decode(), printed=as_html(verdict(language))))
            page.screenshot(path=folder / f"front{suffix}.png")
            page.close()
        browser.close()
    return 0


def verdict(language: str) -> str:
    """What the doctor prints of a practice server that plays the failure; its port is written as the usual one."""
    with Sandbox(port=free_port()) as sandbox:
        sandbox.play(FAILURE)
        url = f"smtp://ada@127.0.0.1:{sandbox.port}"
        words = [sys.executable, "-m", "courriel", "doctor", url, "--password", "env:MAIL_PASSWORD"]
        environment = {**os.environ, "COLUMNS": "98", "MAIL_PASSWORD": "an-old-password"}
        shown = on_a_terminal([*words, "--lang", language, "--color", "always"], environment)
        shown = shown.replace(str(sandbox.port), "1025")
    return f"$ courriel doctor smtp://ada@127.0.0.1:1025 --password env:MAIL_PASSWORD\n{shown.rstrip()}"


def free_port() -> int:
    """A free port of four digits, as the usual one has: it is written over in text that is wrapped already."""
    for port in range(1025, 10_000):
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port of four digits is free")


def on_a_terminal(words: list[str], environment: dict[str, str]) -> str:
    """What a command prints on a terminal, for which it wraps its lines."""
    ours, its = pty.openpty()
    with subprocess.Popen(words, stdin=its, stdout=its, stderr=subprocess.DEVNULL, env=environment):
        os.close(its)
        printed = b""
        with suppress(OSError):  # Linux says so at the end of a terminal
            while piece := os.read(ours, 65536):
                printed += piece
    os.close(ours)
    return printed.decode().replace("\r\n", "\n")


def as_html(printed: str) -> str:
    """The output with its colours."""
    pieces = re.split(r"\x1b\[(\d+)m", html.escape(printed))
    out = [pieces[0]]
    for code, text in zip(pieces[1::2], pieces[2::2], strict=True):
        out.append(f'<span style="{COLOURS[code]}">{text}</span>' if code in COLOURS else text)
    return "".join(out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
