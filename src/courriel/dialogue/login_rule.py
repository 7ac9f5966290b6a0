"""
Rules for trying another mechanism after one that failed (docs/decisions/0025): pure functions, no conversation.

* A mechanism that fails before the proof was sent, or that the server does not support, does not count: the next one
  follows.
* After a proof that the server judged, one more mechanism may follow on a private connection: over verified TLS, or to
  this machine. In clear to another machine no weaker one follows at all.
* Some refusals end the login at once: another mechanism would not help, would lock the account, or would hand the
  password to a man in the middle.
"""

from __future__ import annotations

import re
from enum import Enum

from courriel import errors
from courriel._dataclass import dataclass
from courriel.model.servers.server import Server
from courriel.reply import Reply

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol

    class LoginMemory(Protocol):
        """Mechanisms that worked at one server, by user name; see session/server_memory.py."""

        auth: dict[str, str]

        def remember_mechanism(self, user: str, mechanism: str) -> None: ...


class MechanismOutcome(Enum):
    """Consequence of a failed mechanism for the next ones."""

    NOT_JUDGED = "the next mechanism follows, as if this one had not been offered"
    JUDGED = "the proof was refused: one more mechanism may follow"
    FINAL = "no other mechanism follows"


@dataclass(frozen=True, slots=True)
class FailedLogin:
    """Failed mechanism.

    `proved` says whether password, digest or token was sent, `server_error` is SCRAM's error word (RFC 5802 7), "" when
    there is none; with `foreign_nonce` the server answered another login than this one.
    """

    mechanism: str
    refusal: errors.AuthenticationRefused
    proved: bool
    server_error: str = ""
    foreign_nonce: bool = False

    @property
    def outcome(self) -> MechanismOutcome:
        """Consequence for the next mechanisms."""
        if self._is_final():
            return MechanismOutcome.FINAL
        if not self.proved or self.server_error in _SCRAM_NOT_DONE or _is_unsupported(self.refusal.reply):
            return MechanismOutcome.NOT_JUDGED
        if self._is_bound:
            # SMTP's 501 means that the answer could not be parsed, not that it was wrong (RFC 4954 4): Cyrus.
            unread = not self.refusal.reply.word and self.refusal.reply.code == 501
            return MechanismOutcome.NOT_JUDGED if unread else MechanismOutcome.FINAL
        return MechanismOutcome.JUDGED

    @property
    def intercepted(self) -> bool:
        """Whether the refusal is the one that a man in the middle would get (RFC 5802 7)."""
        if self.server_error in _SCRAM_INTERCEPTED:
            return True
        return (
            self._is_bound and self.proved and self.refusal.reply.kind == 5 and self.outcome is MechanismOutcome.FINAL
        )

    # The steps.

    @property
    def _is_bound(self) -> bool:
        return self.mechanism.endswith("-PLUS")

    def _is_final(self) -> bool:
        reply = self.refusal.reply
        if reply.kind == 4 or self.foreign_nonce or self.server_error in _SCRAM_FINAL:
            return True
        if reply.code == 534 and str(reply.enhanced or "") == "5.7.9":
            return True  # the account needs a password of another kind (Google: an app password)
        text = str(reply)
        if (code := _CODE.search(text)) and code[1].upper() in _FINAL_CODES:
            return True
        if not self.proved and _MECHANISM.search(text):
            return False  # "this mechanism is disabled" does not concern the account
        renewable = self.mechanism in _FOR_TOKENS  # a new token can be fetched, an expired password stays expired
        return _ACCOUNT.search(text) is not None or (not renewable and _EXPIRED.search(text) is not None)


def nobody_listens(server: Server, certificate: bytes) -> bool:
    """Whether a second proof may be sent: the connection stays on this machine, or is secured by verified TLS."""
    return server.local or bool(certificate and not server.trust.accepts_anything)


def strength(mechanism: str) -> int:
    """How well a mechanism hides the secret from an eavesdropper: 0 for the secret itself."""
    return _STRENGTHS.get(mechanism, 0)


# The steps.

_STRENGTHS = {"SCRAM-SHA-256-PLUS": 3, "SCRAM-SHA-256": 2, "CRAM-MD5": 1, "APOP": 1}
_FOR_TOKENS = ("OAUTHBEARER", "XOAUTH2")

# RFC 5802 7: unsupported features, signs of a man in the middle, and errors that are no judgement of the proof.
_SCRAM_NOT_DONE = {
    "invalid-encoding",
    "extensions-not-supported",
    "channel-binding-not-supported",
    "unsupported-channel-binding-type",
    "invalid-username-encoding",
}
_SCRAM_INTERCEPTED = {"channel-bindings-dont-match", "server-does-support-channel-binding"}
_SCRAM_FINAL = {*_SCRAM_INTERCEPTED, "no-resources"}

# "[CODE]" in IMAP (RFC 5530) and POP3 (RFC 2449 8, RFC 3206): the password is not in question, or none would help.
_CODE = re.compile(r"\[([A-Za-z/-]{1,30})\]")
_FINAL_CODES = {
    "AUTHORIZATIONFAILED",
    "CONTACTADMIN",
    "PRIVACYREQUIRED",
    "IN-USE",
    "LOGIN-DELAY",
    "SYS/TEMP",
    "SYS/PERM",
}

_CANNOT_CODES = (500, 502, 504, 534)  # unknown command, not implemented, unknown or too weak mechanism (RFC 4954 6)
_MECHANISM = re.compile(r"mech|auth\w* (?:type|method)|method|channel.?binding", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"unsupport|not.support|unknown|unrecogni[sz]ed|not.recogni[sz]ed|unimplemented|not.implemented|unavailable"
    r"|not.available|no mech|no such|disabled|not.offered|not.allowed",
    re.IGNORECASE,
)
# libsasl's error for an answer that it could not parse, before it checked the proof (Cyrus, for a binding other than
# "tls-unique").
_UNREAD = re.compile(r"bad protocol", re.IGNORECASE)

_ACCOUNT = re.compile(
    r"\block(?:ed|out|ing)?\b|\bdisabled?\b|\bdeactivat|\binactive\b|\bsuspend|\bfrozen\b|\bbann?ed\b|\bblock(?:ed|list)"
    r"|\bblacklist|\babus|\brates?\b|\brate.?limit|\bthrottl|\btoo (?:many|often|fast|frequent)|\bexceed|\blimits?\b"
    r"|\blimited\b|\bquota\b|\btemporar|\btry (?:it )?(?:again )?later|\bweb ?(?:browser|log.?in)|\bspecific password"
    r"|\bgesperrt|\bverrouill|\bbloqu|\bd[ée]sactiv",
    re.IGNORECASE,
)
_EXPIRED = re.compile(r"\bexpired?\b", re.IGNORECASE)


def _is_unsupported(reply: Reply) -> bool:
    """Whether the server says that it does not support this mechanism, whatever was sent by then."""
    if reply.word == "BAD" or (not reply.word and reply.code in _CANNOT_CODES):
        return True
    text = str(reply)
    return _UNREAD.search(text) is not None or bool(_MECHANISM.search(text) and _UNKNOWN.search(text))
