"""LIST with its options, and LSUB (RFC 9051 6.3.9, RFC 5258, RFC 5819, RFC 6154)."""

from __future__ import annotations

from collections.abc import Iterator

from courriel._dataclass import dataclass
from courriel.dialogue.server.mail_store import SEPARATOR, MailAccount, MailFolder
from courriel.wire.imap import folder_names
from courriel.wire.imap.values import Value, octets_of
from courriel.wire.imap_server import writing
from courriel.wire.imap_server.arguments import Arguments
from courriel.wire.imap_server.list_patterns import ListPattern, any_matches
from courriel.wire.smtp.server_syntax import Objection

_SELECTIONS = ("SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE")
_RETURNS = ("SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS")
_MOST = 20  # patterns


@dataclass(frozen=True, slots=True)
class ListRequest:
    """Arguments of a LIST."""

    patterns: list[ListPattern]
    selected: frozenset[str]
    returned: frozenset[str]
    status: list[str]
    old: bool
    """LSUB."""
    root: bool
    """Only the separator is asked for: `LIST "" ""`."""


def listing(
    account: MailAccount, arguments: Arguments, *, utf8: bool, old: bool
) -> tuple[list[str], Iterator[tuple[MailFolder | None, bytes]]]:
    """Words of STATUS that are asked for, and the folders found, each with its response, b"" for one that does not fit.

    Raises Objection.
    """
    request = _read(arguments, utf8=utf8, old=old)
    return request.status, _found(account, request, utf8=utf8)


# The steps.


def _read(arguments: Arguments, *, utf8: bool, old: bool) -> ListRequest:
    selected: frozenset[str] = frozenset()
    if isinstance(arguments.look(), list) and not old:
        selected = _options(arguments.group("Options"), _SELECTIONS)
    reference = arguments.folder()
    if isinstance(arguments.look(), list) and not old:
        patterns = [_name(each, utf8=utf8) for each in arguments.group("Patterns")]
    else:
        patterns = [_name(arguments.octets("A pattern"), utf8=utf8)]
    if not 0 < len(patterns) <= _MOST:
        raise Objection(500, f"There are {_MOST} patterns at most")
    returned: frozenset[str] = frozenset()
    status: list[str] = []
    if arguments.left and not old:
        if arguments.word("RETURN") != "RETURN":
            raise Objection(500, "RETURN should stand here")
        options = arguments.group("Options")
        for word, following in zip(options, [*options[1:], None], strict=True):
            if isinstance(word, str) and word.upper() == "STATUS" and isinstance(following, list):
                status = [each.upper() if isinstance(each, str) else "" for each in following]
        returned = _options([each for each in options if not isinstance(each, list)], _RETURNS)
    arguments.end()
    if "RECURSIVEMATCH" in selected and not selected & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise Objection(500, "RECURSIVEMATCH stands beside another option")
    return ListRequest(
        [ListPattern(reference, pattern) for pattern in patterns],
        selected | {"SUBSCRIBED"} if old else selected,
        returned,
        status,
        old,
        root=patterns == [""],
    )


def _options(values: list[Value], known: tuple[str, ...]) -> frozenset[str]:
    words = frozenset(each.upper() if isinstance(each, str) else "" for each in values)
    if not words <= set(known):
        raise Objection(500, "There is no such option of LIST")
    return words


def _name(value: Value, *, utf8: bool) -> str:
    octets = octets_of(value)
    if octets is None:
        raise Objection(500, "A pattern should stand here")
    return folder_names.shown(octets, utf8=utf8)


def _found(account: MailAccount, request: ListRequest, *, utf8: bool) -> Iterator[tuple[MailFolder | None, bytes]]:
    if request.root:
        yield None, b'LIST (\\Noselect) "/" ""'
        return
    folders = {folder.name: folder for folder in account.folders()}
    names = sorted({*folders, *account.subscribed}, key=lambda name: (name != "INBOX", name))
    parents = {
        SEPARATOR.join(name.split(SEPARATOR)[:depth]) for name in folders for depth in range(1, name.count("/") + 1)
    }
    chosen = {name for name in names if _is_chosen(account, folders.get(name), name, request)}
    for name in names:
        if not any_matches(request.patterns, name):
            yield None, b""  # so that others have their turn
            continue
        inner = "RECURSIVEMATCH" in request.selected and any(each.startswith(name + SEPARATOR) for each in chosen)
        if name not in chosen and not inner:
            continue
        folder = folders.get(name)
        words = _attributes(account, folder, name, request, parent=name in parents)
        word = b"LSUB" if request.old else b"LIST"
        written = writing.folder_name(name, utf8=utf8)
        more = b' ("CHILDINFO" ("SUBSCRIBED"))' if inner and "SUBSCRIBED" in request.selected else b""
        yield folder, b'%b (%b) "/" %b%b' % (word, " ".join(words).encode("ascii"), written, more)


def _is_chosen(account: MailAccount, folder: MailFolder | None, name: str, request: ListRequest) -> bool:
    if "SUBSCRIBED" in request.selected and name not in account.subscribed:
        return False
    if "SPECIAL-USE" in request.selected and (folder is None or not folder.special):
        return False
    return folder is not None or "SUBSCRIBED" in request.selected


def _attributes(
    account: MailAccount, folder: MailFolder | None, name: str, request: ListRequest, *, parent: bool
) -> list[str]:
    words = ["\\HasChildren" if parent else "\\HasNoChildren"]
    if folder is None:
        words.append("\\Noselect" if request.old else "\\NonExistent")
    elif folder.special:
        words.append(folder.special)
    if name in account.subscribed and not request.old and "SUBSCRIBED" in request.selected | request.returned:
        words.append("\\Subscribed")
    return words
