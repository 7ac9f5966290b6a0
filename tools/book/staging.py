"""Sources of one language of the site: written pages, generated pages, and the lists that join them."""

from __future__ import annotations

import re
from pathlib import Path

from data_pages import data_pages
from pages import all_pages, by_fences, examples, pages, stage
from plan import GENERATED, NAVIGATION, OTHER_FILES, PARTS, Language, Part
from python_names import Generated, python_pages

_CODE = re.compile(r"(`[^`]*`)")
_BEFORE = re.compile(r" (?=[;:!?»](?:\s|[).,]|$))")


def stage_language(root: Path, out: Path, language: Language) -> None:
    """Write every source of this language into the folder `out`."""
    out.mkdir(parents=True)
    stage(root, out, list(pages(root, language)), all_pages(root))
    reference = out / "reference"
    for page in (*python_pages(language), *data_pages(root, language)):
        target = reference / f"{page.name}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        # Only the lists are in the navigation: with a thousand entries each page would have them all.
        text = "---\norphan: true\n---\n\n" + _with_path(page, language) if "/" in page.name else page.text
        target.write_text(text, "utf-8")
    for part in PARTS:
        (out / part.folder / "index.md").write_text(_part(part, root, language), "utf-8")
    for path in (out / "explanation/decisions").glob("0*.md"):
        path.write_text("---\norphan: true\n---\n\n" + path.read_text("utf-8"), "utf-8")
    if language == "fr":
        for path in out.rglob("*.md"):
            if "_files" not in path.parts:
                path.write_text(french_spaces(path.read_text("utf-8")), "utf-8")
    with (out / "index.md").open("a", encoding="utf-8") as start:
        start.write("\n" + _toctree([f"{part.folder}/index" for part in PARTS], hidden=True))


def french_spaces(text: str) -> str:
    """The text with spaces that do not break before `; : ! ? »` and after `«`, outside of code and of headings."""
    return "".join(piece if code else _with_french_spaces(piece) for code, piece in by_fences(text))


# The steps.


def _with_french_spaces(prose: str) -> str:
    return "\n".join(
        line if line.startswith("#") else _line_with_french_spaces(line)  # a heading gives the address of its anchor
        for line in prose.split("\n")
    )


def _line_with_french_spaces(line: str) -> str:
    words = _CODE.split(line)
    words[::2] = (_BEFORE.sub("\u00a0", each).replace("« ", "«\u00a0") for each in words[::2])
    return "".join(words)


def _with_path(page: Generated, language: Language) -> str:
    """The page with its place below its title, since the navigation has only the list that leads to it."""
    title, _, rest = page.text.partition("\n")
    folder = page.name.partition("/")[0]
    reference = next(part for part in PARTS if part.folder == "reference").title[language]
    return f"{title}\n\n[{reference}](../index.md) › [{GENERATED[language][folder]}](../{folder}.md)\n{rest}"


def _part(part: Part, root: Path, language: Language) -> str:
    names = list(part.pages)
    if part.folder == "how-to":
        names += examples(root)
    if part.folder == "reference":
        names += GENERATED[language]
    if part.folder == "explanation":
        names += [*OTHER_FILES, "decisions/index"]
    titles = NAVIGATION[language]
    entries = [f"{titles[name]} <{name}>" if name in titles else name for name in names]
    return f"# {part.title[language]}\n\n{part.purpose[language]}\n\n{_toctree(entries)}"


def _toctree(names: list[str], *, hidden: bool = False) -> str:
    options = ":hidden:" if hidden else ":maxdepth: 1"
    return "\n".join(["```{toctree}", options, "", *names, "```", ""])
