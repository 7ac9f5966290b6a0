"""The practice server with its page as a process: it prints the port of its SMTP, and ends when its input does."""

from __future__ import annotations

import sys

from courriel import Sandbox

if __name__ == "__main__":
    with Sandbox(web_port=0) as sandbox:
        print(sandbox.port, flush=True)
        sys.stdin.read()
