"""
Make the pictures of the inbox again: docs/images/inbox-*.png, by Debian's Chromium without a window.

    .venv/bin/python tools/inbox_pictures.py [FOLDER]

The mails are real ones, sent to a practice server of this run by courriel and by a client with habits that the Session
tab remarks upon. The folder is docs/images, if none is given.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from courriel import Sandbox
from picture_mails import send_all

ROOT = Path(__file__).parent.parent
CHROMIUM = "/usr/bin/chromium"
WIDE, NARROW = (1440, 900), (360, 740)
OLD_CLIENT = (
    b"EHLO localhost\r\n", b"MAIL FROM: <cron@build.example>\r\n", b"RCPT TO:<ops@example.org>\r\n", b"DATA\r\n",
    b"From: cron@build.example\r\nTo: ops@example.org\r\nSubject: nightly build: 3 failures\r\n\r\n"
    b"suite acceptance: 3 failed, 1,204 passed\n" + b"x" * 1204 + b"\r\n.\r\n",
    b"QUIT\r\n",
)  # fmt: skip
PICTURES = {
    "inbox": ("m/8", WIDE, "light", "en"),
    "inbox.fr": ("m/8", WIDE, "light", "fr"),
    "inbox-session": ("m/2?tab=session", WIDE, "light", "en"),
    "inbox-checks": ("m/1?tab=checks", WIDE, "light", "en"),
    "inbox-phone": ("", NARROW, "light", "fr"),
}
"""Pictures by name: address, window, colours, language."""


def main(arguments: list[str]) -> int:
    """Take every picture."""
    folder = Path(arguments[0]) if arguments else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = arguments[1:] or list(PICTURES)
    with Sandbox(web_port=0) as sandbox, sync_playwright() as player:
        send_all(sandbox.url, sandbox.tls_url, lambda: talk(sandbox.port))
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name in wanted:
            path = folder / f"{name}.png"
            take(browser, sandbox.web_url, name, path)
            print(path, path.stat().st_size)
        browser.close()
    return 0


def take(browser: Browser, url: str, name: str, path: Path) -> None:
    """Take one picture."""
    address, (width, height), colours, language = PICTURES[name]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale="fr-FR" if language == "fr" else "en-GB",
        color_scheme="dark" if colours == "dark" else "light",
        timezone_id="Europe/Paris",
        device_scale_factor=1,
    )
    page = context.new_page()
    page.goto(url + address)
    page.wait_for_selector("body[data-live=yes]")
    page.screenshot(path=path)
    context.close()


def talk(port: int) -> None:
    """Send a mail as an old client does."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line, line.makefile("rb") as heard:
        heard.readline()
        for words in OLD_CLIENT:
            line.sendall(words)
            while heard.readline()[3:4] == b"-":
                pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
