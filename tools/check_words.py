"""
Check the words of the package: one name for one type, and docstrings that name what they are about.

    check_words.py [--all] [FOLDER OF THE PACKAGE [FILE OF SETTINGS]]

1. No name is defined as two public types (classes without an underscore). Exceptions stand in check_words.toml, each
   with its reason; one that is no longer needed has to go.
2. The first sentence of a docstring names something of the field: on its first line it contains a noun of
   docs/glossary.md or of words.txt, the name of a class, or a protocol word in capitals. It does not begin with a
   subject that has to be guessed (who, whoever, what, it, there, nobody). Those that fail are counted, and there must
   not be more of them than check_words.toml says; `--all` shows each, also when there are not too many.

What comes after "Raises" does not count, nor do numbers of RFCs, nor references to other docstrings ("see Outbox.get").
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "src" / "courriel"
GLOSSARY = HERE.parent / "docs" / "glossary.md"
VOCABULARY = HERE / "words.txt"
SETTINGS = HERE / "check_words.toml"

RIDDLES = frozenset([
    "anybody", "everybody", "everyone", "he", "him", "himself", "it", "nobody", "she", "somebody", "someone", "them",
    "there", "they", "those", "what", "whatever", "which", "whichever", "who", "whoever", "whom", "whomever", "whose",
])  # fmt: skip
"""Words that cannot be the subject of a first line: it would say who or what only to those who know already."""

MEASURES = frozenset(["far", "few", "large", "late", "long", "many", "much", "near", "often", "old", "soon", "well"])
"""After "how" these ask for a figure, which is clear; "how it goes" is not."""

_TERM = re.compile(r"^\| ([^|]+?) \|", re.MULTILINE)
_ASIDE = re.compile(r"\bRFC \d+|\bhazards? H.*|\bRaises\b.*|[;,(] see\b.*")
_END = re.compile(r"(?<=[\w)\"'`])[.!?](?= )")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_CLASS = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9]+(?:[-_=][A-Z0-9]+)*")


def main(arguments: list[str]) -> int:
    show_all = "--all" in arguments
    paths = [Path(argument) for argument in arguments if argument != "--all"]
    package, settings_file, *_ = [*paths, *(PACKAGE, SETTINGS)[len(paths) :]]
    settings = tomllib.loads(settings_file.read_text(encoding="utf-8"))
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}
    problems = list(defined_twice(trees, settings["twice"]))
    unclear = list(unclear_docstrings(trees, vocabulary()))
    if show_all or len(unclear) > settings["most_unclear"]:
        print(*unclear, sep="\n")
    if len(unclear) > settings["most_unclear"]:
        problems.append(f"{len(unclear)} docstrings begin unclearly; {settings['most_unclear']} are the most")
    elif len(unclear) < settings["most_unclear"]:
        print(f"most_unclear in {SETTINGS.name} can be lowered to {len(unclear)}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def defined_twice(trees: dict[Path, ast.Module], excused: dict[str, str]) -> Iterator[str]:
    """Report names of public classes that are defined more than once, and exceptions that are none."""
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path, tree in trees.items():
        for node in classes(tree):
            if not node.name.startswith("_"):
                homes[node.name].append(f"{path}:{node.lineno}")
    twice = {name: places for name, places in homes.items() if len(places) > 1}
    for name, places in twice.items():
        if name not in excused:
            yield f"{name} is defined as {len(places)} public types: {', '.join(places)}"
    for name in excused.keys() - twice.keys():
        yield f"{name} is defined only once now: take it out of {SETTINGS.name}"


def classes(node: ast.AST) -> Iterator[ast.ClassDef]:
    """Find the classes of a module or a class, conditional ones too, but none that a function makes for itself."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.ClassDef):
            yield part
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.expr):
            yield from classes(part)


def unclear_docstrings(trees: dict[Path, ast.Module], nouns: frozenset[str]) -> Iterator[str]:
    """Report each docstring whose first line is unclear, as `path:line: first line`."""
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                first = text.strip().partition("\n")[0] if text else ""
                if first and not is_clear(first, nouns):
                    yield f"{path}:{node.body[0].lineno}: {first}"


def is_clear(first: str, nouns: frozenset[str]) -> bool:
    """Does this first line of a docstring name what it is about?"""
    sentence = _END.split(first, maxsplit=1)[0]
    words = _WORD.findall(_ASIDE.sub(" ", sentence))
    pairs = [f"{first}-{second}" for first, second in pairwise(words)]
    return not is_riddle(words) and any(is_noun(word, nouns) for word in [*words, *pairs])


def is_riddle(words: list[str]) -> bool:
    match [word.lower() for word in words[:2]]:
        case [first, *_] if first in RIDDLES:
            return True
        case [_, "who" | "whom" | "whoever"]:
            return True
        case ["how", second]:
            return second not in MEASURES
        case _:
            return False


def is_noun(word: str, nouns: frozenset[str]) -> bool:
    if _CLASS.fullmatch(word) or _CAPITALS.fullmatch(word):
        return True
    return any(form in nouns for form in singulars(word.lower()))


def singulars(word: str) -> Iterator[str]:
    """The word as it is, and without the endings that a plural may have."""
    yield word
    if word.endswith("s"):
        yield word[:-1]
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("es"):
        yield word[:-2]


def vocabulary() -> frozenset[str]:
    """Collect the nouns: terms of the glossary and the list beside this tool, with hyphens where they have spaces."""
    terms = _TERM.findall(GLOSSARY.read_text(encoding="utf-8"))
    return frozenset([*(term.lower().replace(" ", "-") for term in terms), *listed(VOCABULARY)])


def listed(path: Path) -> Iterable[str]:
    """Read a list of words; lines that begin with # are for people."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
