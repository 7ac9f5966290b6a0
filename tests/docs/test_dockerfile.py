"""The Dockerfile of the practice server: without Docker, its lines are read, and its command is run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def instructions() -> list[tuple[str, str]]:
    """Instructions of the file, each with its words."""
    text = (ROOT / "docs" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines]


def command() -> list[str]:
    """What the container runs."""
    (words,) = [words for name, words in instructions() if name == "ENTRYPOINT"]
    return [str(word) for word in json.loads(words)]


def test_the_instructions_are_those_of_docker_in_their_order() -> None:
    names = [name for name, _ in instructions()]

    assert names[0] == "FROM"
    assert names[-1] == "ENTRYPOINT"
    assert set(names) <= {"FROM", "COPY", "RUN", "USER", "EXPOSE", "ENTRYPOINT"}
    assert names.index("COPY") < names.index("RUN") < names.index("USER")  # made by root, run by somebody else


def test_the_shell_reads_each_command_and_the_extra_is_one_of_ours() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runs = [words for name, words in instructions() if name == "RUN"]

    for words in runs:
        subprocess.run(["/bin/sh", "-n", "-c", words], check=True, timeout=20)
        (copied,) = [shlex.split(copied)[1] for name, copied in instructions() if name == "COPY"]
        assert set(re.findall(rf"{copied}\[(\w+)\]", words)) <= set(project["optional-dependencies"])
    (user,) = [words for name, words in instructions() if name == "USER"]
    assert any(re.search(rf"useradd .*\b{user}\b", words) for words in runs)


def test_the_ports_that_are_exposed_are_those_of_the_command() -> None:
    (exposed,) = [words.split() for name, words in instructions() if name == "EXPOSE"]
    asked = [word for option, word in zip(command(), command()[1:], strict=False) if option.endswith("-port")]

    assert asked == exposed


def test_the_version_of_python_is_one_that_courriel_runs_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (image,) = [words for name, words in instructions() if name == "FROM"]
    found = re.fullmatch(r"python:(3\.\d+)-slim", image)

    assert found is not None
    assert f"Programming Language :: Python :: {found[1]}" in project["classifiers"]


@pytest.mark.slow
def test_the_command_serves_mail_and_page_without_a_password() -> None:
    words = [sys.executable, "-m", "courriel", *command()[1:], "--json"]
    words = ["127.0.0.1" if word == "0.0.0.0" else "0" if word.isdigit() else word for word in words]

    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            address = re.search(r"http://127\.0\.0\.1:\d+/", serving.stdout.readline())
            assert address is not None
            with urllib.request.urlopen(f"{address[0]}api/mails", timeout=20) as answer:
                assert answer.status == 200
        finally:
            serving.terminate()
