"""The folder of this user for what programs keep and no user edits: outbox, logins."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def own_folder(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> Path:
    """Path of the state folder, by the conventions of the platform."""
    if platform == "win32":
        folder = Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        configured = Path(environment.get("XDG_STATE_HOME") or "")
        # The specification says to ignore a relative path.
        folder = configured if configured.is_absolute() else Path.home() / ".local" / "state"
    return folder / "courriel"
