"""Correction of one URL in a settings file: everything else in the file stays as it is, to the octet."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from courriel import errors
from courriel.delivery.settings.files import wrong
from courriel.delivery.settings.profile import DEFAULT

_URL = re.compile(r"""(?<![\w-])(?:url|"url"|'url')[ \t]*=[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*')""")


def with_url(path: Path, raw: bytes, profile: str, url: str) -> bytes:
    """The text of a settings file with another URL in one profile.

    The place is found by trying: the one after whose change the file says the same as before, but for that URL. Raises
    UsageError when there is no such place (the URL is written over several lines, say).
    """
    import json
    import tomllib

    text = raw.decode("utf-8")  # with a byte order mark, where it has one: it stays
    before = tomllib.loads(text.removeprefix("\ufeff"))
    wanted = _changed(before, _keys(path, before, profile), url)
    for found in _URL.finditer(text):
        tried = f"{text[: found.start(1)]}{json.dumps(url, ensure_ascii=False)}{text[found.end(1) :]}"
        try:
            if tomllib.loads(tried.removeprefix("\ufeff")) == wanted:
                return tried.encode()
        except tomllib.TOMLDecodeError:
            continue
    raise wrong(path, f"the url of {profile} was not found in it: change it by hand")


def replace_file(path: Path, raw: bytes) -> None:
    """Replace a file by a new content, at once; its owner, group and permissions stay.

    Raises OSError, and leaves the old one: also where it is read-only, and where its owner cannot be kept.
    """
    real = Path(os.path.realpath(path))
    real.open("r+b").close()  # a file that is read-only on purpose is not to be changed in a roundabout way
    there = real.stat()
    descriptor, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}-")  # 0600, and O_EXCL
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
            if hasattr(os, "fchmod"):
                if (there.st_uid, there.st_gid) != (os.fstat(file.fileno()).st_uid, os.fstat(file.fileno()).st_gid):
                    os.fchown(file.fileno(), there.st_uid, there.st_gid)
                os.fchmod(file.fileno(), there.st_mode & 0o777)
        Path(name).replace(real)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# The steps.


def _keys(path: Path, table: dict[str, object], profile: str) -> tuple[str, ...]:
    """The place of a profile's URL in the tables of its file."""
    inside = ("tool", "courriel") if path.name == "pyproject.toml" else ()
    if profile != DEFAULT:
        return (*inside, "profiles", profile, "url")
    own = _at(table, inside)
    return (*inside, "url") if isinstance(own, dict) and "url" in own else (*inside, DEFAULT, "url")


def _at(table: object, keys: tuple[str, ...]) -> object:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _changed(table: dict[str, object], keys: tuple[str, ...], url: str) -> dict[str, object]:
    """A copy of nested tables with another value at the end of these keys."""
    first, *rest = keys
    if not rest:
        if first not in table:
            raise errors.UsageError("this profile has no url")
        return table | {first: url}
    inner = table.get(first)
    if not isinstance(inner, dict):
        raise errors.UsageError("this profile has no url")
    return table | {first: _changed(dict(inner), tuple(rest), url)}
