"""Entry point of the command `courriel`; without click it prints what to install."""

from __future__ import annotations

import sys
from importlib.util import find_spec

UNAVAILABLE = 69  # sysexits.h: EX_UNAVAILABLE
INTERRUPTED = 130  # as a shell says of SIGINT


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments (default: those of the process), and return its exit status."""
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return INTERRUPTED  # while the command was being loaded: nothing was begun


# The steps.


def _run(given: list[str]) -> int:
    if given == ["--version"]:
        # Frequent in scripts: needs neither click nor the rest of the command.
        from courriel import __version__

        print(f"courriel {__version__}")
        return 0
    if find_spec("click") is None:
        from courriel.cli.i18n import choose, say

        choose(given)
        print(
            say(
                'La commande courriel a besoin de click : pip install "courriel[cli]"',
                'The command courriel needs click: pip install "courriel[cli]"',
            ),
            file=sys.stderr,
        )
        return UNAVAILABLE
    from courriel.cli.program import run

    return run(given)
