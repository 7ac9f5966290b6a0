"""Errors of the command line in both languages: click has English only."""

from __future__ import annotations

import re

import click

from courriel.cli.i18n import Bilingual, say, visible


def sentence(error: click.UsageError) -> str:
    """One sentence for a click.UsageError."""
    # The most exact class first: NoSuchOption and BadOptionUsage are UsageErrors, MissingParameter is a BadParameter.
    match error:
        case click.NoSuchOption():
            near = ", ".join(sorted(error.possibilities or ()))
            name = visible(error.option_name)
            return say(f"option inconnue : {name}", f"unknown option: {name}") + (
                say(f" (peut-être {near} ?)", f" (perhaps {near}?)") if near else ""
            )
        case click.MissingParameter():
            name = _name(error)
            return say(f"argument manquant : {name}", f"missing argument: {name}")
        case click.BadOptionUsage():
            name = visible(error.option_name)
            if "does not take" in error.message:
                return say(f"{name} ne prend pas de valeur", f"{name} takes no value")
            return say(f"{name} : une valeur est attendue", f"{name}: a value is expected")
        case click.BadParameter():
            return f"{_name(error)}{say(' : ', ': ')}{_expected(error)}"
        case _:
            if found := _EXTRA.match(error.message):
                more = visible(found[1])
                return say(f"en trop : {more}", f"too many arguments: {more}")
            return visible(error.message)


# The steps.

_EXTRA = re.compile(r"Got unexpected extra arguments? \((.*)\)", re.DOTALL)
_ARGUMENTS = {
    "address": Bilingual("ADRESSE", "ADDRESS"),
    "name": Bilingual("NOM", "NAME"),
    "action": Bilingual("ACTION", "ACTION"),
    "file": Bilingual("FICHIER", "FILE"),
    "lanes": Bilingual("VOIE", "LANE"),
    "mail": Bilingual("MESSAGE", "MAIL"),
    "mails": Bilingual("MESSAGE", "MAIL"),
    "numbers": Bilingual("NUMÉRO", "NUMBER"),
    "words": Bilingual("TEXTE", "TEXT"),
}
"""Names of the arguments, as in the help texts."""


def _name(error: click.BadParameter) -> str:
    if error.param is None:
        return str(error.param_hint or "")
    if isinstance(error.param, click.Option):
        return max(error.param.opts, key=len)
    name = error.param.human_readable_name
    return str(_ARGUMENTS.get(name.lower(), name))


def _expected(error: click.BadParameter) -> str:
    kind = error.param.type if error.param is not None else None
    if isinstance(kind, click.Choice):
        choices = ", ".join(map(str, kind.choices))
        return say(f"valeurs possibles : {choices}", f"possible values: {choices}")
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        return say("un nombre est attendu", "a number is expected") + _limits(kind)
    if isinstance(kind, click.DateTime):
        return say("une date est attendue, comme 2026-11-30", "a date is expected, as 2026-11-30")
    return visible(error.message)


def _limits(kind: object) -> str:
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    if low is None:
        return ""
    if getattr(kind, "min_open", False):
        more = say(f"supérieur à {low}", f"more than {low}")
        return f" ({more})" if high is None else f" ({more}, {say('au plus', 'at most')} {high})"
    if high is None:
        return say(f" (à partir de {low})", f" ({low} or more)")
    return say(f" (de {low} à {high})", f" (from {low} to {high})")
