"""Exceptions that end a loop or a procedure before its last statement."""

from __future__ import annotations


class BreakLoop(Exception):
    """`SORTIR`."""


class ContinueLoop(Exception):
    """`CONTINUER`."""


class ReturnValue(Exception):
    """`RENVOYER`, `RETOUR`."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value
