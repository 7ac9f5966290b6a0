"""Sources of one language of the site: written pages, generated pages, and the lists that join them."""

from __future__ import annotations

from pathlib import Path

from data_pages import data_pages
from pages import all_pages, examples, pages, stage
from plan import GENERATED, OTHER_FILES, PARTS, Language, Part
from python_names import python_pages


def stage_language(root: Path, out: Path, language: Language) -> None:
    """Write every source of this language into the folder `out`."""
    out.mkdir(parents=True)
    stage(root, out, list(pages(root, language)), all_pages(root))
    reference = out / "reference"
    for page in (*python_pages(language), *data_pages(root, language)):
        target = reference / f"{page.name}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        # Only the lists are in the navigation: with a thousand entries each page would have them all.
        alone = "---\norphan: true\n---\n\n" if "/" in page.name else ""
        target.write_text(alone + page.text, "utf-8")
    for part in PARTS:
        (out / part.folder / "index.md").write_text(_part(part, root, language), "utf-8")
    for path in (out / "explanation/decisions").glob("0*.md"):
        path.write_text("---\norphan: true\n---\n\n" + path.read_text("utf-8"), "utf-8")
    with (out / "index.md").open("a", encoding="utf-8") as start:
        start.write("\n" + _toctree([f"{part.folder}/index" for part in PARTS], hidden=True))


# The steps.


def _part(part: Part, root: Path, language: Language) -> str:
    names = list(part.pages)
    if part.folder == "how-to":
        names += examples(root)
    if part.folder == "reference":
        names += GENERATED[language]
    if part.folder == "explanation":
        names += [*OTHER_FILES, "decisions/index"]
    return f"# {part.title[language]}\n\n{part.purpose[language]}\n\n{_toctree(names)}"


def _toctree(names: list[str], *, hidden: bool = False) -> str:
    options = ":hidden:" if hidden else ":maxdepth: 1"
    return "\n".join(["```{toctree}", options, "", *names, "```", ""])
