"""The constants of the WLangage that its e-mail functions take."""

from __future__ import annotations

from enum import STRICT, IntEnum, IntFlag, StrEnum

Vrai = True
Faux = False

emailSynchrone = False
emailAsynchrone = True


class SessionOption(IntEnum):
    """How the line of a session is protected."""

    DÉFAUT = 0  # in clear
    SSL = 1  # TLS from the first byte; the value is ours, for the documentation gives none
    SÉCURISÉ_TLS = 2  # STARTTLS, or no session at all


emailOptionDéfaut = SessionOption.DÉFAUT
emailOptionSécuriséTLS = SessionOption.SÉCURISÉ_TLS
emailProtocolSMTPS = SessionOption.SÉCURISÉ_TLS
OptionSSL = SessionOption.SSL


class SendOption(IntFlag, boundary=STRICT):
    """What is wished for one mail; they can be added up."""

    ENCODE_ENTÊTE = 1  # headers are always encoded: accepted, and nothing more
    HEADER_BCC = 2  # hidden recipients are shown in Email.Source, never in what is sent


emailOptionEncodeEntête = SendOption.ENCODE_ENTÊTE
emailOptionHeaderBcc = SendOption.HEADER_BCC


class Parameter(IntEnum):
    """What EmailParamètre sets."""

    MODE = 1


emailParamètreMode = Parameter.MODE


class Detail(StrEnum):
    """What ErreurInfo can tell of the last error."""

    MESSAGE = "errMessage"
    CODE = "errCode"
    COMPLET = "errComplet"
    REPLY = "errReply"


errMessage = Detail.MESSAGE
errCode = Detail.CODE
errComplet = Detail.COMPLET
errReply = Detail.REPLY
