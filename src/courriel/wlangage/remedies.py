"""Remedies with WLangage functions, where the failure table has URLs and Python code."""

from __future__ import annotations

import re

from courriel.failures import Failure, Text

_PORTS = Text(
    "Accordez le port et l'option : 587 avec emailOptionSécuriséTLS, 465 avec OptionSSL, 25 avec emailOptionDéfaut.",
    "Let port and option agree: 587 with emailOptionSecuredTLS, 465 with optionSSL, 25 with emailOptionDefault.",
)
_REOPEN = Text(
    "Rouvrez la session avec EmailOuvreSessionSMTP, puis envoyez ce message ; si un envoi de ce message était resté "
    "sans réponse (UNCERTAIN-RESULT), il a pu être accepté : cherchez d'abord Email.ID chez le destinataire.",
    "Open the session again with EmailStartSMTPSession, then send this message; if sending this message had got no "
    "answer (UNCERTAIN-RESULT), it may have been accepted: look for Email.ID with the recipient first.",
)
_LOGIN_STORED = (
    'ou enregistrez la connexion par courriel login et donnez JetonAuth = "login:ada@firm.example"',
    'or store the login by courriel login and give AuthToken = "login:ada@firm.example"',
)
_BY_TOKEN = Text(
    f"Passez à OAuth 2 : session.JetonAuth = AuthIdentifie(paramètres), {_LOGIN_STORED[0]}.",
    f"Use OAuth 2: session.AuthToken = AuthIdentify(parameters), {_LOGIN_STORED[1]}.",
)
_COMPARE = Text(
    "Comparez ClientID, ClientSecret, URLAuth, URLToken, Scope et URLRedirection avec la page de l'application chez le "
    "fournisseur (docs/login.fr.md), lisez les mots du serveur, puis appelez AuthIdentifie de nouveau.",
    "Compare ClientID, ClientSecret, AuthURL, TokenURL, Scope and RedirectionURL with the application's page at the "
    "provider (docs/login.md), read the server's words, then call AuthIdentify again.",
)

IN_WLANGAGE = {
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
        "Check that the server is started, and the port: 587 with emailOptionSecuredTLS, 465 with "
        "optionSSL, 25 with "
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
        "Chiffrez d'abord : emailOptionSécuriséTLS et le port 587, ou OptionSSL et le port 465 ; ou ouvrez la session "
        "sans mot de passe.",
        "Encrypt first: emailOptionSecuredTLS and port 587, or optionSSL and port 465; or do without a login.",
    ),
    "SESSION-LOST": _REOPEN,
    "NO-RECIPIENT": Text(
        'Email.Destinataire = "bob@example.org", ou plusieurs : Email.Destinataire[1] = …, Email.Destinataire[2] = …',
        'Email.Recipient = "bob@example.org", or several: Email.Recipient[1] = …, Email.Recipient[2] = …',
    ),
    "NO-SENDER": Text('Email.Expéditeur = "ada@example.org"', 'Email.Sender = "ada@example.org"'),
    "UNCERTAIN-RESULT": Text(
        "Cherchez Email.ID (le Message-ID) chez le destinataire ou dans le journal du serveur, avant de renvoyer.",
        "Look for Email.ID (the Message-ID) with the recipient or in the server's log, before sending again.",
    ),
    "SERVER-SILENT": Text(
        "Réessayez dans quelques minutes. Si l'accueil ne vient jamais, ce port parle peut-être TLS dès "
        "l'ouverture : "
        "OptionSSL, port 465.",
        "Try again in a few minutes. If the greeting never comes, this port may speak TLS from the "
        "first byte: optionSSL, "
        "port 465.",
    ),
    "CONNECT-TIMEOUT": Text(
        "Essayez le port 587 avec emailOptionSécuriséTLS, ou 465 avec OptionSSL : le port 25 est "
        "souvent fermé en sortie. "
        "Puis demandez au pare-feu, ou à l'hébergeur.",
        "Try port 587 with emailOptionSecuredTLS, or 465 with optionSSL: port 25 is often closed on the "
        "way out. Then ask "
        "the firewall, or whoever hosts the machine.",
    ),
    "HOST-MALFORMED": Text(
        "Donnez le nom seul, par exemple smtp.example.org : ni « smtp:// », ni utilisateur, ni port.",
        "Give the name alone, for example smtp.example.org: no smtp://, no user, no port.",
    ),
    "SETTING-MALFORMED": _PORTS,
    "RECIPIENT-UNKNOWN": Text(
        "Relisez l'adresse refusée, lettre par lettre ; si elle est juste, ne lui écrivez plus. Les "
        "autres recevront le "
        "message dès qu'elle ne sera plus parmi les destinataires.",
        "Read the refused address again, letter by letter; if it is right, write to it no more. The "
        "others will get the "
        "message as soon as it is not among the recipients.",
    ),
    "HEADER-LINE-BREAK": Text(
        "Refusez cette saisie, ou gardez-en la première ligne.", "Refuse this input, or keep its first line."
    ),
    "AUTH-MECHANISM-REFUSED": _BY_TOKEN,
    "M365-BASIC-AUTH-REMOVED": _BY_TOKEN,
    "M365-SMTP-AUTH-DISABLED": Text(
        f"{_BY_TOKEN.fr} Si c'est un jeton qui est refusé ainsi, un administrateur rouvre l'envoi SMTP de cette "
        "boîte : Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false",
        f"{_BY_TOKEN.en} When it is a token that is refused in these words, an administrator switches SMTP sending "
        "on for this mailbox: Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false",
    ),
    "GMAIL-BAD-CREDENTIALS": Text(
        "Créez un mot de passe d'application sur https://myaccount.google.com/apppasswords (la validation en deux "
        "étapes doit être active) et donnez ses 16 lettres sans espaces ; ou passez à OAuth 2 : session.JetonAuth = "
        f"AuthIdentifie(paramètres), {_LOGIN_STORED[0]}.",
        "Make an app password at https://myaccount.google.com/apppasswords (two-step verification has to be on) and "
        "give its 16 letters without spaces; or use OAuth 2: session.AuthToken = AuthIdentify(parameters), "
        f"{_LOGIN_STORED[1]}.",
    ),
    "OAUTH-GRANT-REFUSED": Text(
        f"Appelez AuthIdentifie de nouveau, {_LOGIN_STORED[0]}. Chez Google, publiez d'abord l'écran de consentement "
        "(« En production », ou « Interne » dans Workspace).",
        f"Call AuthIdentify again, {_LOGIN_STORED[1]}. At Google, publish the consent screen first (In production, or "
        "Internal in Workspace).",
    ),
    "OAUTH-CLIENT-REFUSED": _COMPARE,
    "OAUTH-REFUSED": _COMPARE,
    "OAUTH-SCOPE-MISSING": Text(
        "Dans Scope, pour Microsoft : https://outlook.office.com/SMTP.Send (et IMAP.AccessAsUser.All, "
        "POP.AccessAsUser.All) ; pour Google : https://mail.google.com/ ; les mêmes droits chez le fournisseur, sur la "
        "page de l'application. Puis appelez AuthIdentifie de nouveau.",
        "In Scope, for Microsoft: https://outlook.office.com/SMTP.Send (and IMAP.AccessAsUser.All, "
        "POP.AccessAsUser.All); for Google: https://mail.google.com/; the same permissions at the provider, on the "
        "application's page. Then call AuthIdentify again.",
    ),
    "OAUTH-LOGIN-TOO-LATE": Text(
        f"Appelez AuthIdentifie de nouveau, et connectez-vous dans les cinq minutes ; sur une machine sans écran, "
        f"{_LOGIN_STORED[0].removeprefix('ou ')}.",
        f"Call AuthIdentify again, and log in within five minutes; on a machine without a screen, "
        f"{_LOGIN_STORED[1].removeprefix('or ')}.",
    ),
    "OAUTH-SERVER-BROKEN": Text(
        "Vérifiez URLAuth et URLToken : ouvrez l'adresse du serveur dans un navigateur de cette machine ; puis le "
        "portail ou le proxy du réseau.",
        "Check AuthURL and TokenURL: open the server's address in a browser of this machine; then the portal or proxy "
        "of the network.",
    ),
    "LOGIN-WRONG-HOST": Text(
        "Un jeton ne part que chiffré : emailOptionSécuriséTLS et le port 587, ou OptionSSL et le port 465 (993 en "
        "IMAP, 995 en POP3), vers le serveur du fournisseur (smtp.office365.com, smtp.gmail.com…).",
        "A token leaves encrypted only: emailOptionSecuredTLS and port 587, or optionSSL and port 465 (993 for IMAP, "
        "995 for POP3), to the provider's server (smtp.office365.com, smtp.gmail.com, and so on).",
    ),
    "EXTRA-MISSING": Text(
        "Exécutez la commande que donne le détail technique.", "Run the command that the technical detail gives."
    ),
}


# The same for sessions for reading: other functions, and the port without TLS; the others are equal.
_READING = {"pop3": {"25": "110", "SMTP": "POP3"}, "imap": {"25": "143", "SMTP": "IMAP"}}
_SENDING_WORD = re.compile(r"\b25\b|(?<=EmailOuvreSession)SMTP|(?<=EmailStart)SMTP(?=Session)")
_READ_AGAIN = Text(
    "Rouvrez la session et relisez ce qui manque ; en POP3, ce qui est encore là est à supprimer de nouveau.",
    "Open the session again and read what is missing; by POP3, letters that are still there have to be deleted again.",
)


def remedy(failure: Failure, protocol: str = "") -> Text:
    """The remedy for a WLangage program, by protocol; that of the failure table where it fits."""
    words = _READING.get(protocol)
    if words is None or failure.id not in IN_WLANGAGE:
        return IN_WLANGAGE.get(failure.id, failure.fix)
    if failure.id == "SESSION-LOST":
        return _READ_AGAIN
    text = IN_WLANGAGE[failure.id]

    def other(found: re.Match[str]) -> str:
        return words[found[0]]

    return Text(_SENDING_WORD.sub(other, text.fr), _SENDING_WORD.sub(other, text.en))


def warning(failure: Failure) -> Text:
    """Advice on what to avoid; empty where it is about options that the WLangage does not have."""
    return Text("", "") if any(option in failure.dont.en for option in ("tls=", "verify=")) else failure.dont
