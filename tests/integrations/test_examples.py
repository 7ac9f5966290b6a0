"""The examples, each by the command that its first lines name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID = {
    "fastapi-service": [
        r"invitation: \{'accepted': \['bob@example.org'\]\}",
        r"no address: This address or message cannot be sent\.",
        r"arrived: bob@example\.org Come in",
        r"arrived: cleo@example\.org Order 42",
    ],
    "flask-app": [
        r"contact: 200",
        r"reset: 202",
        r"no address: 422",
        r"a busy server: 503",
        r"arrived: help@example\.org Question",
        r"arrived: bob@example\.org Your new password",
    ],
    "newsletter": [
        r"killed, when (?:1\d\d|2\d\d) mails had arrived",
        r"readers with the mail: 300 of 300; not sent: 0",
        r"with two copies: \d+ all of them known as in doubt: True",
    ],
    "wlangage": [
        r"non envoyé à Ève Leroy : Email\.Destinataire\[1\] n'est pas une adresse : « pas une adresse »\. Rien n.*",
        r"2 rappels envoyés",
        r"arrived: bob@example\.org, Votre commande n°1041, Votre commande vous attend au comptoir\.",
        r"arrived: dora@example\.org, Votre commande n°1043, Elle y est depuis 5 jours\.",
        r"in Python: def Rappelle\(sAdresse: str, sNom: str, nCommande: int, nJours: int\) -> bool:",
    ],
}


@pytest.mark.acceptance
@pytest.mark.parametrize("name", SAID)
def test_an_example_does_what_it_says(name: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / name / "run.py")], capture_output=True, text=True, check=False, timeout=100,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)},
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == len(SAID[name])
    for line, wanted in zip(sorted(lines), sorted(SAID[name]), strict=True):
        assert re.fullmatch(wanted, line), ran.stdout
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("name", SAID)
def test_an_example_is_told_in_both_languages(name: str) -> None:
    for page in ("README.md", "README.fr.md"):
        text = (EXAMPLES / name / page).read_text(encoding="utf-8")

        assert f"`python examples/{name}/run.py`" in text
        for link in re.findall(r"\]\(([^)]+)\)", text):
            assert (EXAMPLES / name / link).exists(), link
