"""Entry point of the command `courriel`; without click it prints what to install."""

from __future__ import annotations

import os
import sys

UNAVAILABLE = 69  # sysexits.h: EX_UNAVAILABLE
INTERRUPTED = 130  # as a shell says of SIGINT
_SENDMAIL = ("sendmail", "mailq", "newaliases")


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments (default: those of the process), and return its exit status."""
    try:
        if arguments is None:
            # By its name: a link /usr/sbin/sendmail to this command is a sendmail.
            name = sys.argv[0].rpartition("/")[2]
            return _sendmail(name, sys.argv[1:]) if name in _SENDMAIL else _run(sys.argv[1:])
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED  # while the command was being loaded: nothing was begun


# The steps.


def _open_closed_streams() -> None:
    """Open the null device in place of each standard stream that was closed by who started us (`>&-`, a service).

    Python has None there, and the next file or connection would get its number: what a program that we start prints
    would go into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest free number: that of the stream
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _run(given: list[str]) -> int:
    if given == ["--version"]:
        # Frequent in scripts: needs neither click nor the rest of the command.
        from courriel import __version__

        print(f"courriel {__version__}")
        return 0
    if given[:1] == ["sendmail"] and "--help" not in given and given[1:2] != ["-h"]:
        return _sendmail("sendmail", given[1:])
    _open_closed_streams()
    from importlib.util import find_spec

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


def _sendmail(name: str, given: list[str]) -> int:
    # Started for each mail of cron and PHP: without click, and with its own options.
    from courriel.integrations.sendmail.program import main as sendmail

    return sendmail(name, given)
