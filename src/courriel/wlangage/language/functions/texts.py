"""Functions on texts."""

from __future__ import annotations

import re
import uuid

from courriel.wlangage.language.functions.table import constant, function
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.containers import Array
from courriel.wlangage.language.values.operations import LONGEST_TEXT, RC, alike, to_integer, to_number, to_text
from courriel.wlangage.problem import ErreurWLangage

constant(RC, "RC", "CR")
constant("\t", "TAB")
constant("\x04", "EOT")
constant(1, "sansCasse", "ccSansCasse", "IgnoreCase", "ccIgnoreCase", "ccSansAccent", "ccIgnoreAccent")
constant(-1, "depuisFin", "fromEnd")
constant(-1, "rangPremier", "firstRank")
constant(-2, "rangSuivant", "nextRank")
constant(0, "ccSansEspace", "sscTout", "sscAll")
constant(1, "sscGauche", "sscLeft")
constant(2, "sscDroite", "sscRight")
constant(4, "sscIntérieur", "sscInside")


@function("ChaîneConstruit", "StringBuild")
def build(pattern: object, *values: object) -> str:
    """Replace %1 to %9 (and beyond) in a text by the values; %% is a percent sign."""

    def value(found: re.Match[str]) -> str:
        if found[1] == "%":
            return "%"
        number = int(found[1])
        return to_text(values[number - 1]) if 1 <= number <= len(values) else found[0]

    return re.sub(r"%(%|\d{1,2})", value, to_text(pattern))


@function("Val")
def val(text: object) -> object:
    """The number at the beginning of a text; 0 when there is none."""
    return to_number(text)


@function("Gauche", "Left")
def left(text: object, size: object = 1) -> str:
    """The first characters."""
    return to_text(text)[: max(0, to_integer(size))]


@function("Droite", "Right")
def right(text: object, size: object = 1) -> str:
    """The last characters."""
    wanted = max(0, to_integer(size))
    return to_text(text)[-wanted:] if wanted else ""


@function("Milieu", "Middle")
def middle(text: object, start: object, size: object = None) -> str:
    """Characters from a place on, to the end or so many."""
    first = max(1, to_integer(start))
    rest = to_text(text)[first - 1 :]
    return rest if size is None else rest[: max(0, to_integer(size))]


@function("Majuscule", "Upper")
def upper(text: object) -> str:
    """The text in upper case."""
    return to_text(text).upper()


@function("Minuscule", "Lower")
def lower(text: object) -> str:
    """The text in lower case."""
    return to_text(text).lower()


@function("Taille", "Length")
def size(value: object) -> int:
    """Characters of a text, or octets of a buffer."""
    return len(value) if isinstance(value, bytes | list | dict) else len(to_text(value))


@function("Position")
def position(text: object, wanted: object, start: object = 1, options: object = 0) -> int:
    """The place of a text in another, from a place on; 0 when it is not there."""
    where, what = to_text(text), to_text(wanted)
    if to_integer(options) & 1:
        where, what = where.casefold(), what.casefold()
    first = to_integer(start)
    if first < 0:
        return where.rfind(what) + 1
    return where.find(what, max(0, first - 1)) + 1 if what else 0


@function("PositionOccurrence")
def position_of(text: object, wanted: object, rank: object) -> int:
    """Position of an occurrence by its rank; 0 when there are fewer."""
    where, what, at = to_text(text), to_text(wanted), 0
    if not what:
        return 0
    for _ in range(to_integer(rank)):
        at = where.find(what, at) + 1
        if not at:
            return 0
    return at


@function("Contient", "Contains")
def contains(text: object, wanted: object, options: object = 0) -> bool:
    """Whether a text contains another, or a list an element."""
    if isinstance(text, list):
        return any(alike(item, wanted) for item in text)
    if to_integer(options):
        return folded(to_text(wanted)) in folded(to_text(text))
    return to_text(wanted) in to_text(text)


@function("CommencePar", "StartsWith", "ChaîneCommencePar", "StringStartsWith")
def starts_with(text: object, wanted: object, options: object = 0) -> bool:
    """Whether a text begins with another."""
    if to_integer(options):
        return folded(to_text(text)).startswith(folded(to_text(wanted)))
    return to_text(text).startswith(to_text(wanted))


@function("FinitPar", "EndsWith", "ChaîneFinitPar", "StringEndsWith")
def ends_with(text: object, wanted: object, options: object = 0) -> bool:
    """Whether a text ends with another."""
    if to_integer(options):
        return folded(to_text(text)).endswith(folded(to_text(wanted)))
    return to_text(text).endswith(to_text(wanted))


@function("SansEspace", "NoSpace")
def without_spaces(text: object, options: object = 0) -> str:
    """The text without spaces at its ends (0), its left (1), its right (2), or inside (4)."""
    written, where = to_text(text), to_integer(options)
    if where & 4:
        written = written.replace(" ", "")
    if not where or where & 1:
        written = written.lstrip()
    if not where or where & 2:
        written = written.rstrip()
    return written


@function("SansAccent", "NoAccent", "ChaîneSansAccent")
def without_accents(text: object) -> str:
    """The text without its accents."""
    from courriel.wlangage.structures.names import unaccented

    return unaccented(to_text(text))


@function("ExtraitChaîne", "ExtractString")
def extract(text: object, rank: object, separator: object = "\t", direction: object = 1) -> str:
    """The so-manieth part of a text between separators, from its beginning or (-1) its end; EOT beyond the last."""
    parts = to_text(text).split(to_text(separator) or "\t")
    number = to_integer(rank)
    if to_integer(direction) < 0:
        parts.reverse()
    return parts[number - 1] if 1 <= number <= len(parts) else "\x04"


@function("ChaîneOccurrence", "StringCount")
def occurrences(text: object, wanted: object, options: object = 0) -> int:
    """How often a text occurs in another."""
    where, what = to_text(text), to_text(wanted)
    if to_integer(options):
        where, what = where.casefold(), what.casefold()
    return where.count(what) if what else 0


@function("Remplace", "Replace")
def replace(text: object, old: object, new: object = "", options: object = 0) -> str:
    """The text with each occurrence of another replaced."""
    where, what, by = to_text(text), to_text(old), to_text(new)
    if not what:
        return where
    if to_integer(options):
        return re.sub(re.escape(what), lambda _: by, where, flags=re.IGNORECASE)
    if where.count(what) * len(by) > LONGEST_TEXT:
        raise ErreurWLangage("ce texte est trop long", "this text is too long")
    return where.replace(what, by)


@function("Répète", "RepeatString", "Répéte")
def repeat(text: object, times: object) -> str:
    """The text so many times."""
    written, count = to_text(text), max(0, to_integer(times))
    if len(written) * count > LONGEST_TEXT:
        raise ErreurWLangage("ce texte est trop long", "this text is too long")
    return written * count


@function("Complète", "Complete")
def complete(text: object, size: object, character: object = " ") -> str:
    """The text filled on its right, or cut, to a size."""
    wanted = min(max(0, to_integer(size)), LONGEST_TEXT)
    return to_text(text)[:wanted].ljust(wanted, (to_text(character) or " ")[0])


@function("Caract", "Charact")
def character(code: object) -> str:
    """The character of a code, as Windows-1252 has it below 256."""
    number = to_integer(code)
    if not 0 <= number <= 0x10FFFF or 0xD800 <= number < 0xE000:
        raise ErreurWLangage(f"il n'y a pas de caractère {number}", f"there is no character {number}")
    return bytes([number]).decode("cp1252", "replace") if 127 < number < 160 else chr(number)


@function("Asc")
def code(text: object) -> int:
    """The code of the first character; 0 for an empty text."""
    first = to_text(text)[:1]
    if not first:
        return 0
    octet = first.encode("cp1252", "ignore")
    return octet[0] if octet else ord(first)


@function("ChaîneVersTableau", "StringToArray")
def split(text: object, target: object = None, separator: object = RC) -> Array:
    """The parts of a text between separators, as a list of texts."""
    if isinstance(target, str):
        target, separator = None, target
    written = to_text(text)
    parts = [written] if not to_text(separator) else written.split(to_text(separator))
    made = Array(to_text, str, parts if written else [])
    if isinstance(target, Array):
        target.refill(made)
    return made


@function("TableauVersChaîne", "ArrayToString")
def join(items: object, separator: object = RC) -> str:
    """The elements of a list as one text."""
    return to_text(separator).join(map(to_text, items if isinstance(items, list) else [items]))


@function("ChaîneVersUTF8", "StringToUTF8", "AnsiVersUTF8", "AnsiToUTF8", "UTF8VersChaîne", "UTF8ToString",
          "UTF8VersAnsi", "UTF8ToAnsi", "AnsiVersUnicode", "AnsiToUnicode",
          "UnicodeVersAnsi", "UnicodeToAnsi")  # fmt: skip
def same_text(text: object, *_: object) -> str:
    """The text itself: texts have no encoding here, and mails have theirs written for them."""
    return to_text(text)


@function("DonneGUID", "GetGUID")
def guid(*_: object) -> str:
    """A new unique identifier, 32 hexadecimal digits."""
    return uuid.uuid4().hex.upper()


@function("VérifieExpressionRégulière", "MatchRegularExpression")
def matches(text: object, pattern: object, *_: object) -> bool:
    """Raise ErreurWLangage: regular expressions of a program could keep it busy for ever."""
    raise ErreurWLangage(
        "VérifieExpressionRégulière n'existe pas ici ; pour une adresse : EmailVérifieAdresse",
        "MatchRegularExpression is not there; for an address: EmailCheckAddress",
    )
