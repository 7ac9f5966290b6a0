"""
Build the site: `python tools/book [--out site]`; `make docs` does it.

The pages of `docs/` and those generated from the code and its data are staged below `OUT/source`, in English and in
French, and Sphinx writes `OUT/en` and `OUT/fr`. A warning of Sphinx is an error, a link to a missing page is one.
Man pages of the command are written into `OUT/man`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from man_pages import write_man_pages  # noqa: E402 - found beside this file
from plan import LANGUAGES  # noqa: E402
from staging import stage_language  # noqa: E402


def main() -> int:
    """Build both languages side by side, and return the status of the first that failed."""
    parser = argparse.ArgumentParser(description="Build the site.")
    parser.add_argument("--out", type=Path, default=ROOT / "site")
    parser.add_argument("--stage-only", action="store_true", help="write the sources, and do not run Sphinx")
    given = parser.parse_args()
    out: Path = given.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    for language in LANGUAGES:
        stage_language(ROOT, out / "source" / language, language)
    write_man_pages(out / "man")
    shutil.copyfile(HERE / "start.html", out / "index.html")
    if given.stage_only:
        return 0
    building = {language: _sphinx(out, language) for language in LANGUAGES}
    statuses = [process.wait() for process in building.values()]
    if not any(statuses):
        print(f"{out}/index.html")
    return max(statuses)


# The steps.


def _sphinx(out: Path, language: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "sphinx", "-b", "html", "--fail-on-warning", "--keep-going", "--quiet"]
    source, target = out / "source" / language, out / language
    environment = dict(os.environ, COURRIEL_SITE_LANGUAGE=language)
    return subprocess.Popen(
        [*words, "-c", str(HERE), "-d", str(out / "doctrees" / language), str(source), str(target)], env=environment
    )


if __name__ == "__main__":
    sys.exit(main())
