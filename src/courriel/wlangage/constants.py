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


class Status(IntEnum):
    """What became of a mail of the asynchronous mode."""

    EN_COURS = 0  # it waits, or is on its way
    ENVOYÉ = 1  # the server has taken it for every recipient
    ERREUR = 2  # nobody tries any more, or a person has to decide


emailEnCours = Status.EN_COURS
emailEnvoyé = Status.ENVOYÉ
emailErreur = Status.ERREUR


class Fetching(IntEnum):
    """What EmailRécupèreTout takes of each mail."""

    ENTÊTE = 0  # the headers now, the rest when it is touched
    COMPLET = 1  # everything, now
    NON_LU = 2  # as ENTÊTE, of those only that nobody has read yet (IMAP)
    ASYNCHRONE = 3  # nothing now, everything when it is touched


ertEntête = Fetching.ENTÊTE
ertComplet = Fetching.COMPLET
ertNonLu = Fetching.NON_LU
ertAsynchrone = Fetching.ASYNCHRONE


class Section(StrEnum):
    """Where EmailCherchePremier looks."""

    SUJET = "subject"
    EXPÉDITEUR = "sender"
    DESTINATAIRE = "to"
    CORPS = "body"
    IDENTIFIANT = "message_id"


emailSujet = Section.SUJET
emailExpéditeur = Section.EXPÉDITEUR
emailDestinataire = Section.DESTINATAIRE
emailCorps = Section.CORPS
emailIdentifiant = Section.IDENTIFIANT


class Checking(IntEnum):
    """How far EmailVérifieAdresse goes."""

    SYNTAXE = 1  # the grammar alone: no network
    PAR_SERVEUR = 2  # the domain's own server is asked as well


emailValideSyntaxe = Checking.SYNTAXE
emailValideParServeur = Checking.PAR_SERVEUR


class Verdict(IntEnum):
    """What EmailVérifieAdresse found."""

    VALIDE = 0
    SYNTAXE_INCORRECTE = 1
    REFUSÉE = 2
    ERREUR = 3


emailAdresseValide = Verdict.VALIDE
emailAdresseSyntaxeIncorrecte = Verdict.SYNTAXE_INCORRECTE
emailAdresseRefusée = Verdict.REFUSÉE
emailAdresseErreur = Verdict.ERREUR
