"""Constants of the WLangage for its e-mail functions."""

from __future__ import annotations

from enum import STRICT, IntEnum, IntFlag, StrEnum

Vrai = True
Faux = False

emailSynchrone = False
emailAsynchrone = True


class SessionOption(IntEnum):
    """TLS mode of a session."""

    DÉFAUT = 0  # no TLS
    SSL = 1  # TLS from the first byte; the value is ours, the documentation has none
    SÉCURISÉ_TLS = 2  # STARTTLS, required


emailOptionDéfaut = SessionOption.DÉFAUT
emailOptionSécuriséTLS = SessionOption.SÉCURISÉ_TLS
emailProtocolSMTPS = SessionOption.SÉCURISÉ_TLS
OptionSSL = SessionOption.SSL


class SendOption(IntFlag, boundary=STRICT):
    """Options for sending one mail; may be combined by +."""

    ENCODE_ENTÊTE = 1  # accepted and ignored: headers are always encoded
    HEADER_BCC = 2  # Bcc recipients appear in Email.Source, never in the mail sent


emailOptionEncodeEntête = SendOption.ENCODE_ENTÊTE
emailOptionHeaderBcc = SendOption.HEADER_BCC


class Parameter(IntEnum):
    """Parameters of EmailParamètre."""

    MODE = 1


emailParamètreMode = Parameter.MODE


class Detail(StrEnum):
    """Parts of the last error, for ErreurInfo."""

    MESSAGE = "errMessage"
    CODE = "errCode"
    COMPLET = "errComplet"
    REPLY = "errReply"


errMessage = Detail.MESSAGE
errCode = Detail.CODE
errComplet = Detail.COMPLET
errReply = Detail.REPLY


class Status(IntEnum):
    """Status of a mail sent asynchronously."""

    EN_COURS = 0  # waiting, or being sent
    ENVOYÉ = 1  # the server accepted it for every recipient
    ERREUR = 2  # given up, or held for a decision


emailEnCours = Status.EN_COURS
emailEnvoyé = Status.ENVOYÉ
emailErreur = Status.ERREUR


class Fetching(IntEnum):
    """Parts of each mail that EmailRécupèreTout fetches."""

    ENTÊTE = 0  # the header now, the rest on first access
    COMPLET = 1  # everything, now
    NON_LU = 2  # as ENTÊTE, for unread mails only (IMAP)
    ASYNCHRONE = 3  # nothing now, everything on first access


ertEntête = Fetching.ENTÊTE
ertComplet = Fetching.COMPLET
ertNonLu = Fetching.NON_LU
ertAsynchrone = Fetching.ASYNCHRONE


class Section(StrEnum):
    """Fields that EmailCherchePremier searches."""

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
    """Levels of EmailVérifieAdresse."""

    SYNTAXE = 1  # syntax only, without network
    PAR_SERVEUR = 2  # the domain's MX records too


emailValideSyntaxe = Checking.SYNTAXE
emailValideParServeur = Checking.PAR_SERVEUR


class Verdict(IntEnum):
    """Results of EmailVérifieAdresse."""

    VALIDE = 0
    SYNTAXE_INCORRECTE = 1
    REFUSÉE = 2
    ERREUR = 3


emailAdresseValide = Verdict.VALIDE
emailAdresseSyntaxeIncorrecte = Verdict.SYNTAXE_INCORRECTE
emailAdresseRefusée = Verdict.REFUSÉE
emailAdresseErreur = Verdict.ERREUR


class MailPriority(IntEnum):
    """Priorities of a mail; the values are those of X-Priority, 3 being the normal one."""

    HAUTE = 1
    NORMALE = 3
    BASSE = 5


emailHighPriority = MailPriority.HAUTE
emailNormalPriority = MailPriority.NORMALE
emailLowPriority = MailPriority.BASSE


class Sensitivity(IntEnum):
    """Confidentiality of a mail, written as Sensitivity (RFC 4021, section 2.1.55)."""

    NORMAL = 0
    PERSONNEL = 1
    PRIVÉ = 2
    CONFIDENTIEL = 3


emailPersonal = Sensitivity.PERSONNEL
emailPrivate = Sensitivity.PRIVÉ
emailCompanyConfidential = Sensitivity.CONFIDENTIEL

emailNone = False
emailAll = True


class Architecture(IntEnum):
    """Architectures of the program that sends mail on a desktop."""

    BITS_32 = 32
    BITS_64 = 64


arch32 = Architecture.BITS_32
arch64 = Architecture.BITS_64


class ResponseType(IntEnum):
    """Response types of OAuth2Paramètres; the token itself in the address of the redirect is not among them."""

    CODE = 1  # authorization code, with PKCE


oauth2TypeRéponseCode = ResponseType.CODE
