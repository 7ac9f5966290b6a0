"""The pages on the doctor: samples print what they say; options, keys, statuses and steps are complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args

import pytest

from courriel import Sandbox, doctor
from courriel.cli.doctor.command import command
from courriel.doctor import watch
from courriel.doctor.step import StepName, StepStatus

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/doctor.md", "docs/doctor.fr.md"]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_sample_prints_what_its_comments_say(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)

    exec(compile(block, page, "exec"), {})

    expected = re.findall(r"print\(.*\)  # (.+)", block)
    assert len(expected) == 3
    assert capsys.readouterr().out.splitlines()[: len(expected)] == expected


@pytest.mark.parametrize("page", PAGES)
def test_every_option_of_the_command_is_told(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    own = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    shared = {"--json", "--color", "--no-input", "--lang", "--config", "--help"}

    assert own - shared >= {"--watch", "--fix", "--report"}
    for name in own - shared:
        assert re.search(rf"`[^`]*{name}\b", text), name


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_key_status_and_step_is_told(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    with Sandbox() as sandbox:
        found = doctor.examine(sandbox.url).as_object()
        seen = doctor.probe("127.0.0.1", ports=[sandbox.port], timeout=2).as_object()
    (port,) = seen["ports"]  # type: ignore[misc]
    names = {*found, *found["steps"][0], *seen, *port, *port["chain"][0]}  # type: ignore[index]
    names |= {*get_args(eval(StepName, {"Literal": Literal})), *get_args(eval(StepStatus, {"Literal": Literal}))}
    names |= {*watch.STATUS, "alerts", "state"}

    for name in names:
        assert f"`{name}`" in text, name
    for status in watch.STATUS.values():
        assert f"| {status} |" in text
