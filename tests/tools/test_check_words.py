"""The check of words, tried on docstrings and on small packages written for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import Ran, run

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_words.py"

CLEAR = '"""A reply of the server."""\n'


def check(folder: Path, *sources: str, most: int = 0, twice: str = "", options: tuple[str, ...] = ()) -> Ran:
    package = folder / "courriel"
    package.mkdir()
    for number, source in enumerate(sources):
        (package / f"module_{number}.py").write_text(source)
    settings = folder / "settings.toml"
    settings.write_text(f"most_unclear = {most}\n[twice]\n{twice}\n")
    return run(TOOL, *options, str(package), str(settings))


@pytest.mark.parametrize(
    "first",
    [
        "Read one reply, or return None when it is not all there yet.",
        "Group commit: the first caller commits for all callers that arrived meanwhile.",
        "Seconds to wait for a silent server.",
        "How many letters a folder holds.",
        "Whether the session is open.",
        "Capabilities that EHLO announced.",  # -ies
        "Addresses of the sender.",  # -es
        "See Store.prune.",
        "`mailbox` for asyncio.",
        "Decode the encoded words.",
        "How well a mechanism hides the secret.",
        "MAIL and RCPT, without their end.",
        "Raise UsageError: a value does not change.",
        "The moment at which a lease ends. Who holds it may extend it.",
    ],
)
def test_a_first_line_with_a_noun_is_clear(tmp_path: Path, first: str) -> None:
    checked = check(tmp_path, f'"""{first}"""\n')

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "first",
    [
        "Who has it writes.",
        "Whoever sends the message takes what there is along.",  # a noun, but a riddle for a subject
        "What the server said.",
        "From whom the message comes.",
        "How policies with header objects ask.",
        "It ended a session after so many messages.",
        "Somebody wrote to the file.",
        "There is progress.",
        "Go there, and look.",
        "How far it came. Raises UsageError before it began.",
        "Undo it; see Outbox.prune.",
        "All of it, fit to be shown (RFC 3501).",
        "Keep it until `release`.",
        "Leave nothing half done. The pool waits for it.",  # the noun comes too late
    ],
)
def test_a_first_line_without_a_noun_is_not(tmp_path: Path, first: str) -> None:
    checked = check(tmp_path, f'{CLEAR}\ndef act():\n    """{first}\n\n    Message, mail and reply.\n    """\n')

    assert checked.returncode == 1
    assert f"module_0.py:4: {first}" in checked.stdout
    assert "1 docstrings begin unclearly; 0 are the most" in checked.stderr


def test_as_many_as_are_allowed_pass_unless_they_are_asked_for(tmp_path: Path) -> None:
    sources = ['"""Who has it writes."""\n', CLEAR]

    quiet = check(tmp_path, *sources, most=1)
    (tmp_path / "again").mkdir()
    shown = check(tmp_path / "again", *sources, most=1, options=("--all",))

    assert (quiet.returncode, quiet.stdout) == (0, "")
    assert shown.returncode == 0
    assert shown.stdout.endswith("module_0.py:1: Who has it writes.\n")


def test_fewer_than_are_allowed_are_told(tmp_path: Path) -> None:
    checked = check(tmp_path, CLEAR, most=3)

    assert checked.returncode == 0
    assert checked.stdout == "most_unclear in check_words.toml can be lowered to 0\n"


def test_no_name_stands_for_two_public_types(tmp_path: Path) -> None:
    checked = check(tmp_path, "class Limits: ...\n", "if TYPE_CHECKING:\n    class Limits: ...\n")

    assert checked.returncode == 1
    assert "Limits is defined as 2 public types" in checked.stderr
    assert "module_0.py:1" in checked.stderr
    assert "module_1.py:2" in checked.stderr


def test_private_types_and_those_inside_a_function_do_not_count(tmp_path: Path) -> None:
    private = "class _Limits: ...\n"

    checked = check(tmp_path, private, private, "class Limits: ...\n", "def f():\n    class Limits: ...\n")

    assert (checked.returncode, checked.stderr) == (0, "")


def test_an_exception_is_one_only_while_it_is_needed(tmp_path: Path) -> None:
    twice = 'Limits = "of a pool, and of reading"'
    (tmp_path / "later").mkdir()

    now = check(tmp_path, "class Limits: ...\n", "class Limits: ...\n", twice=twice)
    later = check(tmp_path / "later", "class Limits: ...\n", twice=twice)

    assert now.returncode == 0
    assert later.returncode == 1
    assert "Limits is defined only once now: take it out of check_words.toml" in later.stderr
