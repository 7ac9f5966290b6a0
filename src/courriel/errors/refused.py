"""Refusals: of a command by the server, of a token, of a message's end by the caller's guard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from courriel.errors.base import CourrielError, Note, Stage
from courriel.reply import Reply

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.failures import Text


class Refused(CourrielError):
    """A command that the server understood and refused. The session remains usable."""

    session_usable = True
    reply: Reply

    def __init__(
        self,
        reply: Reply | str,
        *,
        stage: Stage = "",
        server: str = "",
        refused: Mapping[str, Reply] | None = None,
        about: str = "",
    ) -> None:
        """Make it of the server's reply; or of its text, which is all that a task queue keeps in JSON."""
        text = f"{reply} ({about})" if about else str(reply)
        known = _reply_of(reply) if isinstance(reply, str) else reply
        super().__init__(text, stage=stage, server=server, reply=known, refused=refused)
        self.about = about

    def _ends_with_bracket(self, text: str) -> bool:
        return bool(self.about) and text.endswith(")")


class AuthenticationRefused(Refused):
    """Login that the server refused with these credentials.

    `tried` are the mechanisms that were tried, in order, of those that the server `offered`; `judged` are those whose
    proof (password, digest, token) it refused, the others it could not do. `final` says that the refusal ended the
    login at once, because another mechanism would not help or would not be safe.
    """

    tried: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    final: bool = False

    @property
    def untried(self) -> tuple[str, ...]:
        """Mechanisms that the server offered and that were not tried, in its order."""
        return tuple(name for name in self.offered if name not in self.tried)

    @property
    def mechanisms(self) -> Text:
        """The mechanisms that were tried, and those that were offered and not tried, for people in both languages."""
        from courriel.failures import Text  # noqa: PLC0415

        tried, untried = ", ".join(self.tried), ", ".join(self.untried)
        if not untried:
            return Text(f"{tried} ; aucun autre n'est proposé", f"{tried}; no other is offered")
        return Text(f"{tried} ; proposés mais non essayés : {untried}", f"{tried}; offered but not tried: {untried}")

    def _made_notes(self) -> Iterator[Note]:
        if self.tried:
            from courriel.failures import language  # noqa: PLC0415

            french, mechanisms = language() == "fr", self.mechanisms
            yield Note(f"Essayé : {mechanisms.fr}" if french else f"Tried: {mechanisms.en}")
        yield from super()._made_notes()


class SenderRefused(Refused):
    """Sender that the server does not accept mail from (MAIL)."""


class RecipientsRefused(Refused):
    """No recipient accepted by the server, or not all of them when all or none was asked for (RCPT)."""


class MessageRefused(Refused):
    """Message that the server refused after it had accepted the envelope."""


class MailboxRefused(Refused):
    """Mailbox that cannot be opened although the login was right: in use by another client, or opened too recently."""


class LetterRefused(Refused):
    """Letter that the server did not hand out, or did not mark for deletion."""


class CommandRefused(Refused):
    """Any other command that the server refused."""


class NotSupported(CourrielError):
    """A capability that the server lacks (`capability` is its name). Nothing was sent."""

    session_usable = True

    def __init__(
        self, message: str, *, capability: str, stage: Stage = "", server: str = "", hint_id: str = ""
    ) -> None:
        super().__init__(message, stage=stage, server=server, hint_id=hint_id)
        self.capability = capability

    @property
    def retryable(self) -> bool:
        """False: the same server will lack the same capability tomorrow."""
        return False


class TokenRefused(CourrielError):
    """Refusal of an authorization server (OAuth 2) to give a token; `code` is its error, as "invalid_grant"."""

    code: str = ""


class NotPermitted(CourrielError):
    """End of a message that the caller's guard did not permit; the connection was cut, and nothing was delivered."""


class FolderRenumbered(CourrielError):
    """Folder whose letters were renumbered (another UIDVALIDITY): it is unknown which of them are new."""

    session_usable = True


# The steps.


def _reply_of(text: str) -> Reply | None:
    """The reply that a text begins with; None where it begins with no code."""
    code, _, rest = text.partition(" ")
    return Reply(int(code), (rest,)) if len(code) == 3 and code.isascii() and code.isdigit() else None
