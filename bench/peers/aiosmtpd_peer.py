"""aiosmtpd, the server that most tests in Python use: the same client sends to it as to ours."""

from __future__ import annotations

import sys

from ..player import play
from ..receiving import works

if __name__ == "__main__":
    play(works(lambda: [sys.executable, "-m", "bench.peers.aiosmtpd_server"]))
