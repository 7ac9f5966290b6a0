"""Tables [dkim.NAME] of a settings file: the domain that signs, its selectors, and where their keys lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from courriel import errors
from courriel._dataclass import dataclass
from courriel.delivery.percent import nearest, refusal
from courriel.delivery.secrets import SecretReference
from courriel.delivery.settings.files import wrong
from courriel.delivery.urls.route_checks import is_dkim_name

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from courriel.delivery.dkim.signer import Signer

When: TypeAlias = "Literal['put', 'leave']"
"""When a mail of an outbox is signed: when it is put, or when it leaves."""

_KEYS = ("domain", "selector", "key", "when")


@dataclass(frozen=True, slots=True)
class DkimTable:
    """One table: `domain` signs by `keys`, each under the selector in its place.

    `project` is the folder to which its file is limited; None where the file may name keys.
    """

    name: str
    domain: str
    selectors: tuple[str, ...]
    keys: tuple[SecretReference, ...]
    when: When
    source: str
    project: Path | None

    def signer(self) -> Signer:
        """The signer, with its keys read now. Raises UsageError, naming the file; MissingExtra."""
        from courriel.delivery.dkim.signer import Signer

        if self.project is not None:
            raise refusal(
                f"{self.source}, dkim.{self.name}: a DKIM key is not taken from a project's file, because whoever wrote"
                " the project would choose it; put the table into your own courriel.toml, or approve the file (courriel"
                " config trust)",
                hint_id="PROJECT-FILE-LIMITED",
            )
        try:
            return Signer(self.domain, self.selectors, self.keys)
        except errors.MissingExtra:
            raise
        except errors.UsageError as mistake:
            raise refusal(f"{self.source}, dkim.{self.name}: {mistake}", mistake.hint_id) from mistake


def dkim_tables(path: Path, tables: Mapping[str, object], project: Path | None) -> dict[str, DkimTable]:
    """The tables of one file. Raises UsageError."""
    found: dict[str, DkimTable] = {}
    for name, entry in tables.items():
        where = f"dkim.{name}"
        if not is_dkim_name(name):
            raise wrong(path, f"{where}: a name is made of letters, digits, - _ and dots")
        if not isinstance(entry, dict):
            raise wrong(path, f"{where} is a table: [{where}]")
        found[name] = _read(path, name, where, entry, project)
    return found


# The steps.


def _read(path: Path, name: str, where: str, entry: Mapping[str, object], project: Path | None) -> DkimTable:
    for key in entry:
        if key not in _KEYS:
            raise wrong(path, f"{where}: {key!r} is not a setting{nearest(key, list(_KEYS))}: {', '.join(_KEYS)}")
    domain = _texts(path, where, entry, "domain")
    selectors, keys = _texts(path, where, entry, "selector"), _texts(path, where, entry, "key")
    if len(domain) != 1:
        raise wrong(path, f"{where}: domain is one domain, in quotes")
    if len(selectors) != len(keys):
        raise wrong(path, f"{where}: {len(selectors)} selectors and {len(keys)} keys: each selector has one key")
    when = entry.get("when", "put")
    if when not in ("put", "leave"):
        raise wrong(path, f'{where}: when is "put" or "leave"')
    from courriel.delivery.dkim.references import key_reference

    try:
        references = tuple(map(key_reference, keys))
    except errors.InvalidUrl as mistake:
        raise wrong(path, f"{where}: {mistake}") from None
    return DkimTable(name, domain[0], selectors, references, when, str(path), project)


def _texts(path: Path, where: str, entry: Mapping[str, object], key: str) -> tuple[str, ...]:
    """A setting that is a text, or a list of texts."""
    given = entry.get(key)
    several = given if isinstance(given, list) else [given]
    if not several or not all(isinstance(each, str) and each for each in several):
        raise wrong(path, f"{where}: {key} is a text in quotes, or a list of them, and not empty")
    return tuple(several)
