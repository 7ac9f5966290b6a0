"""Whether the name service has the record of a DKIM key: a key that was just made, or one that signs already."""

from __future__ import annotations

from courriel.doctor.domain.name_service import Lookup
from courriel.failures import Text
from courriel.wire.dkim.key_record import KeyRecord, key_records_in, name_of
from courriel.wire.dkim.keys import SigningKey
from courriel.wire.dkim.tag_list import BrokenTagList


def missing_record(domain: str, selector: str, key: SigningKey, ask: Lookup) -> Text:
    """The reason why verifiers do not find this key; empty when the name service has it."""
    name = name_of(selector, domain)
    answer = ask(name, "TXT")
    if not answer.certain:
        return Text(f"{name} : pas de réponse ({answer.why})", f"{name}: no answer ({answer.why})")
    ours = key_records_in(answer.values)
    if not ours:
        doubled = f"{name}.{domain}"
        # Web forms add the domain by themselves, and whoever types all of the name gets it twice.
        if ask(doubled, "TXT").values:
            return Text(
                f"{name} : pas encore d'enregistrement, mais il y en a un à {doubled} : le formulaire ajoute le"
                f" domaine lui-même, saisissez {selector}._domainkey",
                f"{name}: no record yet, but there is one at {doubled}: the form adds the domain by itself, type"
                f" {selector}._domainkey",
            )
        return Text(f"{name} : pas encore d'enregistrement", f"{name}: no record yet")
    if len(ours) > 1:
        return Text(f"{name} : {len(ours)} clés, au lieu d'une", f"{name}: {len(ours)} keys, in place of one")
    try:
        found = KeyRecord.parse(ours[0])
    except BrokenTagList as broken:
        return Text(f"{name} : {broken.reason.fr}", f"{name}: {broken.reason.en}")
    if found.kind != key.kind or found.key != key.public:
        return Text(f"{name} : une autre clé y est publiée", f"{name}: another key is published there")
    return Text("", "")
