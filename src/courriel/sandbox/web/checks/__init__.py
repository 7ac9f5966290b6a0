"""Checks of a mail before others see it: bounded work, nothing fetched."""
