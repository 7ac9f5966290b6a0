"""Man pages of the command line, from the same help as `--help`, in English."""

from __future__ import annotations

from pathlib import Path

from data_pages import commands, help_of

from courriel import __version__
from courriel.cli.program import program
from courriel.failures import speak


def write_man_pages(folder: Path) -> None:
    """Write a page for each command: courriel.1, courriel-send.1, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    speak("en")
    for words, command in commands(program, ("courriel",)):
        name = "-".join(words)
        (folder / f"{name}.1").write_text(_page(name, help_of(words, command)), "utf-8")
    speak(None)


# The steps.


def _page(name: str, text: str) -> str:
    """One page in the macros of man(7)."""
    first = next((line.strip() for line in text.splitlines()[1:] if line.strip()), "mail sessions").rstrip(".")
    lines = [f'.TH "{name.upper()}" 1 "" "courriel {__version__}"', ".SH NAME", f"{_roff(name)} \\- {_roff(first)}"]
    for line in text.splitlines():
        if line.startswith("Usage: "):
            lines += [".SH SYNOPSIS", _roff(line.removeprefix("Usage: "))]
        elif line.endswith(":") and not line.startswith(" "):
            lines += [f".SH {_roff(line[:-1].upper())}", ".nf"]
        elif not line.strip():
            lines.append(".PP" if lines[-1] != ".PP" else "")
        else:
            lines.append(_roff(line))
    return "\n".join(line for line in lines if line) + "\n"


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped
