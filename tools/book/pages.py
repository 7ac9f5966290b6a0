"""Written pages of the site: where each one lies, and its links as they are in the site."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path, PurePosixPath

from plan import LANGUAGES, OTHER_FILES, PARTS, Language

_LINK = re.compile(r"(?P<head>!?\[[^\]]*\]\()(?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?(?P<tail>\))")
_FENCE = re.compile(r"^( *)(```+|~~~+)", re.MULTILINE)
_IMAGES = (".png", ".svg", ".jpg")
ENGLISH_ONLY = {
    "fr": "*Cette page n'existe qu'en anglais.*",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a language: the file it is written in, and its place in the site."""

    source: Path
    place: PurePosixPath
    language: Language
    translated: bool = True


def written_in(docs: Path, name: str, language: Language) -> Path | None:
    """The file of a page in this language; None when it is not written in it."""
    if language == "fr":
        names = [f"{name}.fr.md"]
        if (docs / f"{name}.en.md").exists():
            names.append(f"{name}.md")  # a page of the WLangage, whose first language is French
    else:
        names = [f"{name}.en.md", f"{name}.md"]
    return next((docs / each for each in names if (docs / each).exists()), None)


def pages(root: Path, language: Language) -> Iterator[Page]:
    """Every written page in this language; what is not translated is shown in English."""
    yield _page(root / "docs", "index", PurePosixPath("index"), language)
    for part in PARTS:
        for name in part.pages:
            yield _page(root / "docs", name, PurePosixPath(part.folder, name), language)
    for name, file in OTHER_FILES.items():
        yield _beside(root / file, PurePosixPath("explanation", name), language)
    for name, path in examples(root).items():
        yield _beside(path, PurePosixPath("how-to", name), language)
    for path in sorted((root / "docs/decisions").glob("*.md")):
        name = "index" if path.stem == "README" else path.stem
        yield Page(path, PurePosixPath("explanation/decisions", name), language, language == "en")


def stage(root: Path, out: Path, staged: list[Page], everywhere: dict[Path, Page]) -> set[Path]:
    """Write the pages of one language into `out`, and return the files that they link to, below `root`."""
    linked: set[Path] = set()
    here = {page.source: page for page in staged}
    for page in staged:
        target = out / f"{page.place}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        text = page.source.read_text("utf-8")
        if not page.translated:
            first, _, rest = text.partition("\n")
            text = f"{first}\n\n{ENGLISH_ONLY[page.language]}\n{rest}"
        target.write_text(_with_links(text, page, root, here, everywhere, linked), "utf-8")
    for file in linked:
        copy = out / "_files" / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return linked


def examples(root: Path) -> dict[str, Path]:
    """The page of each example, by its name in the site."""
    return {f"example-{path.parent.name}": path for path in sorted((root / "examples").glob("*/README.md"))}


# The steps.


def _beside(path: Path, place: PurePosixPath, language: Language) -> Page:
    """A page whose French twin, where there is one, lies beside it."""
    french = path.with_name(f"{path.stem}.fr.md")
    source = french if language == "fr" and french.exists() else path
    return Page(source, place, language, language == "en" or source == french)


def _page(docs: Path, name: str, place: PurePosixPath, language: Language) -> Page:
    source = written_in(docs, name, language)
    if source is not None:
        return Page(source, place, language)
    english = written_in(docs, name, "en")
    if english is None:
        raise FileNotFoundError(f"{docs}/{name}.md: the plan of the site names it")
    return Page(english, place, language, translated=False)


def _with_links(
    text: str, page: Page, root: Path, here: dict[Path, Page], everywhere: dict[Path, Page], linked: set[Path]
) -> str:
    """The text with each link to a file of the project turned into one to its page, or to a copy of it."""

    def rewritten(match: re.Match[str]) -> str:
        target, anchor = match["target"], match["anchor"] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        file = (page.source.parent / target).resolve()
        other = _in_the_other_language(file, page, here, everywhere)
        if other is not None:
            # A link between two sites: Sphinx, which makes one at a time, would look for it in its own.
            return f'<a href="{other}{anchor}">{match["head"].strip("![(]")}</a>'
        return f"{match['head']}{_address(file, page, root, here, linked)}{anchor}{match['tail']}"

    pieces = []
    for code, piece in by_fences(text):
        pieces.append(piece if code else _LINK.sub(rewritten, piece))
    return "".join(pieces)


def _in_the_other_language(file: Path, page: Page, here: dict[Path, Page], everywhere: dict[Path, Page]) -> str | None:
    """Address of a page that this language has not; None for all else."""
    other = everywhere.get(_readme(file))
    if other is None or _readme(file) in here:
        return None
    return relpath(f"/{other.language}/{other.place}.html", f"/{page.language}/{page.place.parent}")


def _readme(file: Path) -> Path:
    """The file that a link to a folder shows; for the README of the project the start page, which is its like."""
    if not file.is_dir():
        start = file.parent / "docs" / file.name.replace("README", "index")
        return start if file.name in ("README.md", "README.fr.md") and start.exists() else file
    return file / "README.md" if (file / "README.md").exists() else file / "__init__.py"


def _address(file: Path, page: Page, root: Path, here: dict[Path, Page], linked: set[Path]) -> str:
    file = _readme(file)
    found = here.get(file)
    if found is not None:
        return relpath(f"{found.place}.md", page.place.parent)
    if not file.is_file() or not file.is_relative_to(root):
        raise FileNotFoundError(f"{page.source}: a link to {file}, which is not there")
    linked.add(file)
    return relpath(f"_files/{file.relative_to(root)}", page.place.parent)


def by_fences(text: str) -> Iterator[tuple[bool, str]]:
    """The text in pieces, code in fences apart from all else."""
    position = 0
    inside = ""
    for match in _FENCE.finditer(text):
        if inside:
            if match[2].startswith(inside):
                yield True, text[position : match.end()]
                position, inside = match.end(), ""
        else:
            yield False, text[position : match.start()]
            position, inside = match.start(), match[2]
    yield bool(inside), text[position:]


def all_pages(root: Path) -> dict[Path, Page]:
    """Every page of both languages by its file."""
    return {page.source: page for language in LANGUAGES for page in pages(root, language) if page.translated}
