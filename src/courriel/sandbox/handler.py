"""Server handler of the sandbox, for all protocols: faults first, then storage."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from weakref import WeakKeyDictionary

from courriel.dialogue.server.handler import Answer, Delivery, LineFault, Maildrop, ServerHandler, ServerSession
from courriel.dialogue.server.mail_store import MailAccount
from courriel.reply import Reply
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import Faults, asked_by, script_of
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.mailboxes import Mailboxes
from courriel.sandbox.weather import Weather
from courriel.wire.smtp.parameters import MailFrom, RcptTo
from courriel.wire.smtp.server_syntax import Objection


class SandboxHandler(ServerHandler):
    """Server handler of the sandbox: faults first, then storage."""

    def __init__(
        self,
        captured: CapturedMail,
        mailboxes: Mailboxes,
        faults: Faults,
        users: Mapping[str, str] | None,
        preview: Callable[[CapturedMessage], str],
    ) -> None:
        """`preview` gives the address of a letter's page, which the reply to its sender carries; "" for none."""
        self._captured = captured
        self._mailboxes = mailboxes
        self._faults = faults
        self._users = None if users is None else dict(users)
        self._preview = preview
        # What the recipients of the mail in progress ask for by their addresses, for later stages than their own.
        self._asked: WeakKeyDictionary[ServerSession, Weather] = WeakKeyDictionary()

    def line(self, session: ServerSession) -> LineFault | None:
        return self._faults.line()

    def connect(self, session: ServerSession) -> Answer | None:
        return self._faults.decide("connect")

    def greeting(self, session: ServerSession) -> Answer | None:
        return self._faults.decide("greeting")

    def hello(self, session: ServerSession, name: str) -> Answer | None:
        return self._faults.decide("hello", (name,))

    def secure(self, session: ServerSession) -> Answer | None:
        return self._faults.decide("secure")

    def authenticate(self, session: ServerSession, mechanism: str) -> Answer | None:
        return self._faults.decide("authenticate", (mechanism,))

    def check(self, user: str, secret: str) -> bool:
        if self._users is None:
            return True
        expected = self._users.get(user)
        return hmac.compare_digest((expected or "").encode(), secret.encode()) and expected is not None

    def secret_of(self, user: str) -> str | None:
        return None if self._users is None else self._users.get(user)

    def sender(self, session: ServerSession, origin: MailFrom) -> Answer | None:
        if self._asked:
            self._asked.pop(session, None)
        return self._faults.decide("sender", (origin.sender.spec if origin.sender else "<>",))

    def recipient(self, session: ServerSession, recipient: RcptTo) -> Answer | None:
        answer = self._faults.decide("recipient", (recipient.address.spec,))
        asked = asked_by(recipient.address.spec) if answer is None else None
        if asked is None:
            return answer
        if asked.stage == "recipient":
            return script_of(asked)
        self._asked[session] = asked
        return None

    def data(self, session: ServerSession) -> Answer | None:
        return self._faults.decide("data") or self._asked_at(session, "data")

    def message(self, session: ServerSession, delivery: Delivery) -> Answer | Mapping[str, Reply] | None:
        everybody = tuple(recipient.address.spec for recipient in delivery.recipients)
        fault = self._faults.decide_fault("message", everybody)
        asked = self._asked.pop(session, None) if self._asked else None
        answer: Answer | None = None
        taken = True
        if fault is not None:
            answer, taken = fault.reply, fault.taken
        elif asked is not None and asked.stage == "message":
            answer, taken = script_of(asked), asked.taken
        if answer is None or taken or (isinstance(answer, Reply) and answer.kind == 2):
            letter = self._captured.put(delivery, session)
            if answer is None and (page := self._preview(letter)):
                return Reply(250, (f"2.0.0 Message taken, to be seen at {page}",))
        return answer

    def open_mailbox(self, session: ServerSession, user: str) -> Maildrop | Answer | None:
        return self._mailboxes.open(user)

    def open_account(self, session: ServerSession, user: str) -> MailAccount | Answer | None:
        try:
            return self._mailboxes.account(user)
        except Objection as full:
            return full.reply

    def mailbox(self, session: ServerSession, verb: str) -> Answer | None:
        return self._faults.decide("mailbox", (verb,))

    def letter(self, session: ServerSession, uid: str) -> Answer | None:
        return self._faults.decide("letter", (uid,))

    def goodbye(self, session: ServerSession) -> Answer | None:
        return self._faults.decide("goodbye")

    # The steps.

    def _asked_at(self, session: ServerSession, stage: str) -> Answer | None:
        asked = self._asked.get(session) if self._asked else None
        return script_of(asked) if asked is not None and asked.stage == stage else None
