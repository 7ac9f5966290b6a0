"""Access of a running program: its output, its questions, and the files below its folder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from io import TextIOWrapper
from pathlib import Path
from typing import Protocol

from courriel.wlangage.problem import ErreurWLangage, shown

LARGEST_FILE = 50_000_000
"""Octets of a file that is read as text."""


class Reference(Protocol):
    """A variable handed to a function that fills it."""

    def get(self) -> object:
        """The value."""
        ...

    def set(self, value: object) -> None:
        """Set the value, converted to the variable's type."""
        ...


class Desk:
    """Output, questions and files of one program.

    Paths count from the program's folder, and must lie in it or in a folder that was allowed, links resolved. Answers
    are taken from the list, then asked for on the terminal.
    """

    def __init__(
        self,
        folder: Path,
        *,
        allowed: Iterable[Path] = (),
        answers: Iterable[str] = (),
        say: Callable[[str], object] | None = None,
        ask: Callable[[str], str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self._allowed = [self.folder, *(path.resolve() for path in allowed)]
        self._answers = list(answers)[::-1]
        self._say = say or _print
        self._ask = ask or _asked
        self._files: dict[int, TextIOWrapper] = {}
        self._temporary: str | None = None

    def say(self, *texts: str) -> None:
        """Print texts, one per line."""
        for text in texts:
            self._say(text.replace("\r\n", "\n"))

    def ask(self, question: str) -> str:
        """Return the next answer. Raises ErreurWLangage when there is nobody to answer."""
        if self._answers:
            answer = self._answers.pop()
            self.say(f"{question} {answer}".strip())
            return answer
        return self._ask(question)

    def path(self, written: str) -> Path:
        """Return the path that a program wrote. Raises ErreurWLangage for one outside of its folders."""
        if "\0" in written or not written:
            raise ErreurWLangage("ce chemin n'en est pas un", "this is no path")
        # A program from Windows separates by backslashes.
        given = Path(written.replace("\\", "/") if os.sep == "/" else written)
        try:
            found = (self.folder / given).resolve()
        except (OSError, RuntimeError):
            raise ErreurWLangage("ce chemin n'en est pas un", "this is no path") from None
        if not any(found == allowed or found.is_relative_to(allowed) for allowed in self._allowed):
            raise ErreurWLangage(
                f"« {shown(written, path=True)} » est hors du dossier du programme : --allow-path DOSSIER l'autorise",
                f'"{shown(written, path=True)}" is outside of the folder of the program: --allow-path FOLDER allows it',
            )
        if found.exists() and not (found.is_file() or found.is_dir()):
            # A pipe or a device would be waited for without an end.
            raise ErreurWLangage(
                f"« {shown(written, path=True)} » n'est ni un fichier ni un dossier",
                f'"{shown(written, path=True)}" is neither a file nor a folder',
            )
        return found

    def temporary(self) -> str:
        """Return a folder for temporary files, made on first use and removed at the end."""
        if self._temporary is None:
            self._temporary = tempfile.mkdtemp(prefix="courriel-wlangage-")
            self._allowed.append(Path(self._temporary).resolve())
        return self._temporary

    def keep(self, file: TextIOWrapper) -> int:
        """Keep an open file, and return its number."""
        if len(self._files) >= 100:
            file.close()
            raise ErreurWLangage("trop de fichiers ouverts", "too many open files")
        number = max(self._files, default=0) + 1
        self._files[number] = file
        return number

    def file(self, number: int) -> TextIOWrapper:
        """Return the open file of a number."""
        if number not in self._files:
            raise ErreurWLangage(
                f"aucun fichier ouvert n'a le numéro {number}", f"no open file has the number {number}"
            )
        return self._files[number]

    def forget(self, number: int) -> None:
        """Close the file of a number."""
        self.file(number).close()
        del self._files[number]

    def close(self) -> None:
        """Close the files left open, and remove the temporary folder."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._temporary is not None:
            import shutil

            shutil.rmtree(self._temporary, ignore_errors=True)


def _print(text: str) -> None:
    print(text, flush=True)


def _asked(question: str) -> str:
    if not sys.stdin or not sys.stdin.isatty():
        raise ErreurWLangage(
            f"personne ne répond à « {shown(question)} » : --answer TEXTE donne la réponse",
            f'nobody answers "{shown(question)}": --answer TEXT gives the answer',
        )
    try:
        return input(f"{question} ")
    except EOFError:
        raise ErreurWLangage("aucune réponse", "no answer") from None
