"""What holds for every session: EmailChangeTimeOut, EmailLitTimeOut, EmailParamètre; and NetOuvreAccèsDistant."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from courriel.wlangage.constants import Parameter
from courriel.wlangage.desk import desk
from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible

_DURATION = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "mn": 60.0, "h": 3600.0}

# Addresses that belong to nobody (RFC 5737, RFC 3849): a route to them is a route to the world.
_ELSEWHERE = (("AF_INET", "192.0.2.1"), ("AF_INET6", "2001:db8::1"))


@email_call(None)
def EmailChangeTimeOut(Durée: float | timedelta | str) -> None:
    """Say how many seconds of silence a server is granted, in open sessions too: 10, "10 s", "2 min", timedelta.

    It bounds silence, not the length of a call: a large mail on a slow line goes on. The default is ten minutes, and
    thirty seconds for reaching the server. Raises ErreurWLangage for zero, less, and what is no duration.
    """
    desk.be_patient(_seconds(Durée))


@email_call(0.0)
def EmailLitTimeOut() -> float:
    """The time-out in seconds."""
    seconds = desk.seconds
    return int(seconds) if seconds == int(seconds) else seconds


@email_call(0)
def EmailParamètre(Paramètre: int, Valeur: int | None = None) -> int:
    """Set or read emailParamètreMode, and return it: 0 is the trust store of the system, 1 the bundled roots (certifi).

    It holds for sessions that are opened from then on. Mode 1 needs `pip install "courriel[bundled]"`.
    """
    if Paramètre is not Parameter.MODE:
        raise ErreurWLangage(
            f"EmailParamètre ne connaît qu'emailParamètreMode, et non {Paramètre!r}",
            f"EmailParameter knows emailParameterMode only, not {Paramètre!r}",
        )
    if Valeur is not None:
        if isinstance(Valeur, bool) or Valeur not in (0, 1):
            raise ErreurWLangage(
                f"emailParamètreMode vaut 0 (magasin du système) ou 1 (autorités fournies), et non {Valeur!r}",
                f"emailParameterMode is 0 (store of the system) or 1 (bundled authorities), not {Valeur!r}",
            )
        desk.mode = Valeur
    return desk.mode


@email_call(False)
def NetOuvreAccèsDistant(*arguments: object) -> bool:
    """Vrai when this machine has a road to the network. There is no modem to dial: the arguments are not used."""
    import socket

    for family, address in _ELSEWHERE:
        try:
            # No packet leaves: a datagram socket that is connected has looked up its route, and that is all.
            with socket.socket(getattr(socket, family), socket.SOCK_DGRAM) as asked:
                asked.connect((address, 9))
        except OSError:
            continue
        return True
    raise Impossible(
        "Cette machine n'a aucune route vers le réseau : vérifiez le câble, le Wi-Fi ou le VPN.",
        "This machine has no route to the network: check the cable, the Wi-Fi or the VPN.",
        hint_id="NETWORK-UNREACHABLE",
    )


# The steps.


def _seconds(duration: object) -> float:
    seconds = 0.0
    match duration:
        case bool():
            pass
        case int() | float():
            seconds = duration
        case timedelta():
            seconds = duration.total_seconds()
        case str() if (parts := _DURATION.fullmatch(duration)) and parts[2].lower() in _UNITS:
            seconds = float(parts[1].replace(",", ".")) * _UNITS[parts[2].lower()]
        case _:
            pass
    if not (math.isfinite(seconds) and seconds > 0):
        raise ErreurWLangage(
            f"un délai est un nombre de secondes au-dessus de zéro, et non {duration!r}",
            f"a time-out is a number of seconds above zero, not {duration!r}",
        )
    return seconds
