"""The e-mail functions of the WLangage, in French and English: `from courriel.wlangage import *`.

    if EmailOuvreSessionSMTP("ada", secret, "smtp.example.org", 587, Faux, emailOptionSécuriséTLS) == Vrai:
        Email.Expéditeur, Email.Destinataire, Email.Sujet = "ada@example.org", "bob@example.org", "Bonjour"
        if EmailEnvoieMessage("ada") == Faux:
            Erreur()
        EmailFermeSession("ada")

Every name of the table in `names` is exported with accents, without them, and in English: the same object each time.
"""

from __future__ import annotations

from importlib import import_module

from courriel.wlangage.structures import names

for _name in names.exported():
    _thing = getattr(import_module(f"{__name__}.{_name.home}"), _name.french)
    globals().update(dict.fromkeys(_name.spellings, _thing))

# Made of the table, so that it cannot differ from the names.
__all__ = [*dict.fromkeys(spelling for each in names.exported() for spelling in each.spellings)]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]
