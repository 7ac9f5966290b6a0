"""
Write the table of WLangage names into the two pages that show it, out of `courriel.wlangage.structures.names`.

    python tools/write_wlangage_names.py            write
    python tools/write_wlangage_names.py --check    change nothing; status 1 when a page is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from courriel.wlangage.structures.names import TABLE, Name

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- names begin -->\n", "<!-- names end -->\n"

HEADS = {
    "fr": {
        "function": "Fonctions",
        "variable": "Variables prédéclarées",
        "type": "Types",
        "constant": "Constantes",
        "Email": "Propriétés et méthodes d'`Email`",
        "emailAttache": "Propriétés d'`emailAttache`",
        "emailSessionSMTP": "Propriétés et méthodes d'`emailSessionSMTP`",
        "emailSessionPOP3": "Propriétés et méthodes d'`emailSessionPOP3`",
        "emailSessionIMAP": "Propriétés et méthodes d'`emailSessionIMAP`",
        "OAuth2Paramètres": "Propriétés d'`OAuth2Paramètres`",
        "AuthToken": "Propriétés et méthode d'`AuthToken`",
        "absent": "Sans objet aujourd'hui : une erreur claire le dit",
    },
    "en": {
        "function": "Functions",
        "variable": "Predeclared variables",
        "type": "Types",
        "constant": "Constants",
        "Email": "Properties and methods of `Email`",
        "emailAttache": "Properties of `emailAttach`",
        "emailSessionSMTP": "Properties and methods of `emailSMTPSession`",
        "emailSessionPOP3": "Properties and methods of `emailPOP3Session`",
        "emailSessionIMAP": "Properties and methods of `emailIMAPSession`",
        "OAuth2Paramètres": "Properties of `OAuth2Parameters`",
        "AuthToken": "Properties and method of `AuthToken`",
        "absent": "Of no use today: a clear error says so",
    },
}


def main(arguments: list[str]) -> int:
    late = [page for page, text in pages() if not page.exists() or page.read_text("utf-8") != text]
    if "--check" not in arguments:
        for page, text in pages():
            page.write_text(text, "utf-8")
        return 0
    for page in late:
        print(f"{page.name} is out of date: python tools/write_wlangage_names.py", file=sys.stderr)
    return 1 if late else 0


def pages() -> Iterator[tuple[Path, str]]:
    """Each page, and what should stand in it."""
    for name, language in (("wlangage.md", "fr"), ("wlangage.en.md", "en")):
        page = DOCS / name
        before, _, rest = page.read_text("utf-8").partition(BEGIN)
        yield page, before + BEGIN + table(language) + END + rest.partition(END)[2]


def table(language: str) -> str:
    """The names in their groups, in one language."""
    return "\n".join(_group(head, group, language) for group, head in HEADS[language].items()) + "\n"


def _group(head: str, group: str, language: str) -> str:
    rows = [row for row in TABLE if group in (row.kind, row.home if not row.exported else "")]
    first, second = ("français", "anglais") if language == "fr" else ("French", "English")
    lines = [f"\n### {head}\n", f"| {first} | {second} |", "| --- | --- |"]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def _row(row: Name) -> str:
    brackets = "()" if row.kind in ("function", "absent", "method") else ""
    return f"| `{row.french}{brackets}` | `{row.english}{brackets}` |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
