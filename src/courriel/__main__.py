"""`python -m courriel` is the command `courriel`."""

from __future__ import annotations

import sys

from courriel.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
