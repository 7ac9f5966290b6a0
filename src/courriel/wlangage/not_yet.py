"""Functions whose time has not come: each says so in a clear error, and what there is instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from courriel.wlangage.names import TABLE, Name
from courriel.wlangage.problem import ErreurWLangage


def _not_yet(name: Name) -> Callable[..., NoReturn]:
    def later(*arguments: object, **named: object) -> NoReturn:
        if name.french == "EmailEtat":
            raise ErreurWLangage(
                "EmailEtat attend le mode asynchrone, qui n'existe pas encore",
                "EmailStatus waits for the asynchronous mode, which does not exist yet",
            )
        raise ErreurWLangage(
            f"{name.french} : la lecture du courrier (POP3, IMAP) n'existe pas encore ; l'envoi (SMTP), si",
            f"{name.english}: the reading of mail (POP3, IMAP) does not exist yet; sending (SMTP) does",
        )

    later.__name__ = later.__qualname__ = name.french
    later.__doc__ = "Not there yet: raises ErreurWLangage."
    return later


globals().update({name.french: _not_yet(name) for name in TABLE if name.kind == "later"})
