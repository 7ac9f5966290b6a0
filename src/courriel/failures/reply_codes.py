"""Meaning of reply codes (RFC 5321 4.2.3, RFC 4954) and enhanced status codes (RFC 3463)."""

from __future__ import annotations

from .text import Text

_CODES = {
    421: Text("le serveur ferme la session", "the server closes the session"),
    432: Text("ce mot de passe doit d'abord être converti", "this password has to be converted first"),
    450: Text("la boîte n'est pas disponible pour l'instant", "the mailbox is not available for the time being"),
    451: Text("une erreur de son côté a interrompu l'action", "an error on its side ended the action"),
    452: Text("le serveur manque de place ou a atteint une limite", "the server lacks room or has reached a limit"),
    454: Text("cela échoue pour l'instant, chez le serveur", "this fails for the time being, at the server"),
    455: Text("le serveur ne peut pas suivre ces paramètres", "the server cannot do these parameters"),
    500: Text("le serveur ne comprend pas la commande", "the server does not understand the command"),
    501: Text("un paramètre de la commande est mal écrit", "a parameter of the command is malformed"),
    502: Text("le serveur ne connaît pas cette commande", "the server does not know this command"),
    503: Text("la commande ne vient pas à son tour", "the command is out of turn"),
    504: Text("le serveur ne connaît pas ce paramètre", "the server does not know this parameter"),
    521: Text("cette machine ne prend pas de courrier", "this machine takes no mail"),
    523: Text("le message est trop grand", "the message is too big"),
    530: Text("il faut d'abord s'authentifier ou chiffrer", "login or encryption is wanted first"),
    534: Text("cette façon de s'authentifier est trop faible", "this way to log in is too weak"),
    535: Text("l'authentification est refusée", "the login is refused"),
    538: Text("il faut chiffrer avant de s'authentifier", "encryption is wanted before the login"),
    550: Text("adresse indisponible, ou refus par une règle", "an address not available, or a refusal by policy"),
    551: Text("ce destinataire n'est pas chez ce serveur", "the recipient is not at this server"),
    552: Text("il n'y a plus de place, ou le message est trop grand", "no room is left, or the message is too big"),
    553: Text("l'adresse n'est pas admise", "the address is not allowed"),
    554: Text("la transaction a échoué", "the transaction failed"),
    555: Text("un paramètre de MAIL ou de RCPT n'est pas connu", "a parameter of MAIL or RCPT is not known"),
    556: Text("ce domaine ne prend pas de courrier", "this domain takes no mail"),
}
_KINDS = {
    2: Text("le serveur a accepté", "the server has accepted"),
    3: Text("le serveur attend la suite", "the server waits for more"),
    4: Text("refus pour l'instant : réessayer plus tard", "a refusal for the time being: try again later"),
    5: Text("refus définitif : changer quelque chose d'abord", "a final refusal: change something first"),
}
_SUBJECTS = {
    1: Text("une adresse", "an address"),
    2: Text("la boîte aux lettres", "the mailbox"),
    3: Text("le système de courrier du destinataire", "the mail system of the recipient"),
    4: Text("le réseau ou l'acheminement", "the network or the routing"),
    5: Text("le protocole : commandes et paramètres", "the protocol: commands and parameters"),
    6: Text("le contenu du message", "the content of the message"),
    7: Text("la sécurité ou une règle du serveur", "security or a policy of the server"),
}


def meaning(code: int) -> Text:
    """Say what a reply code means: its kind, and the meaning that the standard gives it."""
    kind = _KINDS.get(code // 100, Text("ce n'est pas un code de réponse", "this is no reply code"))
    known = _CODES.get(code)
    return Text(f"{known.fr} ({kind.fr})", f"{known.en} ({kind.en})") if known else kind


def subject(enhanced: str) -> Text | None:
    """Name the subject of an enhanced status code, "5.7.1": its second number (RFC 3463 3); None for another number."""
    found = _SUBJECTS.get(int(enhanced.split(".")[1]))
    return Text(f"il s'agit de : {found.fr}", f"it is about {found.en}") if found else None
