"""
A WLangage program as it is, with a practice server in the place of its own, and the same program in Python.

    python examples/wlangage/run.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from courriel import Sandbox

HERE = Path(__file__).parent


def main() -> None:
    """Run the program, show what it said and what arrived, and translate it."""
    with Sandbox() as sandbox:
        password = {"MAIL_PASSWORD": "a practice password"}
        place = ["--set", "sMotDePasse=env:MAIL_PASSWORD", "--via", sandbox.url]
        print(courriel("run", "rappels.wl", *place, **password), end="")
        for letter in sandbox.letters:
            print(f"arrived: {letter.recipients[0]}, {letter.subject}, {letter.text.splitlines()[-1]}")

    translated = courriel("translate", "rappels.wl")
    compile(translated, "rappels.py", "exec")
    print("in Python:", next(line for line in translated.splitlines() if line.startswith("def ")))


def courriel(*words: str, **environment: str) -> str:
    """Run `courriel wlangage` in this folder; returns what it printed."""
    command = [sys.executable, "-m", "courriel", "wlangage", *words, "--lang", "fr"]
    return subprocess.run(
        command, cwd=HERE, env={**os.environ, "PYTHONUTF8": "1", **environment}, stdout=subprocess.PIPE,
        encoding="utf-8", check=True,
    ).stdout  # fmt: skip


if __name__ == "__main__":
    main()
