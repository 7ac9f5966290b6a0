"""
The FastAPI service in front of a practice server: two mails, and what arrived.

    python examples/fastapi-service/run.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from courriel import Sandbox


def main() -> None:
    """Start a practice server and the service, ask it for mails, and show what arrived."""
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        socket_path = Path(folder) / "http"
        command = [sys.executable, "-m", "uvicorn", f"--app-dir={Path(__file__).parent}", f"--uds={socket_path}",
                   "--log-level=warning", "service:app"]  # fmt: skip
        settings = {"COURRIEL_URL": sandbox.url, "COURRIEL_OUTBOX": f"{folder}/orders.db"}
        with subprocess.Popen(command, env={**os.environ, **settings}) as service:
            try:
                line = httpx.HTTPTransport(uds=str(socket_path), retries=10)  # until it listens
                with httpx.Client(transport=line, base_url="http://service", timeout=60) as client:
                    print("invitation:", client.post("/invitations", params={"to": "bob@example.org"}).json())
                    print("no address:", client.post("/invitations", params={"to": "bob"}).json()["title"])
                    client.post("/orders", params={"number": 42, "to": "cleo@example.org"})
                    client.post("/orders", params={"number": 42, "to": "cleo@example.org"})  # once more: one mail
                    sandbox.wait_for(subject="Order 42", timeout=60)
            finally:
                service.terminate()
        for letter in sandbox.letters:
            print("arrived:", letter.recipients[0], letter.subject)


if __name__ == "__main__":
    main()
