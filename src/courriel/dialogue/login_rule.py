"""
Which mechanism may follow one that failed (docs/decisions/0025): pure, no conversation in it.

* A mechanism that fails before our proof left, or that the server says it cannot do, does not count: the next follows.
* After a proof that the server judged one more mechanism may follow, where nobody listens: over verified TLS, or to
  this machine. On a clear line to another machine nothing weaker follows at all.
* Some refusals end the login at once: another mechanism would not help, would lock the account, or would hand the
  password to a man in the middle.
"""

from __future__ import annotations

import re
from enum import Enum

from courriel import errors
from courriel.model.server import Server
from courriel.reply import Reply
from courriel.values import dataclass

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol

    class LoginMemory(Protocol):
        """The mechanisms that worked at one server, by user name; see session/server_memory.py."""

        auth: dict[str, str]

        def remember_mechanism(self, user: str, mechanism: str) -> None: ...


class Outcome(Enum):
    """What a failed mechanism means for those behind it."""

    NOT_JUDGED = "the next mechanism follows, as if this one had not been offered"
    JUDGED = "the proof was refused: one more mechanism may follow"
    FINAL = "no other mechanism follows"


@dataclass(frozen=True, slots=True)
class FailedLogin:
    """One mechanism that failed.

    `proved` says whether password, digest or token had left, `server_error` is the word by which SCRAM explains its
    refusal (RFC 5802 7), empty where there is none; with `foreign_nonce` it answered a login that is not ours.
    """

    mechanism: str
    refusal: errors.AuthenticationRefused
    proved: bool
    server_error: str = ""
    foreign_nonce: bool = False

    @property
    def outcome(self) -> Outcome:
        """What it means for the mechanisms behind it."""
        if self._final():
            return Outcome.FINAL
        if not self.proved or self.server_error in _SCRAM_NOT_DONE or _cannot(self.refusal.reply):
            return Outcome.NOT_JUDGED
        if self._bound:
            # SMTP's 501 says that our answer could not be read, not that it was wrong (RFC 4954 4): Cyrus.
            unread = not self.refusal.reply.word and self.refusal.reply.code == 501
            return Outcome.NOT_JUDGED if unread else Outcome.FINAL
        return Outcome.JUDGED

    @property
    def intercepted(self) -> bool:
        """Whether a man in the middle would have been refused like this (RFC 5802 7)."""
        if self.server_error in _SCRAM_INTERCEPTED:
            return True
        return self._bound and self.proved and self.refusal.reply.kind == 5 and self.outcome is Outcome.FINAL

    # The steps.

    @property
    def _bound(self) -> bool:
        return self.mechanism.endswith("-PLUS")

    def _final(self) -> bool:
        reply = self.refusal.reply
        if reply.kind == 4 or self.foreign_nonce or self.server_error in _SCRAM_FINAL:
            return True
        if reply.code == 534 and str(reply.enhanced or "") == "5.7.9":
            return True  # this account wants a password of another kind (Google: an app password)
        text = str(reply)
        if (code := _CODE.search(text)) and code[1].upper() in _FINAL_CODES:
            return True
        if not self.proved and _MECHANISM.search(text):
            return False  # "this mechanism is disabled" says nothing about the account
        renewable = self.mechanism in _FOR_TOKENS  # an expired token is fetched anew, an expired password is not
        return _ACCOUNT.search(text) is not None or (not renewable and _EXPIRED.search(text) is not None)


def nobody_listens(server: Server, certificate: bytes) -> bool:
    """Whether a second proof may leave: the line goes to this machine, or is secured by TLS that was verified."""
    return server.local or bool(certificate and not server.trust.accepts_anything)


def strength(mechanism: str) -> int:
    """How much of the secret a mechanism keeps from who listens: 0 for the secret itself."""
    return _STRENGTHS.get(mechanism, 0)


# The steps.

_STRENGTHS = {"SCRAM-SHA-256-PLUS": 3, "SCRAM-SHA-256": 2, "CRAM-MD5": 1, "APOP": 1}
_FOR_TOKENS = ("OAUTHBEARER", "XOAUTH2")

# RFC 5802 7: what the server could not do, what looks like a man in the middle, what is no judgement of the proof.
_SCRAM_NOT_DONE = {
    "invalid-encoding",
    "extensions-not-supported",
    "channel-binding-not-supported",
    "unsupported-channel-binding-type",
    "invalid-username-encoding",
}
_SCRAM_INTERCEPTED = {"channel-bindings-dont-match", "server-does-support-channel-binding"}
_SCRAM_FINAL = {*_SCRAM_INTERCEPTED, "no-resources"}

# "[CODE]" in IMAP (RFC 5530) and POP3 (RFC 2449 8, RFC 3206): who we are is not in question, or no password helps.
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
# What libsasl says where it could not read our answer, before it looked at the proof (Cyrus, to a binding that is not
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


def _cannot(reply: Reply) -> bool:
    """Whether the server says that it cannot do this mechanism, whatever had left by then."""
    if reply.word == "BAD" or (not reply.word and reply.code in _CANNOT_CODES):
        return True
    text = str(reply)
    return _UNREAD.search(text) is not None or bool(_MECHANISM.search(text) and _UNKNOWN.search(text))
