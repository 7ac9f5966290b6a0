"""The check that finds a forgotten `yield from`, tried on small packages written for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import Ran, run

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_yield_from.py"

FLOW = """
from collections.abc import Generator
Want: TypeAlias = Send | Receive
Flow: TypeAlias = Generator[Want, bytes, T]
"""

CONVERSATION = """
from courriel.dialogue.flow import Flow, Receive, Send
from courriel import wire

def pause() -> Flow[None]:
    yield Receive("hello")

class Conversation:
    def _ask(self, verb: str) -> "Flow[str]":
        yield Send(verb)
        return "ok"

    def _count(self) -> int:
        return 1

    def open(self) -> Flow[None]:
        {line}
        yield Receive("greeting")

class Polite(Conversation):
    def greet(self) -> Flow[None]:
        yield from self._ask("EHLO")
"""


def check(folder: Path, source: str) -> Ran:
    dialogue = folder / "courriel" / "dialogue"
    dialogue.mkdir(parents=True, exist_ok=True)
    (dialogue / "flow.py").write_text(FLOW)
    (dialogue / "conversation.py").write_text(source)
    return run(TOOL, str(folder / "courriel"))


@pytest.mark.parametrize(
    "line",
    [
        'self._ask("EHLO")',
        'reply = self._ask("EHLO")',
        'yield self._ask("EHLO")',
        'if self._ask("EHLO"): pass',
        'text = str(self._ask("EHLO"))',
        'steps = [self._ask("EHLO")]',
        'return self._ask("EHLO")',
        "pause()",
        'other._ask("EHLO")',
        'yield from (self._count() if self._ask("EHLO") else pause())',
        'Send("EHLO")',
    ],
)
def test_a_step_that_is_named_but_not_taken_is_found(tmp_path: Path, line: str) -> None:
    result = check(tmp_path, CONVERSATION.format(line=line))

    assert result.returncode == 1
    assert "conversation.py:17:" in result.stdout
    assert "is missing" in result.stdout


@pytest.mark.parametrize(
    "line",
    [
        'yield from self._ask("EHLO")',
        'reply = yield from self._ask("EHLO")',
        'yield from (self._ask("EHLO") if first else self._ask("HELO"))',
        'yield from self._ask(self._ask("EHLO"))',
        'yield from self._ask(verb=self._ask("EHLO"))',
        'step: Flow[str] = self._ask("EHLO")',
        "number = self._count()",
        'want = Send("EHLO")',
        "pause = wire.unpause()",
        'other._ask("EHLO")  # not a flow: another _ask',
        "steps.close()",
    ],
)
def test_a_step_that_is_taken_is_left_in_peace(tmp_path: Path, line: str) -> None:
    result = check(tmp_path, CONVERSATION.format(line=line))

    assert result.stdout == ""
    assert result.returncode == 0


def test_a_function_that_is_no_generator_may_hand_a_flow_on(tmp_path: Path) -> None:
    source = CONVERSATION.format(line="pass") + '    def hello(self) -> Flow[str]:\n        return self._ask("EHLO")\n'

    result = check(tmp_path, source)

    assert result.stdout == ""


def test_a_forgotten_step_that_is_inherited_is_found(tmp_path: Path) -> None:
    source = CONVERSATION.format(line="pass") + '    def hello(self) -> Flow[str]:\n        super()._ask("EHLO")\n'

    result = check(tmp_path, source)

    assert "the flow _ask() is called but not taken" in result.stdout


def test_a_method_of_our_own_that_is_no_flow_may_share_a_name_with_one(tmp_path: Path) -> None:
    source = CONVERSATION.format(line="pass") + (
        "class Quiet:\n    def _ask(self) -> str: ...\n    def go(self) -> str:\n        return self._ask()\n"
    )

    result = check(tmp_path, source)

    assert result.stdout == ""


KNOWN = """
from courriel.dialogue.flow import Flow, Receive
from courriel.dialogue import conversation as talk
from courriel.dialogue.conversation import Conversation, pause

class Desk:
    def authenticate(self) -> bool: ...
    def _ask(self) -> int: ...

class Visit:
    kept: Conversation

    def __init__(self, conversation: Conversation, desk: Desk) -> None:
        self._conversation = conversation
        self._desk = desk

    def go(self, conversation: Conversation, desk: Desk) -> Flow[None]:
        yield Receive("hello")
        {line}
"""


@pytest.mark.parametrize(
    "line",
    [
        'conversation._ask("EHLO")',
        'self._conversation._ask("EHLO")',
        'self.kept._ask("EHLO")',
        'reply = Conversation()._ask("EHLO")',
        "pause()",
        "talk.pause()",
    ],
)
def test_the_class_of_an_object_is_read_from_annotations(tmp_path: Path, line: str) -> None:
    (tmp_path / "courriel" / "dialogue").mkdir(parents=True)
    (tmp_path / "courriel" / "dialogue" / "visit.py").write_text(KNOWN.format(line=line))

    result = check(tmp_path, CONVERSATION.format(line="pass"))

    assert "visit.py:19:" in result.stdout
    assert "is missing" in result.stdout


@pytest.mark.parametrize("line", ["desk._ask()", "self._desk._ask()", "allowed = self._desk.authenticate()"])
def test_a_namesake_on_another_class_is_no_flow(tmp_path: Path, line: str) -> None:
    (tmp_path / "courriel" / "dialogue").mkdir(parents=True)
    (tmp_path / "courriel" / "dialogue" / "visit.py").write_text(KNOWN.format(line=line))

    result = check(tmp_path, CONVERSATION.format(line="pass"))

    assert result.stdout == ""
