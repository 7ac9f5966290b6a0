"""Mailboxes of the sandbox, one for each recipient, read by POP3 and IMAP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from threading import RLock

from courriel import errors
from courriel.dialogue.server.handler import Delivery, Maildrop, ServerSession
from courriel.model.address import Address
from courriel.reply import Reply
from courriel.sandbox.accounts import Account
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import read_answer
from courriel.sandbox.folders import SharedFolder, Space
from courriel.sandbox.letter import CapturedMessage
from courriel.wire.imap_server.letter_tree import LetterContent
from courriel.wire.mime.delivery_report import delivery_report
from courriel.wire.smtp.parameters import MailFrom, RcptTo
from courriel.wire.smtp.server_syntax import Objection

_IN_USE = Reply(400, ("[IN-USE] Somebody else has this mailbox open",))
_ACCOUNTS = 10_000  # any login is accepted, and each name has an account


class Mailboxes:
    """Accounts by user name: an address has its letters, a name without @ those of every such local part.

    Deleting removes a letter from this mailbox; the practice server still lists it. A letter that the server dropped,
    because there were too many, is dropped here too.
    """

    def __init__(self, captured: CapturedMail, space: Space | None = None) -> None:
        self._captured = captured
        self._lock = RLock()
        self._space = space or Space()
        self._accounts: dict[str, Account] = {}
        self._delivered: dict[int, list[tuple[SharedFolder, int]]] = {}  # where each letter lies, by its number
        self._open: set[str] = set()

    def account(self, user: str) -> Account:
        """Account of a user, made at the first login with the letters received so far. Raises Objection."""
        name = user.lower()
        with self._lock:
            account = self._accounts.get(name)
            if account is None:
                if len(self._accounts) >= _ACCOUNTS:
                    raise Objection(552, "[LIMIT] There are too many mailboxes")
                account = self._accounts[name] = Account(self._lock, self._space)
                self._fill(account, name)
            return account

    def arrived(self, letter: CapturedMessage) -> None:
        """Deliver a letter into the accounts of its recipients that somebody has logged in to."""
        with self._lock:
            if not self._accounts:
                return
            accounts = [account for name in _names_of(letter) if (account := self._accounts.get(name))]
            if not accounts or self._captured.get(letter.number) is None:
                return  # it may be gone already: removed, or dropped
            content = LetterContent(letter.content)
            places = self._delivered.setdefault(letter.number, [])
            there = {folder for folder, _ in places}  # an account that was made just now has it already
            places += [(each.inbox, _deliver(each, letter, content)) for each in accounts if each.inbox not in there]

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove letters that the server lists no more, by their numbers; sessions that have them open see them go."""
        with self._lock:
            for number in numbers if self._delivered else ():
                for folder, uid in self._delivered.pop(number, ()):
                    _ = folder.remove((uid,))

    def open(self, user: str) -> Maildrop | Reply:
        """Open a mailbox for POP3, exclusively until it is released (RFC 1939 8)."""
        name = user.lower()
        try:
            inbox = self.account(name).inbox
        except Objection as full:
            return full.reply
        with self._lock:
            if name in self._open:
                return _IN_USE
            self._open.add(name)
            return _OpenMailbox(self, name, inbox)

    def release(self, name: str) -> None:
        """Unlock a mailbox after its session."""
        with self._lock:
            self._open.discard(name)

    def clear(self) -> None:
        """Remove all letters but those that the server lists, and folders that were made; open sessions go on."""
        with self._lock:
            listed: dict[SharedFolder, set[int]] = {}  # letters that came since the server forgot the others
            for places in self._delivered.values():
                for folder, uid in places:
                    listed.setdefault(folder, set()).add(uid)
            for account in self._accounts.values():
                account.clear(listed.get(account.inbox, ()))

    # The steps.

    def _fill(self, account: Account, name: str) -> None:
        """Deliver what was received before the account was made."""
        for letter in self._captured.letters:
            if name in _names_of(letter):
                uid = _deliver(account, letter, LetterContent(letter.content))
                self._delivered.setdefault(letter.number, []).append((account.inbox, uid))


class _OpenMailbox(Maildrop):
    """INBOX of one account, as it was when POP3 opened it."""

    def __init__(self, mailboxes: Mailboxes, name: str, inbox: SharedFolder) -> None:
        letters = inbox.letters()
        self._uids = {letter.key: letter.uid for letter in letters}
        super().__init__([(letter.key, letter.content.raw) for letter in letters])
        self._mailboxes = mailboxes
        self._name = name
        self._inbox = inbox

    def remove(self, uids: Sequence[str]) -> None:
        """Remove letters from the folder; a session that reads by IMAP sees them go."""
        _ = self._inbox.remove([self._uids[key] for key in uids])

    def release(self) -> None:
        self._mailboxes.release(self._name)


def _names_of(letter: CapturedMessage) -> set[str]:
    """User names whose mailboxes a letter is for."""
    recipients = [recipient.lower() for recipient in letter.recipients]
    return {*recipients, *(recipient.rpartition("@")[0] for recipient in recipients)}


def _deliver(account: Account, letter: CapturedMessage, content: LetterContent) -> int:
    return account.inbox.add(content, (), letter.received, _key(letter), charged=False).uid


def _key(letter: CapturedMessage) -> str:
    """Unique id of a letter, unique across restarts too (RFC 1939 7)."""
    return f"{letter.received:%Y%m%dT%H%M%S%f}-{letter.number}"


def report_about(letter: CapturedMessage, server: str, answer: str, recipient: str) -> tuple[Delivery, ServerSession]:
    """Delivery report of a server further on about a letter, as it comes into the sender's mailbox.

    Raises UsageError for a letter from the null sender, and for what is no reply of 4xx or 5xx.
    """
    if not letter.sender:
        raise errors.UsageError("bounce: nothing is returned to the null sender")
    reply = read_answer(answer)
    if not isinstance(reply, Reply) or reply.kind not in (4, 5):
        raise errors.UsageError(f"bounce: a reply such as '550 5.1.1 no such user', not {answer!r:.80}")
    origin = letter.delivery.origin if letter.delivery is not None else None
    now = datetime.now(UTC)
    content = delivery_report(
        server,
        letter.sender,
        (recipient,) if recipient else letter.recipients,
        reply,
        envid="" if origin is None else origin.envid,
        header=letter.content.partition(b"\r\n\r\n")[0],
        at=now,
        message_id=f"<bounce.{letter.number}.{now.timestamp():.6f}@{server}>",
    )
    returned = Delivery(MailFrom(None), (RcptTo(Address.of(letter.sender)),), content)
    return returned, ServerSession(peer=server)
