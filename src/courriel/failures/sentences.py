"""French catalogue of errors, warnings and notes: each is written in English in the code, and looked up here by the
template that it was made from."""

from __future__ import annotations

from functools import cache

from .language import language

LONGEST = 2000
"""Longest sentence to translate, in characters; a longer one stays in English."""
_DEEPEST = 3  # sentences within sentences: "{}: {}" holds a second one

Template = tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]
"""Fixed words of the English sentence, those of the French one, and the order of the inserted parts."""


def spoken(sentence: str) -> str:
    """Translate a sentence of this library into the language of `language()`; unknown ones stay English."""
    return sentence if language() == "en" else french(sentence)


def french(sentence: str, depth: int = 0) -> str:
    """Translate a sentence of this library: by the matching template with most words, its inserted parts too."""
    if len(sentence) > LONGEST or depth > _DEEPEST:
        return sentence
    literal_sentences, templates = catalogue()
    if found := literal_sentences.get(sentence):
        return found
    for english, words, order in templates:
        parts = parts_between(sentence, english)
        if parts is not None:
            translated = [french(part, depth + 1) for part in parts]
            if not english[0] and parts[0].isalpha():
                translated[0] = parts[0]  # what the sentence is about, by its name: a file, a parameter, a lane
            return words[0] + "".join(translated[index] + word for index, word in zip(order, words[1:], strict=True))
    return sentence


@cache
def catalogue() -> tuple[dict[str, str], tuple[Template, ...]]:
    """Sentences without inserted parts, and templates, those with the most words first."""
    import pkgutil
    import tomllib

    data = pkgutil.get_data(__name__, "french.toml")
    if data is None:  # pragma: no cover - a loader without data files could not import the package
        raise FileNotFoundError("french.toml")
    pairs: dict[str, str] = tomllib.loads(data.decode())["sentences"]
    literal_sentences = {english: translated for english, translated in pairs.items() if "{}" not in english}
    templates = [_template(english, translated) for english, translated in pairs.items() if "{}" in english]
    return literal_sentences, tuple(sorted(templates, key=lambda each: -sum(map(len, each[0]))))


# The steps.


def _template(english: str, translated: str) -> Template:
    """Parse a pair of the catalogue; `{}` in the French is the next inserted part, `{0}` the first one."""
    words, order = [""], list[int]()
    rest = translated
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


def parts_between(sentence: str, words: tuple[str, ...]) -> list[str] | None:
    """Parts of the sentence between these words; None when it does not match. Linear: each word is searched once."""
    first, *middle, last = words
    if len(sentence) < sum(map(len, words)) or not (sentence.startswith(first) and sentence.endswith(last)):
        return None
    end = len(sentence) - len(last)
    index = len(first)
    parts: list[str] = []
    for word in middle:
        found = sentence.find(word, index, end)
        if found < 0:
            return None
        parts.append(sentence[index:found])
        index = found + len(word)
    return [*parts, sentence[index:end]]
