"""Functions that end the program, or wait."""

from __future__ import annotations

from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.functions.table import function
from courriel.wlangage.language.values.operations import to_number, to_text
from courriel.wlangage.problem import ErreurWLangage


class EndProgram(Exception):
    """The end of the program, wherever it is."""


@function("FinProgramme", "EndProgram", desk=True)
def end_program(desk: Desk, *texts: object) -> None:
    """End the program, after printing a text if one is given."""
    desk.say(*(to_text(text) for text in texts if text))
    raise EndProgram


@function("ExceptionDéclenche", "ExceptionThrow")
def throw(code: object, text: object = "") -> None:
    """Raise an exception with a text, for QUAND EXCEPTION."""
    said = to_text(text) or to_text(code)
    raise ErreurWLangage(said, said)


@function("Temporisation", "Wait")
def wait(hundredths: object) -> None:
    """Wait so many hundredths of a second."""
    import time

    time.sleep(min(3600.0, max(0.0, float(to_number(hundredths)) / 100)))
