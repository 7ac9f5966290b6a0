"""Functions of obsolete programs and protocols: each raises an error that names the replacement."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.structures.names import TABLE, Name


def _absent(name: Name) -> Callable[..., NoReturn]:
    def gone(*arguments: object, **named: object) -> NoReturn:
        raise ErreurWLangage(
            f"{name.french} : Lotus Notes, Outlook et MS Exchange ne s'ouvrent pas d'ici ; leurs serveurs se lisent "
            "par EmailOuvreSessionIMAP ou EmailOuvreSessionPOP3, et envoient par EmailOuvreSessionSMTP",
            f"{name.english}: Lotus Notes, Outlook and MS Exchange cannot be opened from here; their servers are read "
            "with EmailStartIMAPSession or EmailStartPOP3Session, and send with EmailStartSMTPSession",
        )

    gone.__name__ = gone.__qualname__ = name.french
    gone.__doc__ = "Raise ErreurWLangage: the program is obsolete, or has IMAP and SMTP today."
    return gone


globals().update({name.french: _absent(name) for name in TABLE if name.kind == "absent"})
