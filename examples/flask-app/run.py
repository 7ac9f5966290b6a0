"""
The Flask app in front of a practice server: what it answers, and what arrived.

    python examples/flask-app/run.py
"""

from __future__ import annotations

import tempfile

from app import create_app

from courriel import Sandbox


def main() -> None:
    """Ask the app for mails, of which one is refused, and show what arrived."""
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        app = create_app(f"{sandbox.url}&pool=2", f"{folder}/outbox.db")
        client, outbox = app.test_client(), app.extensions["outbox"]
        with outbox, outbox.worker():
            print("contact:", client.post("/contact", data={"text": "Are you open?"}).status_code)
            print("reset:", client.post("/reset", data={"to": "bob@example.org"}).status_code)
            print("no address:", client.post("/reset", data={"to": "bob"}).status_code)
            sandbox.wait_for(to="bob@example.org", timeout=60)
            sandbox.answer("recipient", "451 4.7.1 later")
            print("a busy server:", client.post("/contact", data={"text": "Hello?"}).status_code)
        for letter in sandbox.letters:
            print("arrived:", letter.recipients[0], letter.subject)


if __name__ == "__main__":
    main()
