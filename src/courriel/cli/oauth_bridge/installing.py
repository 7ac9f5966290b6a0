"""`courriel oauth-bridge --install`: a unit of systemd, or a task of Windows, on standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from courriel.cli.i18n import say

_UNIT = """\
[Unit]
Description=courriel oauth-bridge
After=network-online.target

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=10
# A mail whose answer is awaited from the provider is waited for, 30 seconds at most.
TimeoutStopSec=45
NoNewPrivileges=yes
LockPersonality=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6

[Install]
WantedBy=default.target"""


def lines_to_install(system: str, options: Sequence[str]) -> list[str]:
    """The lines for this system ("systemd", "windows", or "auto" for the one that runs), with these options."""
    arguments = [sys.executable, "-m", "courriel", "oauth-bridge", *options]
    if system == "windows" or (system == "auto" and sys.platform == "win32"):
        return _windows_task(arguments)
    return _systemd_unit(arguments)


# The steps.


def _systemd_unit(arguments: Sequence[str]) -> list[str]:
    once = say("une fois ; le mot de passe est pour vos programmes", "once; the password is for your programs")
    lines = say("une ligne par session", "one line for each session")
    linger = say("s'il doit tourner sans session ouverte", "if it is to run while nobody is logged in")
    note = [
        "# ~/.config/systemd/user/courriel-bridge.service",
        "#",
        f"#   courriel oauth-bridge --new-password      ({once})",
        "#   systemctl --user daemon-reload && systemctl --user enable --now courriel-bridge",
        f"#   journalctl --user -u courriel-bridge      ({lines})",
        f"#   loginctl enable-linger                    ({linger})",
    ]
    return [*note, "", *_UNIT.format(command=" ".join(map(_for_systemd, arguments))).splitlines()]


def _for_systemd(word: str) -> str:
    """A word of ExecStart: systemd expands % and $, and reads quotes and backslashes (systemd.service(5))."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(each in escaped for each in " '\"\\;") else escaped


def _windows_task(arguments: Sequence[str]) -> list[str]:
    # schtasks reads \" within its own quotes; a batch file would read % as well.
    command = " ".join(f'\\"{word}\\"' if " " in word or "&" in word else word for word in arguments)
    return [
        say("rem courriel oauth-bridge --new-password   (une fois ; le mot de passe est pour vos programmes)",
            "rem courriel oauth-bridge --new-password   (once; the password is for your programs)"),
        f'schtasks /Create /TN "courriel oauth-bridge" /SC ONLOGON /RL LIMITED /F /TR "{command}"',
        'schtasks /Run /TN "courriel oauth-bridge"',
    ]  # fmt: skip
