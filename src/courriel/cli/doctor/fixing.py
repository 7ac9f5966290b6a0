"""`courriel doctor --fix`: the corrected URL into the profile's file, after asking."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from courriel.cli.i18n import say, visible

if TYPE_CHECKING:
    from courriel.cli.command import GlobalOptions
    from courriel.cli.reporting import CommandReport
    from courriel.doctor.examination import Examination
    from courriel.doctor.target import Target


def correct(report: CommandReport, manner: GlobalOptions, meant: Target, examination: Examination, status: int) -> int:
    """Offer to write the corrected URL; return the exit status: 0 once it is written, else the one of before.

    Raises UsageError when the file does not have the URL in a form that can be changed; OSError.
    """
    from courriel.delivery.settings import files, rewriting
    from courriel.doctor.correction import correction_of

    found = correction_of(meant, examination)
    if found is None:
        report.aside(say("Rien à corriger dans le profil.", "Nothing to correct in the profile."))
        return status
    path = Path(found.file)
    there = files.read(path)
    if there is None:
        raise files.wrong(path, "it is not there any more")
    changed = rewriting.with_url(path, there.raw, meant.profile, found.revealed)
    report.aside(f"{visible(found.file)}, {visible(meant.profile)}{say(' :', ':')}")
    report.aside(f"  - url = {visible(found.before)}")
    report.aside(f"  + url = {visible(found.after)}")
    if not _agreed(manner):
        report.aside(say("Rien n'a été changé.", "Nothing was changed."))
        return status
    now = files.read(path)
    if now is None or now.raw != there.raw:
        raise files.wrong(path, "somebody has changed it meanwhile: nothing was written")
    rewriting.replace_file(path, changed)
    report.aside(say(f"Corrigé : {visible(found.file)}", f"Corrected: {visible(found.file)}"))
    if there.digest in _approvals().values():
        report.aside(
            say(
                f"Ce fichier était approuvé ; approuvez-le de nouveau : courriel config trust {visible(found.file)}",
                f"This file was approved; approve it again: courriel config trust {visible(found.file)}",
            )
        )
    return 0


# The steps.


def _agreed(manner: GlobalOptions) -> bool:
    """Ask at the terminal; nobody to ask is a no."""
    if not manner.ask or sys.stdin is None or not sys.stdin.isatty():
        return False
    print(say("Écrire cette correction ? [o/N] ", "Write this correction? [y/N] "), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("o", "oui", "y", "yes")


def _approvals() -> dict[str, str]:
    from courriel.delivery.settings import files, locations

    return files.approved(locations.approvals_file())
