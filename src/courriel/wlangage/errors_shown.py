"""The last error: ErreurDétectée, ErreurInfo, Erreur; and its language: LangueErreur."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from courriel import failures
from courriel.errors import CourrielError
from courriel.failures import Language
from courriel.wlangage.problem import ErreurWLangage, Problem
from courriel.wlangage.program_state import here, program_state
from courriel.wlangage.structures.constants import Detail

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F")


def email_call(failed: F, *, keeps: bool = False) -> Callable[[Callable[P, T]], Callable[P, T | F]]:
    """Decorator of WLangage functions: clears the last error, and returns `failed` on a new one.

    With `keeps` the last error stays unless there is a new one: after a send that failed a program closes the session,
    and then asks ErreurInfo.
    """

    def dress(function: Callable[P, T]) -> Callable[P, T | F]:
        @wraps(function)
        def call(*arguments: P.args, **named: P.kwargs) -> T | F:
            if not keeps:
                here().problem = None
            try:
                return function(*arguments, **named)
            except ErreurWLangage:
                raise
            except CourrielError as error:
                here().problem = Problem.of(error)
                return failed

        return call

    return dress


class _ErrorOccurred:
    """Whether the last e-mail call of the current thread or task failed: usable as a boolean, equal to Vrai or Faux."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # it changes with every call

    def __bool__(self) -> bool:
        problem = here().problem
        return problem is not None and problem.is_error

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bool | _ErrorOccurred):
            return bool(self) == bool(other)
        return NotImplemented

    def __repr__(self) -> str:
        if program_state.spoken == "fr":
            return "Vrai" if self else "Faux"
        return repr(bool(self))


ErreurDétectée = _ErrorOccurred()


def ErreurInfo(Information: str = Detail.MESSAGE) -> str:
    """Information on the last e-mail call of this thread or task; empty when it succeeded.

    `errMessage` (the default) is a sentence, `errComplet` adds the remedy, `errCode` is the failure's id in the
    documentation, `errReply` the server's reply. After a successful call it may be a warning.
    """
    problem = here().problem
    if problem is None:
        return ""
    return _information(problem, Information, "ErreurInfo", "ErrorInfo")


def Erreur(*Texte: object) -> None:
    """Print these texts to standard error, one per line; without any, the last error with its remedy."""
    if not Texte:
        problem = here().problem
        nothing = "Aucune erreur." if program_state.spoken == "fr" else "No error."
        Texte = (problem.complete(program_state.spoken) if problem else nothing,)
    print(*Texte, sep="\n", file=sys.stderr)


def ExceptionInfo(Information: str = Detail.MESSAGE) -> str:
    """Information on the exception that is being handled, as ErreurInfo has it of an error; empty outside of a handler.

    In Python it is called in an `except` clause: `except ErreurWLangage: Trace(ExceptionInfo())`.
    """
    error = sys.exc_info()[1]
    if not isinstance(error, CourrielError):
        return ""
    return _information(Problem.of(error), Information, "ExceptionInfo", "ExceptionInfo")


def ErreurPropage() -> NoReturn:
    """Raise the last error of this thread or task as an exception, so that the calling code may handle it."""
    problem = here().problem
    if problem is None or not problem.is_error:
        raise ErreurWLangage("ErreurPropage : il n'y a pas d'erreur", "ErrorPropagate: there is no error")
    raise ErreurWLangage(problem.message("fr"), problem.message("en"))


def LangueErreur(Langue: Language) -> None:
    """Set the language of all texts, in all threads: "fr" or "en". The default is the locale's."""
    if Langue not in ("fr", "en"):
        raise ErreurWLangage(
            f'LangueErreur prend "fr" ou "en", et non {Langue!r}', f'ErrorLanguage takes "fr" or "en", not {Langue!r}'
        )
    program_state.language = Langue
    failures.speak(Langue)


# The steps.


def _information(problem: Problem, information: str, french: str, english: str) -> str:
    """One part of the data of an error."""
    match information:
        case Detail.MESSAGE:
            return problem.message(program_state.spoken)
        case Detail.COMPLET:
            return problem.complete(program_state.spoken)
        case Detail.CODE:
            return problem.code
        case Detail.REPLY:
            return problem.reply
        case _:
            pass
    raise ErreurWLangage(
        f"{french} prend errMessage, errCode, errComplet ou errReply, et non {information!r}",
        f"{english} takes errMessage, errCode, errFullDetails or errReply, not {information!r}",
    )
