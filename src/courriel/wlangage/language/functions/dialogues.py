"""Dialogues: what a program shows and asks. There is no window: it is printed, and asked for on the terminal."""

from __future__ import annotations

from courriel.wlangage.language.functions.desk import Desk, Reference
from courriel.wlangage.language.functions.table import constant, function
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.operations import to_text

constant(1, "Oui", "Yes")
constant(0, "Non", "No")
for _rank, _name in enumerate(("toastCourt", "toastShort", "toastLong", "cvHaut", "cvMilieu", "cvBas", "chGauche",
                               "chCentre", "chDroite")):  # fmt: skip
    constant(_rank, _name)


@function("Info", "Avertissement", "Warning", desk=True)
def info(desk: Desk, *texts: object) -> None:
    """Print texts, one per line."""
    desk.say(*map(to_text, texts))


@function("Trace", desk=True)
def trace(desk: Desk, *values: object) -> None:
    """Print values on one line."""
    desk.say(" ".join(map(to_text, values)))


@function("ToastAffiche", "ToastDisplay", desk=True)
def toast(desk: Desk, text: object, *_: object) -> None:
    """Print a text."""
    desk.say(to_text(text))


@function("OuiNon", "YesNo", "Confirmer", "Confirm", desk=True)
def yes_or_no(desk: Desk, *texts: object) -> bool:
    """Ask a question to be answered by yes or no, in French or English; a number, the default button, is left out."""
    shown = [to_text(text) for text in texts if isinstance(text, str)]
    while True:
        answer = folded(desk.ask("\n".join([*shown, "(oui/non)"])).strip())
        if answer in ("o", "oui", "y", "yes", "1", "vrai", "true"):
            return True
        if answer in ("n", "non", "no", "0", "faux", "false", ""):
            return False


@function("Saisie", "Input", desk=True, fills=(1,))
def ask(desk: Desk, question: object, target: Reference, *_: object) -> bool:
    """Ask for a value, and put it into a variable."""
    target.set(desk.ask(to_text(question)))
    return True


@function("Sablier", "HourGlass", "CurseurAffiche", "DisplayCursor", "Multitâche", "Multitask", "JaugeExécute", "Jauge",
          "BaliseTemporisée")  # fmt: skip
def nothing(*_: object) -> bool:
    """Do nothing: there is no window whose events could be handled."""
    return True
