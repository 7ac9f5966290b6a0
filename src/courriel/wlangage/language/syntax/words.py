"""Keywords of the WLangage, French and English, and the folding of names."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """Return the form under which a name is known: case and accents do not count, as in the WLangage."""
    decomposed = unicodedata.normalize("NFD", name)
    return "".join(each for each in decomposed if not unicodedata.combining(each)).casefold()


_TABLE: dict[str, tuple[str, ...]] = {
    # Words that begin a statement.
    "IF": ("SI", "IF"),
    "END": ("FIN", "END"),
    "PROCEDURE": ("PROCÉDURE", "PROCEDURE", "FONCTION", "FUNCTION"),
    "INTERNAL": ("INTERNE", "INTERNAL"),
    "RETURN": ("RETOUR", "RETURN", "RENVOYER", "RESULT"),
    "FOR": ("POUR", "FOR"),
    "LOOP": ("BOUCLE", "LOOP"),
    "WHILE": ("TANTQUE", "WHILE"),
    "BREAK": ("SORTIR", "BREAK"),
    "CONTINUE": ("CONTINUER", "CONTINUE"),
    "SWITCH": ("SELON", "SWITCH"),
    "CASE": ("CAS", "CASE"),
    "OTHER": ("AUTRE", "OTHER"),
    "WHEN": ("QUAND", "WHEN"),
    "DO": ("FAIRE", "DO"),
    "LET": ("SOIT", "LET"),
    "CONSTANT": ("CONSTANTE", "CONSTANT"),
    "STRUCTURE": ("STRUCTURE",),
    "SCOPE": ("LOCAL", "GLOBAL"),
    "EXTERN": ("EXTERN", "EXTERNE"),
    # Words within a statement.
    "THEN": ("ALORS", "THEN"),
    "ELSE": ("SINON", "ELSE"),
    "IS": ("EST", "SONT", "IS", "ARE"),
    "ALL": ("TOUT", "TOUS", "TOUTE", "TOUTES", "EACH", "ALL"),
    "TO": ("À", "_À_", "A", "TO", "_TO_"),
    "STEP": ("STEP",),
    "NOT": ("PAS", "NOT", "_PAS_", "_NOT_"),
    "OF": ("DE", "OF"),
    "SEPARATED": ("SÉPARÉE", "SÉPARÉ", "SEPARATED"),
    "BY": ("PAR", "BY"),
    "AND": ("ET", "AND", "_ET_", "_AND_"),
    "OR": ("OU", "OR", "_OU_", "_OR_"),
    "MODULO": ("MODULO", "MOD"),
    "IN": ("DANS", "IN"),
    "EXCEPTION": ("EXCEPTION",),
    "ON": ("SUR", "ON"),
}

KEYWORDS: dict[str, str] = {folded(word): kind for kind, words in _TABLE.items() for word in words}
"""Kind of token by folded word."""

STARTERS = frozenset((
    "IF", "END", "PROCEDURE", "INTERNAL", "RETURN", "FOR", "LOOP", "WHILE", "BREAK", "CONTINUE", "SWITCH", "CASE",
    "OTHER", "WHEN", "DO", "LET", "CONSTANT", "STRUCTURE", "SCOPE", "EXTERN",
))  # fmt: skip
"""Kinds that are keywords at the beginning of a statement only; elsewhere the word is a name."""

ARTICLES = frozenset(map(folded, ("un", "une", "des", "a", "an", "the")))
"""Words between `est` and the type, without a meaning of their own."""


def spelled(kind: str) -> str:
    """Return how a kind of keyword is written, French and English, for messages: "ALORS (THEN)"."""
    words = _TABLE[kind]
    return f"{words[0]} ({kind})" if kind in words and kind != words[0] else words[0]
