"""File names that open a device on Windows whatever follows them; refused, or changed, on every system alike."""

from __future__ import annotations

from courriel._lazy_re import expression

DEVICE = expression(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(?:[.:].*)?")
"""Name of such a device, with anything behind a dot or a colon."""
