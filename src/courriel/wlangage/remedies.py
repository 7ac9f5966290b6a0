"""What to do, in the words of the WLangage, where the failure table speaks of URLs and of Python."""

from __future__ import annotations

from courriel.failures import Failure, Text

_PORTS = Text(
    "Accordez le port et l'option : 587 avec emailOptionSécuriséTLS, 465 avec OptionSSL, 25 avec emailOptionDéfaut.",
    "Let port and option agree: 587 with emailOptionSecuredTLS, 465 with optionSSL, 25 with emailOptionDefault.",
)
_REOPEN = Text(
    "Rouvrez la session avec EmailOuvreSessionSMTP, et envoyez de nouveau ce message : rien n'en a été accepté.",
    "Open the session again with EmailStartSMTPSession, and send this message again: nothing of it was accepted.",
)

_IN_WLANGAGE = {
    "TLS-PORT-MIXUP": _PORTS,
    "PLAIN-ON-TLS-PORT": _PORTS,
    "TLS-REQUIRED-FIRST": _PORTS,
    "STARTTLS-NOT-OFFERED": Text(
        "Essayez OptionSSL sur le port 465. emailOptionDéfaut parle en clair : seulement sur un réseau de confiance.",
        "Try optionSSL on port 465. emailOptionDefault speaks in clear: on a trusted network only.",
    ),
    "CONNECTION-REFUSED": Text(
        "Vérifiez que le serveur est démarré, et le port : 587 avec emailOptionSécuriséTLS, 465 avec OptionSSL, 25 "
        "avec emailOptionDéfaut.",
        "Check that the server is started, and the port: 587 with emailOptionSecuredTLS, 465 with optionSSL, 25 with "
        "emailOptionDefault.",
    ),
    "CERT-UNKNOWN-ISSUER": Text(
        "Essayez EmailParamètre(emailParamètreMode, 1), qui prend les autorités fournies avec courriel[bundled] "
        "plutôt que celles du système ; pour l'autorité d'une entreprise, ajoutez-la au magasin du système, en "
        "mode 0.",
        "Try EmailParameter(emailParameterMode, 1), which takes the authorities of courriel[bundled] and not the "
        "system's; for the authority of a company, add it to the system's store and stay in mode 0.",
    ),
    "LOGIN-REQUIRED-FIRST": Text(
        "Donnez le mot de passe à EmailOuvreSessionSMTP, avec emailOptionSécuriséTLS et le port 587.",
        "Give the password to EmailStartSMTPSession, with emailOptionSecuredTLS and port 587.",
    ),
    "AUTH-NOT-OFFERED": Text(
        "Chiffrez d'abord : emailOptionSécuriséTLS et le port 587, ou OptionSSL et le port 465 ; ou n'identifiez pas.",
        "Encrypt first: emailOptionSecuredTLS and port 587, or optionSSL and port 465; or do without a login.",
    ),
    "SESSION-LOST": _REOPEN,
    "NO-RECIPIENT": Text(
        'Email.Destinataire = "bob@example.org", ou plusieurs : Email.Destinataire[1] = …, Email.Destinataire[2] = …',
        'Email.Recipient = "bob@example.org", or several: Email.Recipient[1] = …, Email.Recipient[2] = …',
    ),
    "NO-SENDER": Text('Email.Expéditeur = "ada@example.org"', 'Email.Sender = "ada@example.org"'),
    "EXTRA-MISSING": Text('pip install "courriel[bundled]"', 'pip install "courriel[bundled]"'),
}


def remedy(failure: Failure) -> Text:
    """What a program in the WLangage can do about it; the table's own advice where that fits."""
    return _IN_WLANGAGE.get(failure.id, failure.fix)
