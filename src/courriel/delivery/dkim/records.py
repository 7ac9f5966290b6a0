"""The record of a key in the forms that hosting companies want: a zone file, and the fields of a web form."""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel.wire.dkim.key_record import name_of, record_text, strings_of
from courriel.wire.dkim.keys import SigningKey

TIME_TO_LIVE = 3600  # seconds: a wrong record is not remembered for longer


@dataclass(frozen=True, slots=True)
class RecordForms:
    """A record: its whole `name`, its `host` below the domain, its `value`, and the lines for a zone file.

    `strings` is the value in pieces of 255 octets at most, for forms that take no longer text.
    """

    name: str
    host: str
    value: str
    strings: list[str]
    zone: str


def forms_of(domain: str, selector: str, key: SigningKey) -> RecordForms:
    """The forms of the record of a key."""
    name, value = name_of(selector, domain), record_text(key.kind, key.public)
    strings = strings_of(value)
    begin = f"{name}. {TIME_TO_LIVE} IN TXT"
    quoted = [f'"{each}"' for each in strings]
    zone = (
        f"{begin} {quoted[0]}"
        if len(quoted) == 1
        else "\n".join([f"{begin} (", *(f"    {each}" for each in quoted), "    )"])
    )
    return RecordForms(name, name.removesuffix(f".{domain}"), value, strings, zone)
