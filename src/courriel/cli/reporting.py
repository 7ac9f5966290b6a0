"""Reports of results and errors, as text or JSON, and the exit status."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from courriel import Outcome, Reply, errors
from courriel.cli.headlines import headline, remedy
from courriel.cli.i18n import label, say, visible
from courriel.cli.logs import show_warnings
from courriel.failures import language, spoken

if TYPE_CHECKING:
    from courriel import Receipt, RecipientResult
    from courriel.cli.command import GlobalOptions

OK, UNAVAILABLE, SOFTWARE, INPUT_OUTPUT, TRY_AGAIN = 0, 69, 70, 74, 75

# Of several failures the first in this order gives the exit status: not to be repeated, internal error, protocol error,
# mistakes of the user; 75 last, since callers repeat the command on it.
_GRAVITY = (UNAVAILABLE, SOFTWARE, 76, 77, 78, INPUT_OUTPUT, 73, 68, 67, 66, 65, 64, TRY_AGAIN)

_RED, _GREEN, _YELLOW, _BOLD = "31", "32", "33", "1"
_WIDTH = 100


class CommandReport:
    """Prints each result on standard output, errors on standard error; `status` sums them up."""

    def __init__(self, manner: GlobalOptions) -> None:
        self._json = manner.json
        self._doing = manner.doing
        self._out = _StreamWriter(sys.stdout, manner.color)
        self._err = _StreamWriter(sys.stderr, manner.color)
        self._statuses: list[int] = []
        self._something_left = False
        show_warnings(self.aside)

    @property
    def status(self) -> int:
        """The exit status so far: that of the gravest failure.

        75 means "run the same command again", so it is only given when nothing was sent, or may have been: a second run
        would send that again.
        """
        if not self._statuses:
            return OK
        gravest = min(self._statuses, key=lambda each: _GRAVITY.index(each) if each in _GRAVITY else 0)
        return UNAVAILABLE if gravest == TRY_AGAIN and self._something_left else gravest

    def accepted(self, receipt: Receipt, file: str = "") -> None:
        """Report a message that a server accepted for at least one recipient.

        When others were refused the status is 69, and not that of their refusal, which means that no recipient got it.
        """
        taken = [fate for fate in receipt.fates if fate.outcome is Outcome.ACCEPTED]
        missing = [fate for fate in receipt.fates if fate.outcome is not Outcome.ACCEPTED]
        problems = [_problem_of(fate, receipt) for fate in missing]
        self._something_left = self._something_left or bool(taken)
        self._statuses += [UNAVAILABLE if taken else problem.sysexit for problem in problems]
        if self._json:
            self._print_object(_receipt_object(receipt, problems, file))
            return
        for fate in taken:
            words = fate.reply or receipt.reply
            accepted = say(f"accepté par {receipt.server} ({words})", f"accepted by {receipt.server} ({words})")
            self._out.line(visible(f"{fate.recipient}{say(' : ', ': ')}{accepted}"))
        for fate, problem in zip(missing, problems, strict=True):
            self._recipient(fate, problem, receipt.server)
        for note in receipt.notes:
            self._err.line(f"{label('remarque', 'note')}{visible(spoken(note))}")
        if receipt.preview_url:
            captured = say("→ reçu par le serveur d'entraînement : ", "→ captured by the sandbox: ")
            self._err.line(captured + receipt.preview_url)

    def failed(
        self,
        error: errors.CourrielError,
        *,
        file: str = "",
        to: Iterable[str] = (),
        message_id: str = "",
        setting: str = "",
    ) -> None:
        """Report a message that no server accepted, or that is in doubt.

        `setting` is the variable or file that chose the server.
        """
        self._statuses.append(error.sysexit)
        self._something_left = self._something_left or error.in_doubt
        if self._json:
            notes = [f"This way out was set by {setting}."] if setting else []
            self._print_object(_error_object(error, file, tuple(to), message_id, notes))
            return
        where = f"{visible(file)}{say(' : ', ': ')}" if file else ""
        color = _YELLOW if error.in_doubt else _RED
        mark = self._err.paint("?" if error.in_doubt else "✗", color)
        summary, detail = headline(error, language(), self._doing), spoken(error.detail)
        self._err.line(f"{mark} {where}{summary}")
        for recipient, reply in error.refused.items():
            self._err.entry(*_REFUSED, f"{recipient}  {reply}")
        if error.reply is not None and error.reply not in error.refused.values():
            self._err.entry(*_SERVER, str(error.reply))
        elif error.reply is None and detail.casefold() != summary.removesuffix(".").casefold():
            self._err.entry(*_DETAIL, detail)
        self._err.entry(*_SETTING, spoken(setting))
        if error.in_doubt and (known := message_id or error.message_id):
            self._err.entry("Message-ID", "Message-ID", known)
        self._advice(error)

    def misuse(self, sentence: str, help_line: str) -> None:
        """Report an error in the command line."""
        self._print_plain("Usage", 64, sentence, help_line)

    def system(self, error: OSError) -> None:
        """Report an operating system error: a file, a folder, a port."""
        status = (
            66 if isinstance(error, FileNotFoundError) else 77 if isinstance(error, PermissionError) else INPUT_OUTPUT
        )
        named = f"{visible(str(error.filename))}{say(' : ', ': ')}" if error.filename else ""
        self._print_plain(type(error).__name__, status, f"{named}{spoken(error.strerror or str(error))}")

    def our_fault(self, error: Exception) -> None:
        """Report an internal error in one line."""
        what = visible(f"{type(error).__name__}: {error}")
        self._print_plain(
            type(error).__name__,
            SOFTWARE,
            say(
                f"erreur interne de courriel, merci de la signaler : {what}",
                f"a mistake of courriel itself, please report it: {what}",
            ),
        )

    def failing(self, status: int, kind: str, sentence: str) -> None:
        """Report an error not about a mail, with this status."""
        self._print_plain(kind, status, sentence)

    def count(self, status: int) -> None:
        """Count a failure that is reported elsewhere."""
        if status:
            self._statuses.append(status)

    def values(self, content: dict[str, object]) -> bool:
        """Print the result as JSON if --json is set; return whether it is."""
        if self._json:
            self._print_object(content)
        return self._json

    def line(self, text: str) -> None:
        """Print a line of the result on standard output."""
        self._out.line(text)

    def plain(self, text: str) -> None:
        """Print a line of a result that has no form in JSON; nothing with --json."""
        if not self._json:
            self._out.line(text)

    def paint(self, text: str, color: str) -> str:
        """A text in this colour (a number of ECMA-48), for standard output; unchanged where there are no colours."""
        return self._out.paint(text, color)

    def aside(self, text: str) -> None:
        """Print a line of progress on standard error; nothing with --json."""
        if not self._json:
            self._err.line(text)

    def entry(self, fr: str, en: str, text: str) -> None:
        """Print a label and its text beside it, as a part of the result; nothing for an empty text."""
        self._out.entry(fr, en, text)

    def explained(self, cause: str, fix: str, dont: str, failure_id: str) -> None:
        """Print a record of the failure table as a result."""
        self._out.entry(*_CAUSE, cause)
        self._out.entry(*_FIX, fix)
        self._out.entry(*_NOT, dont)
        self._out.entry(*_REFERENCE, failure_id)

    # The steps.

    def _recipient(self, fate: RecipientResult, problem: errors.CourrielError, server: str) -> None:
        if problem.in_doubt:
            words = say(
                f"incertain : peut-être parti par {server} ; pas renvoyé",
                f"in doubt: may have left by {server}; not resent",
            )
            self._err.line(f"{self._err.paint('?', _YELLOW)} {fate.recipient}{say(' : ', ': ')}{words}")
        elif fate.reply is None:
            words = say("pas envoyé : sa voie ne l'a pas pris", "not sent: its way did not take it")
            self._err.line(f"{self._err.paint('✗', _RED)} {fate.recipient}{say(' : ', ': ')}{words}")
            return
        else:
            words = say(f"refusé par {server} ({fate.reply})", f"refused by {server} ({fate.reply})")
            self._err.line(f"{self._err.paint('✗', _RED)} {fate.recipient}{say(' : ', ': ')}{words}")
        self._advice(problem)

    def _advice(self, error: errors.CourrielError) -> None:
        self._err.entry(*_MECHANISMS, _mechanisms(error))
        self._err.entry(*_CAUSE, error.cause)
        self._err.entry(*_FIX, remedy(error))
        self._err.entry(*_NOT, error.advice_against)
        self._err.entry(*_REFERENCE, error.failure.id if error.failure else "")

    def _print_plain(self, kind: str, status: int, *sentences: str) -> None:
        self._statuses.append(status)
        if self._json:
            self._print_object(
                _empty_object() | {"ok": False, "error": kind, "message": sentences[0], "sysexit": status}
            )
            return
        self._err.line(f"{self._err.paint('✗', _RED)} {sentences[0]}")
        for each in sentences[1:]:
            self._err.line(f"  {each}")

    def _print_object(self, content: dict[str, object]) -> None:
        # Lone surrogates (from undecodable arguments) must not cause an encoding error.
        written = json.dumps(content, ensure_ascii=(self._out.stream.encoding or "").lower() != "utf-8")
        print(written if written.isprintable() else _escaped(written), file=self._out.stream)
        self._out.stream.flush()


def _escaped(written: str) -> str:
    """JSON with control and invisible characters escaped: the same values for a parser."""
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in written)


_SERVER = ("Serveur", "Server")
_DETAIL = ("Détail", "Detail")
_SETTING = ("Réglage", "Setting")
_REFUSED = ("Refusé", "Refused")
_MECHANISMS = ("Essayé", "Tried")
_CAUSE = ("Cause", "Cause")
_FIX = ("À faire", "Fix")
_NOT = ("À éviter", "Avoid")
_REFERENCE = ("Référence", "Reference")


class _StreamWriter:
    """Writer on one stream: with colours and wrapped lines on a terminal."""

    def __init__(self, stream: TextIO, color: str) -> None:
        self.stream = stream
        self._terminal = stream.isatty()
        self._color = color == "always" or (color == "auto" and self._terminal and not os.environ.get("NO_COLOR"))

    def paint(self, text: str, color: str) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if self._color else text

    def line(self, text: str) -> None:
        print(text, file=self.stream, flush=True)

    def entry(self, fr: str, en: str, text: str) -> None:
        """Print a label and its text beside it; nothing for an empty text."""
        if not text:
            return
        first, *more = self._wrapped_lines(visible(text))
        self.line(f"  {self.paint(say(fr, en).ljust(10), _BOLD)} {first}")
        for each in more:
            self.line(f"{'':13}{each}")

    def _wrapped_lines(self, text: str) -> list[str]:
        if not self._terminal:
            return [text]  # logs are searched by line
        from shutil import get_terminal_size
        from textwrap import wrap

        width = min(get_terminal_size().columns, _WIDTH) - 13
        return wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False) or [text]


def _problem_of(fate: RecipientResult, receipt: Receipt) -> errors.CourrielError:
    """The error for one recipient's result."""
    if fate.outcome is Outcome.IN_DOUBT:
        return errors.ConnectionFailed(
            "no answer came for this recipient", stage="message", server=receipt.server, in_doubt=True
        )
    if fate.reply is None:
        # Of several ways by domain, the one of this recipient failed before anything had left; a note says why.
        return errors.ConnectionFailed("the way of this recipient did not take the mail", stage="connect")
    return errors.RecipientsRefused(
        fate.reply, stage="recipient", server=receipt.server, refused={fate.recipient: fate.reply}
    )


def _empty_object() -> dict[str, object]:
    """All keys of a result, in order: every result has every key."""
    return {
        "ok": True,
        "stage": None,
        "error": None,
        "message": None,
        "failure": None,
        "cause": None,
        "hint": None,
        "not": None,
        "retryable": False,
        "in_doubt": False,
        "server": None,
        "reply": None,
        "fates": [],
        "notes": [],
        "message_id": None,
        "file": None,
        "preview_url": None,
        "sysexit": OK,
    }


def _receipt_object(receipt: Receipt, problems: list[errors.CourrielError], file: str) -> dict[str, object]:
    content = _empty_object()
    if problems:
        content |= _error_facts(min(problems, key=lambda each: _GRAVITY.index(each.sysexit)))
        # Accepted recipients have the mail: the command must not be repeated unchanged.
        content["retryable"] = False
        if receipt.accepted:
            content["sysexit"] = UNAVAILABLE
    return content | {
        "server": receipt.server,
        "reply": _reply_object(receipt.reply),
        "fates": [_recipient_object(fate.recipient, fate.outcome, fate.reply) for fate in receipt.fates],
        "notes": list(receipt.notes),
        "message_id": receipt.message_id,
        "file": file or None,
        "preview_url": receipt.preview_url or None,
    }


def _mechanisms(error: errors.CourrielError) -> str:
    """Login mechanisms that were tried, and those that were not; "" when no login was refused."""
    if not isinstance(error, errors.AuthenticationRefused) or not error.tried:
        return ""
    return error.mechanisms.fr if language() == "fr" else error.mechanisms.en


def _error_object(
    error: errors.CourrielError, file: str, to: tuple[str, ...], message_id: str, notes: Sequence[str] = ()
) -> dict[str, object]:
    mechanisms = _mechanisms(error)
    fates = [_recipient_object(name, Outcome.REFUSED, reply) for name, reply in error.refused.items()]
    if error.in_doubt:
        fates += [_recipient_object(name, Outcome.IN_DOUBT, None) for name in to if name not in error.refused]
    return (
        _empty_object()
        | _error_facts(error)
        | {"reply": _reply_object(error.reply), "fates": fates, "message_id": message_id or None, "file": file or None}
        | {"notes": [*notes, *([mechanisms] if mechanisms else [])]}
    )


def _error_facts(error: errors.CourrielError) -> dict[str, object]:
    return {
        "ok": False,
        "stage": error.stage or None,
        "error": type(error).__name__,
        "message": str(error),
        "failure": error.failure.id if error.failure else None,
        "cause": error.cause or None,
        "hint": remedy(error) or None,
        "not": error.advice_against or None,
        "retryable": error.retryable,
        "in_doubt": error.in_doubt,
        "server": error.server or None,
        "sysexit": error.sysexit,
    }


def _recipient_object(recipient: str, outcome: Outcome, reply: Reply | None) -> dict[str, object]:
    return {"recipient": recipient, "outcome": outcome.value, "reply": _reply_object(reply)}


def _reply_object(reply: Reply | None) -> dict[str, object] | None:
    return None if reply is None else {"code": reply.code, "text": str(reply), "lines": list(reply.lines)}
