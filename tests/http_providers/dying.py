"""
A worker of an outbox, as a process that a provider may kill while it answers.

    python dying.py PLACE
"""

from __future__ import annotations

import sys

from courriel import Outbox

if __name__ == "__main__":
    with Outbox(sys.argv[1]) as outbox:
        outbox.worker().run_once()
