"""Sentences of errors, warnings and notes in French: each is written in English where it is made, and found here by the
template that it was made from."""

from __future__ import annotations

from functools import cache

from .language import language

LONGEST = 2000
"""Characters of a sentence; a longer one is left as it is."""
_DEEPEST = 3  # sentences within sentences: "{}: {}" holds a second one

Template = tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]
"""The words of the English sentence around what is filled in, those of the French one, and which part goes where."""


def spoken(sentence: str) -> str:
    """Say a sentence of ours in the language of `language()`; one that is not in the catalogue stays as it is."""
    return sentence if language() == "en" else french(sentence)


def french(sentence: str, depth: int = 0) -> str:
    """Give the French of a sentence of ours: of the templates that fit, the one with the most words; its parts too."""
    if len(sentence) > LONGEST or depth > _DEEPEST:
        return sentence
    whole, templates = catalogue()
    if found := whole.get(sentence):
        return found
    for english, words, order in templates:
        parts = _parts(sentence, english)
        if parts is not None:
            said = [french(part, depth + 1) for part in parts]
            return words[0] + "".join(said[place] + word for place, word in zip(order, words[1:], strict=True))
    return sentence


@cache
def catalogue() -> tuple[dict[str, str], tuple[Template, ...]]:
    """The sentences without parts, and the templates, those with the most words first."""
    import pkgutil
    import tomllib

    data = pkgutil.get_data(__name__, "french.toml")
    if data is None:  # pragma: no cover - a loader that keeps no files is none we can be imported by
        raise FileNotFoundError("french.toml")
    pairs: dict[str, str] = tomllib.loads(data.decode())["sentences"]
    whole = {english: said for english, said in pairs.items() if "{}" not in english}
    templates = [_template(english, said) for english, said in pairs.items() if "{}" in english]
    return whole, tuple(sorted(templates, key=lambda each: -sum(map(len, each[0]))))


# The steps.


def _template(english: str, said: str) -> Template:
    """A pair of the catalogue; `{}` in French is the next part, `{0}` the first one."""
    words, order = [""], list[int]()
    rest = said
    while "{" in rest:
        before, _, after = rest.partition("{")
        number, closed, rest = after.partition("}")
        words[-1] += before
        if closed and (not number or number.isdigit()):
            order.append(int(number) if number else len(order))
            words.append("")
        else:
            words[-1] += "{" + number + closed
    words[-1] += rest
    return tuple(english.split("{}")), tuple(words), tuple(order)


def _parts(sentence: str, words: tuple[str, ...]) -> list[str] | None:
    """What stands between these words; None when the sentence is not made of them. Linear: each is looked for once."""
    first, *middle, last = words
    if len(sentence) < sum(map(len, words)) or not (sentence.startswith(first) and sentence.endswith(last)):
        return None
    end = len(sentence) - len(last)
    place = len(first)
    parts: list[str] = []
    for word in middle:
        found = sentence.find(word, place, end)
        if found < 0:
            return None
        parts.append(sentence[place:found])
        place = found + len(word)
    return [*parts, sentence[place:end]]
