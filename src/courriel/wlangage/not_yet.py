"""Functions whose time has not come: each says so in a clear error, and what there is instead."""

from __future__ import annotations

from typing import NoReturn

from courriel.wlangage.problem import ErreurWLangage


def EmailEtat(*arguments: object, **named: object) -> NoReturn:
    """Not there yet: raises ErreurWLangage."""
    raise ErreurWLangage(
        "EmailEtat attend le mode asynchrone, qui n'existe pas encore",
        "EmailStatus waits for the asynchronous mode, which does not exist yet",
    )
