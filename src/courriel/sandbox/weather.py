"""
Bad weather by name: what a server or a connection does wrong, for the command line, tests, addresses of recipients.

    refuse-550            the recipient is refused with this code, and `refuse-message-550` the mail after its content
    greylisted            any id of the failure table, in small letters or capitals
    cut-after-dot         … and the rest of `NAMES`

An address such as `refuse-550@example.org` asks for it by itself, for an id of the table `play-greylisted@…`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from courriel import failures

STAGES = (
    "connect", "greeting", "hello", "secure", "authenticate", "sender", "recipient", "data", "message", "mailbox",
    "letter", "goodbye",
)  # fmt: skip
"""Stages at which a fault can be set, named as in the errors."""

CERTIFICATES = ("expired", "not-yet-valid", "self-signed", "other-name", "unknown-authority", "weak")
"""Kinds of bad certificates."""


@dataclass(frozen=True, slots=True)
class Weather:
    """One thing that goes wrong: where, and what is answered there, as `Sandbox.answer` takes it.

    At the stage "certificate" the answer is the kind of certificate; at "line" it is what the connection does.
    """

    name: str
    stage: str
    answer: str | bytes
    within: bool = False
    """In the middle of the content."""
    taken: bool = False
    """The mail is taken all the same, and only its sender does not learn of it."""
    after: int = 0
    """How often it goes well before."""

    @property
    def by_recipient(self) -> bool:
        """Whether the address of a recipient may ask for it: by then the session has begun."""
        return self.stage in ("recipient", "data", "message")


NAMES: dict[str, tuple[str, str]] = {
    "refuse-NNN": ("Le destinataire est refusé par ce code.", "The recipient is refused with this code."),
    "refuse-message-NNN": (
        "Le message est refusé par ce code après son contenu.",
        "The mail is refused with this code after its content.",
    ),
    "rate-limit-N": (
        "Après N messages, les suivants sont refusés pour un temps.",
        "After N mails, further ones are refused for a while.",
    ),
    "cut-in-content": (
        "La liaison est coupée au milieu du contenu.",
        "The connection is cut in the middle of the content.",
    ),
    "silence-in-content": ("Le serveur se tait au milieu du contenu.", "The server falls silent within the content."),
    "cut-after-dot": (
        "La liaison est coupée après le point final ; le message n'est pas pris.",
        "The connection is cut after the final dot; the mail is not taken.",
    ),
    "silence-after-dot": (
        "Le serveur se tait après le point final ; le message n'est pas pris.",
        "The server falls silent after the final dot; the mail is not taken.",
    ),
    "answer-lost": (
        "Le message est pris, mais la liaison est coupée avant la réponse.",
        "The mail is taken, but the connection is cut before the answer.",
    ),
    "hang-up-at-STAGE": (
        "La liaison est coupée à cette étape (connect, greeting, hello…).",
        "The connection is cut at this stage (connect, greeting, hello, and so on).",
    ),
    "silence-at-STAGE": ("Le serveur se tait à cette étape.", "The server falls silent at this stage."),
    "cut-at-N": (
        "La liaison est coupée quand le client a envoyé N octets.",
        "The connection is cut when the client has sent N octets.",
    ),
    "drip": (
        "Le serveur répond un octet à la fois, dix par seconde.",
        "The server answers one octet at a time, ten in a second.",
    ),
    "starttls-stripped": (
        "STARTTLS manque dans la réponse à EHLO, comme quand quelqu'un l'efface en chemin.",
        "STARTTLS is missing in the reply to EHLO, as when somebody on the road removes it.",
    ),
    "starttls-injected": (
        "Une réponse de trop suit celle à STARTTLS, en clair.",
        "One reply too many follows the one to STARTTLS, in clear.",
    ),
    "certificate-expired": ("Le certificat a expiré.", "The certificate has expired."),
    "certificate-not-yet-valid": ("Le certificat n'est pas encore valable.", "The certificate is not valid yet."),
    "certificate-self-signed": ("Le certificat s'est signé lui-même.", "The certificate has signed itself."),
    "certificate-other-name": (
        "Le certificat est à un autre nom.",
        "The certificate is for another name.",
    ),
    "certificate-unknown-authority": (
        "Le certificat vient d'une autorité inconnue.",
        "The certificate is from an unknown authority.",
    ),
    "certificate-weak": ("La clé du certificat est trop courte.", "The key of the certificate is too short."),
}
"""Names, each with what happens, in French and in English; an id of the failure table is a name, too."""

DRIP = "drip"
"""What the connection does at the stage "line": answer one octet at a time. Else it is a number, where it is cut."""

_FIXED = {
    each.name: each
    for each in (
        Weather("cut-in-content", "data", "hang up", within=True),
        Weather("silence-in-content", "data", "silence", within=True),
        Weather("cut-after-dot", "message", "hang up"),
        Weather("silence-after-dot", "message", "silence"),
        Weather("answer-lost", "message", "hang up", taken=True),
        Weather("drip", "line", DRIP),
        Weather("starttls-stripped", "hello", "250-sandbox.localhost\n250-8BITMIME\n250 SMTPUTF8"),
        Weather("starttls-injected", "secure", b"220 2.0.0 Ready\r\n250 2.0.0 said by somebody else\r\n"),
        *(Weather(f"certificate-{kind}", "certificate", kind) for kind in CERTIFICATES),
    )
}
_BY_ID = {
    "CERT-EXPIRED": "certificate-expired",
    "CERT-NOT-YET-VALID": "certificate-not-yet-valid",
    "CERT-SELF-SIGNED": "certificate-self-signed",
    "CERT-WRONG-NAME": "certificate-other-name",
    "CERT-UNKNOWN-ISSUER": "certificate-unknown-authority",
    "STARTTLS-NOT-OFFERED": "starttls-stripped",
    "INJECTED-BEFORE-TLS": "starttls-injected",
    "UNCERTAIN-RESULT": "answer-lost",
}  # failures that no reply of a server is
_REFUSE = re.compile(r"refuse-(message-)?([45][0-5][0-9])")
_RATE = re.compile(r"rate-limit-([1-9][0-9]{0,5})")
_CUT = re.compile(r"cut-at-([1-9][0-9]{0,8})")
_AT = re.compile(r"(hang-up|silence)-at-([a-z0-9]+)")
_LINE = re.compile(r"[2-5][0-9][0-9](?:[ -].*)?|\+OK.*|-ERR.*|(?:[A-Za-z]{0,3}[0-9]+ |\* )?(?:OK|NO|BAD|BYE) .*")
_ENHANCED = {"550": "5.1.1", "551": "5.1.6", "552": "5.2.2", "450": "4.2.1", "452": "4.2.2", "554": "5.7.1"}


def by_name(name: str) -> Weather | None:
    """The weather of this name, or of this id in the failure table, in any case of letters; None for no such name.

    A failure that neither a server nor a connection makes, such as a wrong setting, has none.
    """
    small = name.lower()
    if (fixed := _FIXED.get(small)) is not None:
        return fixed
    if (refused := _REFUSE.fullmatch(small)) is not None:
        return Weather(small, "message" if refused[1] else "recipient", _refusal(refused[2]))
    if (limited := _RATE.fullmatch(small)) is not None:
        return Weather(small, "sender", "450 4.7.1 Rate limit exceeded, try again later", after=int(limited[1]))
    if (cut := _CUT.fullmatch(small)) is not None:
        return Weather(small, "line", cut[1])
    if (at := _AT.fullmatch(small)) is not None and at[2] in STAGES:
        return Weather(small, at[2], at[1].replace("-", " "))
    return _of_table(name.upper())


def by_address(local_part: str) -> Weather | None:
    """The weather that a recipient asks for, by its local part; None for nearly all of them."""
    small = local_part.lower()
    if small.startswith("play-"):
        found = _of_table(small.removeprefix("play-").upper())
    elif small.startswith(("refuse-", "cut-", "silence-", "answer-lost", "hang-up-at-")):
        found = by_name(small)
    else:
        return None
    return found if found is not None and found.by_recipient else None


# The steps.


def _of_table(failure_id: str) -> Weather | None:
    known = failures.by_id(failure_id)
    if known is None:
        return None
    reply = next((each for each in known.examples if _LINE.fullmatch(each)), None)
    if reply is not None and known.stage in STAGES:
        return Weather(known.id, known.stage, reply)
    fixed = _FIXED.get(_BY_ID.get(failure_id, ""))
    return None if fixed is None else replace(fixed, name=known.id)


def _refusal(code: str) -> str:
    return f"{code} {_ENHANCED.get(code, code[0] + '.0.0')} {'no such user' if code == '550' else 'refused, as asked'}"
