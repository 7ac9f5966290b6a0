"""The practice server as a process: it prints the port of its IMAP, and ends when its standard input does."""

from __future__ import annotations

import sys

from courriel import Sandbox

if __name__ == "__main__":
    with Sandbox() as sandbox:
        print(sandbox.imap_port, flush=True)
        sys.stdin.read()
