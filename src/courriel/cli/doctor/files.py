"""File of a report: its kind by the end of its name, written at once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from courriel.cli.i18n import say

if TYPE_CHECKING:
    from courriel.doctor.examination import Examination


def writer_of(file: str | None) -> Callable[[Examination], str] | None:
    """The function that writes this kind of report; None without a file. Raises UsageError for another kind."""
    if file is None:
        return None
    match Path(file).suffix.lower():
        case ".md":
            from courriel.cli.doctor.markdown import page
        case ".html" | ".htm":
            from courriel.cli.doctor.html import page
        case _:
            raise click.UsageError(
                say(
                    f"--report : le nom finit par .md ou par .html, et non « {file} »",
                    f'--report: the name ends with .md or .html, and not "{file}"',
                )
            )
    if not Path(file).absolute().parent.is_dir():
        raise click.UsageError(
            say(f"--report : le dossier de « {file} » n'existe pas", f'--report: the folder of "{file}" does not exist')
        )
    if Path(file).is_dir():
        raise click.UsageError(say(f"--report : « {file} » est un dossier", f'--report: "{file}" is a folder'))
    return page


def write(file: str, text: str) -> None:
    """Replace the file at once; a report cut short is never left. Raises OSError, which names this file."""
    try:
        _write(Path(file), text)
    except OSError as failed:
        raise OSError(failed.errno, failed.strerror, file) from failed


# The steps.


def _write(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=".report-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
        os.chmod(name, 0o666 & ~_mask())  # noqa: PTH101 - a name of ours
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
