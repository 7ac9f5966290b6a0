"""Language of hints: French or English, by choice or by locale, with host and port inserted."""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextvars import copy_context

import pytest

from courriel import failures
from courriel.failures import Text


@pytest.fixture(autouse=True)
def _nobody_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


def in_a_context(act: object, *args: object) -> object:
    """Choose in a context of its own, so that no test leaves its language behind."""
    return copy_context().run(act, *args)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LANG": "FR"}, "fr"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_MESSAGES": "fr_CA", "LANG": "en_US"}, "fr"),
        ({"LC_ALL": "C", "LC_MESSAGES": "fr_CA", "LANG": "fr_FR"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "fr_FR"}, "fr"),
    ],
)
def test_the_locale_is_read_in_the_order_of_posix(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert failures.language() == expected


def test_a_choice_goes_before_the_locale_and_can_be_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en_GB")

    def choose() -> tuple[str, str]:
        failures.speak("fr")
        chosen = failures.language()
        failures.speak(None)
        return chosen, failures.language()

    assert in_a_context(choose) == ("fr", "en")


def test_a_choice_stays_in_its_context() -> None:
    in_a_context(failures.speak, "fr")

    assert failures.language() == "en"


def test_a_language_nobody_speaks_is_refused() -> None:
    with pytest.raises(ValueError, match="'de'"):
        failures.speak("de")  # type: ignore[arg-type]


def test_a_text_is_said_in_the_language_asked_for_or_else_the_current_one() -> None:
    text = Text(fr="Bonjour", en="Hello")

    def in_french() -> str:
        failures.speak("fr")
        return text.in_()

    assert (text.in_("fr"), text.in_("en"), text.in_()) == ("Bonjour", "Hello", "Hello")
    assert in_a_context(in_french) == "Bonjour"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({}, "smtps://smtp.example.org/"),
        ({"host": "mx.test"}, "smtps://mx.test/"),
        ({"host": "mx.test", "port": 465}, "smtps://mx.test:465/"),
        ({"host": "mx.test", "port": "465"}, "smtps://mx.test:465/"),
        ({"host": "mx.test", "port": ""}, "smtps://mx.test/"),
        ({"host": "mx.test", "user": "ada"}, "smtps://ada@mx.test/"),
        ({"host": "mx.test", "user": "ada@mx.test"}, "smtps://ada%40mx.test@mx.test/"),
        ({"host": "2001:db8::1", "port": 25}, "smtps://[2001:db8::1]:25/"),
        ({"host": "[2001:db8::1]"}, "smtps://[2001:db8::1]/"),
        ({"host": "mx.test \r\n"}, "smtps://mx.test\\x20\\x0d\\x0a/"),
        ({"host": "{user}@", "user": "{host}"}, "smtps://%7Bhost%7D@{user}@/"),
        ({"user": "\udc80"}, "smtps://%3F@smtp.example.org/"),
    ],
)
def test_what_is_known_is_filled_in_and_the_rest_left_out(names: dict[str, str], expected: str) -> None:
    template = "smtps://{user}@{host}:{port}/"

    assert Text(fr=template, en=template).in_("en", **names) == expected
    assert failures.Failure.fill(template, **names) == expected


def test_an_empty_text_is_false() -> None:
    assert not Text(fr="", en="")
    assert Text(fr="a", en="b")


def test_records_survive_pickling() -> None:
    record = failures.by_id("GREYLISTED")

    assert pickle.loads(pickle.dumps(record)) == record


@pytest.mark.slow
def test_the_table_is_read_by_the_first_failure_and_not_before() -> None:
    program = (
        "import sys\n"
        "from courriel import failures\n"
        "before = 'tomllib' in sys.modules\n"
        "failures.find(failures.Facts(code=550))\n"
        "print(before, 'tomllib' in sys.modules, {'socket', 'ssl', 'asyncio', 'logging'} & set(sys.modules))\n"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout == "False True set()\n"
