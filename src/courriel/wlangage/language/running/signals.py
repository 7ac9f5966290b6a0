"""What ends a block, a procedure or the program before its last statement."""

from __future__ import annotations


class BreakLoop(Exception):  # noqa: N818 - no error
    """`SORTIR`."""


class ContinueLoop(Exception):  # noqa: N818 - no error
    """`CONTINUER`."""


class ReturnValue(Exception):  # noqa: N818 - no error
    """`RENVOYER`, `RETOUR`."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


class EndProgram(Exception):  # noqa: N818 - no error
    """`FinProgramme`."""
