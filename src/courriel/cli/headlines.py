"""First sentence of an error message, in both languages: result for the mail, and the stage that failed."""

from __future__ import annotations

from courriel import errors, failures
from courriel.failures import Text

_FAILED = {
    "send": Text("Non envoyé", "Not sent"),
    "queue": Text("Non mis dans la boîte d'envoi", "Not put into the outbox"),
    "read": Text("Non lu", "Not read"),
}
_READING = ("imap", "pop3")

# The most exact class first.
_BY_CLASS: tuple[tuple[type[errors.CourrielError], Text], ...] = (
    (errors.InvalidAddress, Text("une adresse n'est pas valable", "an address is not valid")),
    (errors.InvalidMessage, Text("le message ne peut pas partir ainsi", "the message cannot be sent as it is")),
    (errors.InvalidUrl, Text("l'URL du serveur n'est pas valable", "the URL of the server is not valid")),
    (errors.InvalidServer, Text("un réglage du serveur n'est pas valable", "a setting of the server is not valid")),
    (errors.MissingExtra, Text("une partie facultative n'est pas installée", "an optional part is not installed")),
    (errors.UsageError, Text("la demande n'est pas possible ainsi", "this cannot be done as asked")),
    (errors.NameNotFound, Text("le nom du serveur {server} est inconnu", "the name of the server {server} is unknown")),
    (errors.TimedOut, Text("{server} n'a pas répondu à temps", "{server} did not answer in time")),
    (errors.TlsFailed, Text("aucune connexion sûre avec {server}", "no secure connection to {server}")),
    (errors.AllWaysFailed, Text("aucune voie ne fonctionne", "no way out works")),
    (errors.ConnectionFailed, Text("la connexion à {server} a échoué", "the connection to {server} failed")),
    (errors.ProtocolError, Text("{server} ne respecte pas le protocole", "{server} breaks the rules of the protocol")),
    (errors.AuthenticationRefused, Text("{server} a refusé l'authentification", "{server} refused the login")),
    (errors.SenderRefused, Text("{server} a refusé l'expéditeur", "{server} refused the sender")),
    (errors.RecipientsRefused, Text("{server} a refusé des destinataires", "{server} refused recipients")),
    (errors.MessageRefused, Text("{server} a refusé le message", "{server} refused the message")),
    (errors.LetterRefused, Text("{server} n'a pas donné ce message", "{server} did not give this letter")),
    (errors.Refused, Text("{server} a refusé une commande", "{server} refused a command")),
    (errors.NotSupported, Text("{server} ne sait pas faire ce qui est demandé", "{server} cannot do what was asked")),
)
# Errors not about sending: complete sentences.
_ALONE: tuple[tuple[type[errors.CourrielError], Text], ...] = (
    (errors.TicketNotFound, Text("Ce message n'est pas dans la boîte d'envoi", "There is no such mail in the outbox")),
    (
        errors.KeyReused,
        Text(
            "Un autre message est déjà dans la boîte d'envoi sous cette clé",
            "Another mail is in the outbox already under this key",
        ),
    ),
    (
        errors.SuppressedRecipients,
        Text(
            "Plus personne ne reçoit ce message ; rien n'a été gardé",
            "Nobody is left who gets this mail; nothing was kept",
        ),
    ),
    (errors.OutboxFull, Text("Il n'y a plus de place pour ce message", "There is no room for this mail")),
    (
        errors.OutboxUncertain,
        Text(
            "Nul ne sait si ce message a été gardé ; la même commande avec la même --key le dira",
            "Nobody knows whether this mail was kept; the same command with the same --key will tell",
        ),
    ),
    (
        errors.OutboxUnreachable,
        Text(
            "La base de la boîte d'envoi ne répond pas ; rien n'a été écrit",
            "The database of the outbox does not answer; nothing was written",
        ),
    ),
    (errors.OutboxError, Text("La boîte d'envoi a refusé", "The outbox refused")),
)
# Outbox errors with a record of their own in the failure table.
_BY_RECORD = {
    "OUTBOX-MISSING": Text("Il n'y a pas de boîte d'envoi à cet endroit", "There is no outbox in this place"),
    "OUTBOX-DAMAGED": Text(
        "Ce fichier ne peut pas être lu comme boîte d'envoi", "This file cannot be read as an outbox"
    ),
    "OUTBOX-LOGIN": Text(
        "La base de la boîte d'envoi n'a pas admis cet utilisateur",
        "The database of the outbox did not let this user in",
    ),
    "OUTBOX-NO-DATABASE": Text("La base de la boîte d'envoi n'existe pas", "The database of the outbox does not exist"),
    "OUTBOX-FORBIDDEN": Text(
        "Cet utilisateur ne peut pas se servir de la boîte d'envoi", "This user may not use the outbox"
    ),
}
_REASONS_BY_RECORD = {
    "SECRET-IN-OUTBOX": Text(
        "un secret n'a pas sa place dans l'URL d'un message", "a secret does not belong into the URL of a mail"
    ),
    "PASSWORD-NOT-A-REFERENCE": Text("un mot de passe n'a pas sa place ici", "a password itself does not belong here"),
    "KEY-UNUSABLE": Text("une clé ne peut pas servir", "a key cannot be used"),
    "PROJECT-FILE-LIMITED": Text(
        "le fichier d'un projet ne peut pas demander cela", "a project's file may not ask for that"
    ),
}
_UNCERTAIN = Text(
    "Issue incertaine : le message est peut-être parti ; il n'a pas été renvoyé",
    "Uncertain result: the message may have left; not resent",
)

# Remedies as command line options, where the failure table has Python code.
_REMEDIES = {
    "NO-SENDER": Text("--from ada@example.org, ou ?from= dans l'URL", "--from ada@example.org, or ?from= in the URL"),
    "KEY-REUSED": Text(
        "une --key par message, la même seulement pour refaire le même envoi",
        "one --key for each mail, the same one only to repeat the same command",
    ),
    "NO-RECIPIENT": Text("--to bob@example.org (plusieurs fois au besoin)", "--to bob@example.org (repeat it at will)"),
}


def headline(error: errors.CourrielError, spoken: str, doing: str = "") -> str:
    """One sentence with its full stop; `doing` is the failed action ("send", "queue", "read", or "")."""
    french = spoken == "fr"
    if error.in_doubt:
        return f"{_UNCERTAIN.fr if french else _UNCERTAIN.en}."
    alone = _BY_RECORD.get(error.hint_id) or next((words for kind, words in _ALONE if isinstance(error, kind)), None)
    if alone is not None:
        return f"{alone.fr if french else alone.en}."
    failed = _FAILED.get("read" if error.protocol in _READING else doing)
    words = _REASONS_BY_RECORD.get(error.hint_id) or next(
        (words for kind, words in _BY_CLASS if isinstance(error, kind)), None
    )
    server = error.server or ("le serveur" if french else "the server")
    if words is None:
        text = failures.spoken(error.detail)
    else:
        text = (words.fr if french else words.en).replace("{server}", server).replace(" à le ", " au ")
    if failed is None:
        # The name of a server stays as it is written.
        begins_with_name = any(mark in text.partition(" ")[0] for mark in ".:")
        return f"{text}." if begins_with_name else f"{text[:1].upper()}{text[1:]}."
    return f"{failed.fr} : {text}." if french else f"{failed.en}: {text}."


def remedy(error: errors.CourrielError) -> str:
    """The remedy, for the command line where the failure table has one for Python."""
    known = error.failure
    ours = _REMEDIES.get(known.id) if known else None
    return ours.in_() if ours else error.hint
