"""
Options of sendmail, as those of Postfix and Sendmail: joined or apart, in clusters, until the first address.

No argparse and no click: cron and PHP start this program for every mail. Options that mean nothing here are accepted
and ignored. Behind the first address, or behind `--`, everything is an address: one that begins with `-` never becomes
an option there.
"""

from __future__ import annotations

from courriel import errors

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence

SEND, SMTP, LIST, RUN, VERIFY, ALIASES = "send", "smtp", "list", "run", "verify", "aliases"

_MODES = {"m": SEND, "s": SMTP, "p": LIST, "v": VERIFY, "i": ALIASES, "I": ALIASES}
_BY_NAME = {"mailq": LIST, "newaliases": ALIASES}
_IGNORED = "nmGUEIc"
"""Flags without a value that mean nothing here."""
_WITH_VALUE = "frFNRVBLXhCOKDP"
_JOINED = "obqpdAevM"
"""Options whose value, if any, is the rest of the same word; `-o` and `-b` may have it in the next word."""
_NOTIFY = ("success", "failure", "delay")
_ADDRESSES = 10_000


class SendmailOptions:
    """Options of one call. `sender` is None where none was given, and "" for the null sender.

    `from_header` (-t): recipients are also those of To, Cc and Bcc. `dot_ends`: a line with a single dot ends the
    message, unless -i or -oi.
    """

    __slots__ = ("dot_ends", "envid", "from_header", "mode", "name", "notify", "now", "recipients", "ret", "sender")

    def __init__(
        self,
        mode: str = SEND,
        recipients: Sequence[str] = (),
        sender: str | None = None,
        *,
        dot_ends: bool = True,
        now: bool = False,
    ) -> None:
        self.mode, self.sender, self.now, self.dot_ends = mode, sender, now, dot_ends
        self.recipients = list(recipients)
        self.from_header = False
        self.name = self.ret = self.envid = ""
        self.notify: tuple[str, ...] = ()


def parse(program: str, arguments: Sequence[str]) -> SendmailOptions:
    """Options of a call by this name (sendmail, mailq, newaliases). Raises UsageError."""
    found = SendmailOptions(mode=_BY_NAME.get(program, SEND))
    words = list(arguments)
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            position += 1
            break
        if word == "--now":
            found.now = True
            position += 1
            continue
        if not word.startswith("-") or word == "-":
            break
        if word.startswith("--"):
            raise errors.UsageError(f"{word!r:.60} is no option of sendmail")
        position = _take_word(found, words, position)
    found.recipients = _checked(words[position:])
    return found


# The steps.


def _take_word(found: SendmailOptions, words: list[str], position: int) -> int:
    """Take one word of options, as `-t`, `-ti`, `-fada@example.org`; the position behind it and its value."""
    word = words[position]
    offset = 1
    while offset < len(word):
        letter, rest = word[offset], word[offset + 1 :]
        if letter in _WITH_VALUE or (letter in "ob" and not rest):
            if not rest:
                position += 1
                if position == len(words):
                    if letter == "o":
                        return position
                    raise errors.UsageError(f"-{letter}: its value is missing")
                rest = words[position]
            _set(found, letter, rest)
            return position + 1
        if letter in _JOINED:
            _set(found, letter, rest)
            return position + 1
        if letter == "t":
            found.from_header = True
        elif letter == "i":
            found.dot_ends = False
        elif letter not in _IGNORED:
            raise errors.UsageError(f"-{letter!s:.1} is no option of sendmail")
        offset += 1
    return position + 1


def _set(found: SendmailOptions, letter: str, value: str) -> None:
    match letter:
        case "f" | "r":
            found.sender = "" if value in ("", "<>") else value
        case "F":
            found.name = value
        case "N":
            found.notify = _notify(value)
        case "R":
            if value.lower() not in ("hdrs", "full"):
                raise errors.UsageError(f"-R: hdrs or full, not {value!r:.60}")
            found.ret = value.lower()
        case "V":
            if len(value) > 100 or not all("!" <= letter <= "~" for letter in value):
                raise errors.UsageError(f"-V: up to 100 printable ASCII characters without a space, not {value!r:.60}")
            found.envid = value
        case "B":
            if value.lower() not in ("7bit", "8bitmime"):
                raise errors.UsageError(f"-B: 7BIT or 8BITMIME, not {value!r:.60}")
        case "b":
            _set_mode(found, value)
        case "o":
            if value == "i":
                found.dot_ends = False
        case "q":
            found.mode = RUN
        case _:
            pass  # -o, -v, -A, -e and others: nothing here depends on them


def _set_mode(found: SendmailOptions, value: str) -> None:
    if value == "d" or value not in _MODES:
        raise errors.UsageError(f"-b{value:.20}: this is no server; mail is sent by courriel worker")
    found.mode = _MODES[value]


def _notify(value: str) -> tuple[str, ...]:
    words = tuple(word.strip().lower() for word in value.split(","))
    if words == ("never",) or (words and all(word in _NOTIFY for word in words)):
        return words
    raise errors.UsageError(f"-N: never, or a list of success, failure, delay, not {value!r:.60}")


def _checked(addresses: list[str]) -> list[str]:
    """Addresses behind the options. One that looks like an option, and is no address, is a mistake and not mail."""
    if len(addresses) > _ADDRESSES:
        raise errors.UsageError(f"more than {_ADDRESSES} addresses")
    for address in addresses:
        if address.startswith("-") and "@" not in address:
            raise errors.UsageError(f"{address!r:.60} stands behind an address: options stand before the addresses")
    return addresses
