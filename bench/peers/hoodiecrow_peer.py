"""hoodiecrow-imap, a practice server in node: the same client speaks to it as to ours."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..player import play
from ..processes import PEERS
from ..serving import works


def command() -> list[str]:
    """The command that starts it."""
    script = Path(__file__).with_name("hoodiecrow_server.cjs")
    return [shutil.which("node") or "node", str(script), str(PEERS / "node_modules" / "hoodiecrow-imap")]


if __name__ == "__main__":
    play(works(command))
