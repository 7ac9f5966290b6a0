"""Table of all WLangage names: French, English, kind, and module.

`courriel.wlangage` makes its exports from this table, the documentation its lists, the tests their checks. Each name
may also be written without its accents, as the WLangage allows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Literal, TypeAlias

from courriel._dataclass import dataclass

Kind: TypeAlias = Literal["function", "constant", "type", "variable", "property", "method", "absent"]
"""Kind of a name; "absent" is a function of an obsolete program, which raises an error."""


@dataclass(frozen=True, slots=True)
class Name:
    """A French and an English name. `home` is the module in this package, or the type of a property or method."""

    french: str
    english: str
    kind: Kind
    home: str

    @property
    def spellings(self) -> tuple[str, ...]:
        """All spellings, the French one first: with accents, without, in English; except Python's True and False."""
        written = dict.fromkeys((self.french, unaccented(self.french), self.english))
        return tuple(each for each in written if each not in ("True", "False"))

    @property
    def exported(self) -> bool:
        """Whether it is a name of the module: all but properties and methods."""
        return self.kind not in ("property", "method")


def unaccented(name: str) -> str:
    """The name without accents: "Expéditeur" becomes "Expediteur"."""
    return "".join(each for each in unicodedata.normalize("NFD", name) if not unicodedata.combining(each))


def exported() -> Iterator[Name]:
    """The names exported by `from courriel.wlangage import *`."""
    return (name for name in TABLE if name.exported)


def of_type(home: str) -> Iterator[Name]:
    """The properties and methods of a type, by its French name."""
    return (name for name in TABLE if not name.exported and name.home == home)


def _reading_variable(home: str) -> dict[tuple[Kind, str], tuple[tuple[str, str], ...]]:
    """Properties and methods of a session variable for reading."""
    return {
        ("property", home): (
            ("AdresseServeur", "ServerAddress"),
            ("Port", "Port"),
            ("Nom", "Name"),
            ("MotDePasse", "Password"),
            ("Option", "Option"),
            ("JetonAuth", "AuthToken"),
        ),
        ("method", home): (
            ("OuvreSession", "StartSession"),
            ("FermeSession", "CloseSession"),
        ),
    }


_ROWS: dict[tuple[Kind, str], tuple[tuple[str, str], ...]] = {
    ("function", "opening.functions"): (
        ("EmailOuvreSessionSMTP", "EmailStartSMTPSession"),
        ("EmailOuvreSessionPOP3", "EmailStartPOP3Session"),
        ("EmailOuvreSessionIMAP", "EmailStartIMAPSession"),
        ("EmailOuvreSession", "EmailStartSession"),
        ("EmailFermeSession", "EmailCloseSession"),
    ),
    ("function", "sending.functions"): (
        ("EmailEnvoieMessage", "EmailSendMessage"),
        ("EmailEnvoie", "EmailSend"),
        ("EmailConstruitSource", "EmailBuildSource"),
        ("EmailRAZ", "EmailReset"),
    ),
    ("function", "reading.functions"): (
        ("EmailNbMessage", "EmailNbMessage"),
        ("EmailLitPremier", "EmailReadFirst"),
        ("EmailLitSuivant", "EmailReadNext"),
        ("EmailLitPrécédent", "EmailReadPrevious"),
        ("EmailLitDernier", "EmailReadLast"),
        ("EmailLitPremierEntête", "EmailReadFirstHeader"),
        ("EmailLitSuivantEntête", "EmailReadNextHeader"),
        ("EmailLitPrécédentEntête", "EmailReadPreviousHeader"),
        ("EmailLitDernierEntête", "EmailReadLastHeader"),
        ("EmailLitMessage", "EmailReadMessage"),
        ("EmailLitEntêteMessage", "EmailReadMessageHeader"),
        ("EmailTailleMessage", "EmailMsgSize"),
        ("EmailRécupèreTout", "EmailGetAll"),
        ("EmailSupprimeMessage", "EmailDeleteMessage"),
        ("EmailDétruit", "EmailExpunge"),
    ),
    ("function", "reading.seeking"): (
        ("EmailCherchePremier", "EmailSeekFirst"),
        ("EmailChercheSuivant", "EmailSeekNext"),
    ),
    ("function", "reading.importing"): (
        ("EmailSauveFichierAttaché", "EmailSaveAttachment"),
        ("EmailImporteSource", "EmailImportSource"),
        ("EmailImporteHTML", "EmailImportHTML"),
    ),
    ("function", "sending.spool_functions"): (("EmailEtat", "EmailStatus"),),
    ("function", "sending.checking"): (("EmailVérifieAdresse", "EmailCheckAddress"),),
    ("function", "authenticating.functions"): (
        ("AuthIdentifie", "AuthIdentify"),
        ("AuthRenouvelleToken", "AuthRefreshToken"),
    ),
    ("function", "settings"): (
        ("EmailChangeTimeOut", "EmailSetTimeOut"),
        ("EmailLitTimeOut", "EmailGetTimeOut"),
        ("EmailParamètre", "EmailParameter"),
        ("NetOuvreAccèsDistant", "NetOpenRemoteAccess"),
        ("NetFermeAccèsDistant", "NetCloseRemoteAccess"),
    ),
    ("function", "errors_shown"): (
        ("ErreurInfo", "ErrorInfo"),
        ("Erreur", "Error"),
        ("LangueErreur", "ErrorLanguage"),
        ("ExceptionInfo", "ExceptionInfo"),
        ("ErreurPropage", "ErrorPropagate"),
    ),
    ("function", "mail_program"): (
        ("EmailLanceAppli", "EmailRunApp"),
        ("EmailOuvreMessagerie", "EmailOpenMail"),
        ("EmailAppGetArchitecture", "EmailAppGetArchitecture"),
        ("EmailProgressBar", "EmailProgressBar"),
    ),
    ("variable", "errors_shown"): (("ErreurDétectée", "ErrorOccurred"),),
    ("variable", "structures.email"): (("Email", "Email"),),
    ("type", "structures.email"): (("emailAttache", "emailAttach"),),
    ("type", "opening.session_variable"): (
        ("emailSessionSMTP", "emailSMTPSession"),
        ("emailSessionPOP3", "emailPOP3Session"),
        ("emailSessionIMAP", "emailIMAPSession"),
    ),
    ("type", "authenticating.parameters"): (("OAuth2Paramètres", "OAuth2Parameters"),),
    ("type", "authenticating.token"): (("AuthToken", "AuthToken"),),
    ("type", "problem"): (("ErreurWLangage", "WLanguageError"),),
    ("constant", "structures.constants"): (
        ("Vrai", "True"),
        ("Faux", "False"),
        ("emailAsynchrone", "emailAsynchronous"),
        ("emailSynchrone", "emailSynchronous"),
        ("emailOptionDéfaut", "emailOptionDefault"),
        ("emailOptionSécuriséTLS", "emailOptionSecuredTLS"),
        ("emailProtocolSMTPS", "emailProtocolSMTPS"),
        ("OptionSSL", "optionSSL"),
        ("emailOptionEncodeEntête", "emailOptionEncodeHeader"),
        ("emailOptionHeaderBcc", "emailOptionHeaderBcc"),
        ("emailEnCours", "emailPending"),
        ("emailEnvoyé", "emailSent"),
        ("emailErreur", "emailError"),
        ("ertEntête", "ertHeader"),
        ("ertComplet", "ertFull"),
        ("ertNonLu", "ertNotRead"),
        ("ertAsynchrone", "ertAsynchronous"),
        ("emailSujet", "emailSubject"),
        ("emailExpéditeur", "emailSender"),
        ("emailDestinataire", "emailRecipient"),
        ("emailCorps", "emailBody"),
        ("emailIdentifiant", "emailMessageID"),
        ("emailValideSyntaxe", "emailValidateSyntax"),
        ("emailValideParServeur", "emailValidateByServer"),
        ("emailAdresseValide", "emailAddressValid"),
        ("emailAdresseSyntaxeIncorrecte", "emailAddressIncorrectSyntax"),
        ("emailAdresseRefusée", "emailAddressRefused"),
        ("emailAdresseErreur", "emailAddressError"),
        ("emailParamètreMode", "emailParameterMode"),
        ("emailHighPriority", "emailHighPriority"),
        ("emailLowPriority", "emailLowPriority"),
        ("emailNormalPriority", "emailNormalPriority"),
        ("emailCompanyConfidential", "emailCompanyConfidential"),
        ("emailPersonal", "emailPersonal"),
        ("emailPrivate", "emailPrivate"),
        ("emailAll", "emailAll"),
        ("emailNone", "emailNone"),
        ("arch32", "arch32"),
        ("arch64", "arch64"),
        ("oauth2TypeRéponseCode", "oauth2ResponseTypeCode"),
        ("errMessage", "errMessage"),
        ("errCode", "errCode"),
        ("errComplet", "errFullDetails"),
        ("errReply", "errReply"),
    ),
    ("absent", "absent"): (
        ("EmailOuvreSessionNotes", "EmailStartNotesSession"),
        ("EmailOuvreSessionOutlook", "EmailStartOutlookSession"),
        ("EmailOuvreSessionMSExchange", "EmailStartMSExchangeSession"),
        ("EmailCherchePremierNotes", "EmailSeekFirstNotes"),
        ("emailSessionNotes", "emailNotesSession"),
        ("emailSessionOutlook", "emailOutlookSession"),
    ),
    ("property", "Email"): (
        ("Expéditeur", "Sender"),
        ("AdresseExpéditeur", "SenderAddress"),
        ("Destinataire", "Recipient"),
        ("NbDestinataire", "NbRecipient"),
        ("Cc", "Cc"),
        ("NbCc", "NbCc"),
        ("Cci", "Bcc"),
        ("NbCci", "NbBcc"),
        ("Sujet", "Subject"),
        ("Message", "Message"),
        ("HTML", "HTML"),
        ("Attache", "Attach"),
        ("NbAttache", "NbAttach"),
        ("AccuséRéception", "AcknowledgementReceipt"),
        ("DispositionNotification", "DispositionNotification"),
        ("Source", "Source"),
        ("ID", "ID"),
        ("IdentifiantMail", "MailIdentifier"),
        ("EnDehors", "Out"),
        ("Erreur", "Error"),
        ("DateRéception", "ReceptionDate"),
        ("Priorité", "Priority"),
        ("Confidentialité", "Confidentiality"),
        ("ConfirmationLecture", "ReadConfirmation"),
        ("MessageID", "MessageID"),
        ("Référence", "Reference"),
        ("TexteBrut", "PlainText"),
        ("Entête", "Header"),
        ("Certificate", "Certificate"),
        ("AttachIdentifier", "AttachIdentifier"),
        ("AsynchronousEmailIdentifier", "AsynchronousEmailIdentifier"),
    ),
    ("method", "Email"): (
        ("ConstruitSource", "BuildSource"),
        ("ImporteSource", "ImportSource"),
        ("ChargeFichierAttaché", "LoadAttachedFile"),
    ),
    ("property", "emailAttache"): (
        ("Nom", "Name"),
        ("Contenu", "Content"),
        ("TypeContenu", "ContentType"),
        ("Identifiant", "Identifier"),
        ("ContentDescription", "ContentDescription"),
    ),
    ("property", "emailSessionSMTP"): (
        ("AdresseServeur", "ServerAddress"),
        ("Port", "Port"),
        ("Nom", "Name"),
        ("MotDePasse", "Password"),
        ("Asynchrone", "Asynchronous"),
        ("Option", "Option"),
        ("JetonAuth", "AuthToken"),
    ),
    ("method", "emailSessionSMTP"): (
        ("OuvreSession", "StartSession"),
        ("EnvoieMessage", "SendMessage"),
        ("FermeSession", "CloseSession"),
    ),
    **_reading_variable("emailSessionPOP3"),
    **_reading_variable("emailSessionIMAP"),
    ("property", "OAuth2Paramètres"): (
        ("ClientID", "ClientID"),
        ("ClientSecret", "ClientSecret"),
        ("URLAuth", "AuthURL"),
        ("URLToken", "TokenURL"),
        ("Scope", "Scope"),
        ("URLRedirection", "RedirectionURL"),
        ("ParamètresSupplémentaires", "AdditionalParameters"),
        ("TypeRéponse", "ResponseType"),
    ),
    ("property", "AuthToken"): (
        ("Valide", "Valid"),
        ("Valeur", "Value"),
        ("DateExpiration", "ExpirationDate"),
        ("Actualisation", "Refresh"),
        ("RéponseServeur", "ServerResponse"),
    ),
    ("method", "AuthToken"): (("RenouvelleToken", "RefreshToken"),),
}

TABLE: tuple[Name, ...] = tuple(
    Name(french, english, kind, home) for (kind, home), pairs in _ROWS.items() for french, english in pairs
)
