"""
The Django integration, tested inside a Django project: each file of `django_inside` in a process of its own.

With the Django of this Python, and with that of the environments that `make pythons` has made (.venv/pythons), of which
one for Python 3.12 has Django 6.1; what is missing is skipped, and says so. A test inside is run alone by
`python -m pytest -c tests/integrations/django_inside/pytest.ini tests/integrations/django_inside/inside_backend.py`,
with SHOP_FOLDER set to an empty folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).parent / "django_inside"
OTHERS = sorted(str(path) for path in (ROOT / ".venv" / "pythons").glob("3.*/bin/python"))


def python_with(django: str) -> str:
    """The interpreter whose Django has this version, or a skip that says how to get it."""
    for interpreter in (sys.executable, *OTHERS):
        asked = "import django; print(django.__version__)"
        said = subprocess.run([interpreter, "-c", asked], capture_output=True, text=True, check=False, timeout=60)
        if said.returncode == 0 and said.stdout.startswith(django):
            return interpreter
    pytest.skip(
        f"no Python of this machine has Django {django} here: `make pythons` makes environments (.venv/pythons)"
    )


def run_inside(interpreter: str, files: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run these files in a project in this folder, and show what they say where one fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COURRIEL"))}
    environment |= {"SHOP_FOLDER": str(folder), "PYTHONPATH": str(ROOT / "src"), **more}
    command = [interpreter, "-m", "pytest", "-q", "-c", str(INSIDE / "pytest.ini"), "-p", "no:xdist"]
    command += [str(INSIDE / file) for file in files]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=INSIDE, timeout=600)
    if run.returncode:
        pytest.fail(f"{' '.join(files)} with {interpreter}:\n{run.stdout[-8000:]}\n{run.stderr[-2000:]}", pytrace=False)
    return run


@pytest.mark.acceptance
@pytest.mark.timeout(600)
@pytest.mark.parametrize("django", ["5.2", "6.1"])
@pytest.mark.parametrize("file", ["inside_outbox.py"])
def test_inside_a_project_with_postgresql(file: str, django: str, tmp_path: Path, postgres: Postgres) -> None:
    server = {"SHOP_HOST": postgres.host, "SHOP_PORT": str(postgres.port), "SHOP_USER": "postgres"}
    more = {**server, "SHOP_DATABASE": "postgresql", "SHOP_NAME": "postgres"}

    run = run_inside(python_with(django), [file], tmp_path, **more)

    assert " passed" in run.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("django", ["5.2", "6.1"])
@pytest.mark.parametrize("file", sorted(path.name for path in INSIDE.glob("inside_*.py")))
def test_inside_a_project(file: str, django: str, tmp_path: Path) -> None:
    run = run_inside(python_with(django), [file], tmp_path)

    assert " passed" in run.stdout
