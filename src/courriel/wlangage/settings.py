"""Settings for all sessions: EmailChangeTimeOut, EmailLitTimeOut, EmailParamètre; and NetOuvreAccèsDistant."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible
from courriel.wlangage.program_state import program_state
from courriel.wlangage.structures.constants import Parameter

_DURATION = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "mn": 60.0, "h": 3600.0}

# Documentation addresses (RFC 5737, RFC 3849): a route to them is the default route.
_ELSEWHERE = (("AF_INET", "192.0.2.1"), ("AF_INET6", "2001:db8::1"))


@email_call(None)
def EmailChangeTimeOut(Durée: float | timedelta | str) -> None:
    """Set the time-out in seconds, for open sessions too: 10, "10 s", "2 min", timedelta.

    It limits each wait for the server, not the whole call: a large mail on a slow connection is not interrupted. The
    default is ten minutes, and thirty seconds for connecting. Raises ErreurWLangage for zero, negative and invalid
    values.
    """
    program_state.be_patient(_seconds(Durée))


@email_call(0.0)
def EmailLitTimeOut() -> float:
    """The time-out in seconds."""
    seconds = program_state.seconds
    return int(seconds) if seconds == int(seconds) else seconds


@email_call(0)
def EmailParamètre(Paramètre: int, Valeur: int | None = None) -> int:
    """Set or read emailParamètreMode; returns it: 0 for the system's CA certificates, 1 for the bundled ones (certifi).

    It applies to sessions opened afterwards. Mode 1 needs `pip install "courriel[bundled]"`. Before it is set both are
    used: a certificate whose issuer the system's store does not know, and the bundled authorities do, opens with a
    warning; one that is expired, distrusted or for another name never does.
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
        program_state.mode = Valeur
    return program_state.mode or 0


@email_call(False)
def NetOuvreAccèsDistant(*arguments: object) -> bool:
    """Vrai when this machine has a route to the network; the arguments, for a modem, are ignored."""
    import socket

    for family, address in _ELSEWHERE:
        try:
            # No packet is sent: connecting a datagram socket only looks up the route.
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


def NetFermeAccèsDistant(*arguments: object) -> bool:
    """Do nothing, and return Vrai: NetOuvreAccèsDistant dialled no modem."""
    return True


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
