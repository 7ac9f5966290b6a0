"""French catalogue: complete for all sentences that users see, without unused entries, and safe for any text."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import failures
from courriel.failures import sentences
from courriel.failures.sentences import french
from courriel.network.tls import reasons as tls_reasons
from unit.failures.source_sentences import SOURCE
from unit.failures.source_sentences import sentences as sentences_of_the_source

PAIRS: dict[str, str] = tomllib.loads((SOURCE / "failures" / "french.toml").read_text("utf-8"))["sentences"]
FOR_PROGRAMMERS = (  # programming errors, which users do not see
    "compose/",
    "integrations/sendmail/smtp_input.py",  # replies to a program
    "integrations/unsubscribe/page.py",  # the page itself, whose words are in both languages
    "outbox/aio.py",
    "dialogue/server/imap/",
    "wire/imap_server/",
    "outbox/store/postgres/joined.py",
    "outbox/store/postgres/store.py",
    "outbox/store/sqlite/store.py",
    "sandbox/",
    "session/imap/awaited_letters.py",
    "session/pop3/letter.py",
    "testing/",
)
SCHEME = re.compile(r"\b(?:memory|smtps|cmd|console|sendmail|https|mailto|env|file|sha256): ")
ENGLISH = re.compile(r"\b(the|is|not|and|of|with|was|were|has|have|that|this|which|must|cannot|nobody|somebody)\b")


@pytest.mark.slow
def test_every_sentence_that_users_meet_has_its_french() -> None:
    no_sentences = {
        "iso_8859_{}",
        "{}{} a écrit :",
        "courriel config trust",
        "BDAT {} LAST",
        "[COPYUID {} {} {}] ",
        "NO SELECT Unsafe Login. Please contact kefu@188.com for help",
        "{}, {} {} {} {}:{}:{} {}",
    }
    missing = {
        text: place
        for text, place in sentences_of_the_source().items()
        if text not in PAIRS and text not in no_sentences and not place.startswith(FOR_PROGRAMMERS)
    }

    assert not missing, "add them to src/courriel/failures/french.toml"


def test_every_reason_of_tls_has_its_french() -> None:
    reasons = [sentence for _, sentence in (*tls_reasons.REFUSED.values(), *tls_reasons.BROKEN.values())]
    templates = [re.sub(r"\{\w+\}", "{}", sentence) for sentence in reasons]

    assert [template for template in templates if template not in PAIRS] == []


@pytest.mark.slow
def test_both_languages_fill_in_the_same_parts_and_none_is_lost() -> None:
    lost: list[str] = []
    for english in PAIRS:
        parts = [f"<{number}>" for number in range(english.count("{}"))]
        sentence = "".join(word + part for word, part in zip(english.split("{}"), [*parts, ""], strict=True))
        is_sentence = len(english.replace("{}", "").strip(" :,()")) > 12 and not re.fullmatch(
            r"[\W\d]*\w+[\W\d]*", english
        )

        said = french(sentence)

        if any(said.count(part) != 1 for part in parts) or (is_sentence and said == sentence):
            lost.append(f"{english} -> {said}")

    assert lost == []


NO_FRENCH = {
    "an English word": ENGLISH,
    "no space before ; ? !": re.compile(r"[a-zéè][;?!]"),
    "no space before a colon": re.compile(r"[a-zéè]: (?!/)"),
}


def test_the_french_is_french() -> None:
    wrong: list[str] = []
    for said in PAIRS.values():
        words = SCHEME.sub("", re.sub(r"[`«\"][^`»\"]*[`»\"]|\w+\(.*?\)|[\w.]+=\S*|\[[^\]]*\]", "", said))
        wrong += [f"{fault}: {said}" for fault, sign in NO_FRENCH.items() if sign.search(words)]

    assert len(PAIRS) > 500
    assert wrong == []


@pytest.mark.parametrize("number", [1, 2, 13, 17, 20, 21, 28, 32, 98, 101, 104, 110, 111, 113])
def test_the_words_of_the_operating_system_are_in_french(number: int) -> None:
    said = os.strerror(number)

    assert number == 1 or said not in PAIRS or french(said) != said
    assert french(f"mx.example.org:25: {said}").startswith("mx.example.org:25 : ")


@pytest.fixture
def in_french() -> Iterator[None]:
    failures.speak("fr")
    yield
    failures.speak(None)


@pytest.mark.usefixtures("in_french")
@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("mx.example.org:25: Connection refused", "mx.example.org:25 : connexion refusée"),
        ("mx:25 was silent for 3 s (greeting)", "mx:25 est resté silencieux pendant 3 s (accueil)"),
        (
            "courriel.toml, line 3: it is not UTF-8",
            "courriel.toml, ligne 3 : ce n'est pas de l'UTF-8",
        ),
        ("no French for this one", "no French for this one"),
        ("", ""),
    ],
)
def test_a_sentence_is_translated_with_the_sentences_within_it(english: str, said: str) -> None:
    assert failures.spoken(english) == said


def test_english_stays_as_it_is() -> None:
    failures.speak("en")
    try:
        assert failures.spoken("Connection refused") == "Connection refused"
    finally:
        failures.speak(None)


@pytest.mark.slow
@given(st.text(max_size=300))
def test_any_text_can_be_translated(text: str) -> None:
    assert isinstance(french(text), str)


def test_a_long_text_costs_nothing() -> None:
    long = "'" * (sentences.LONGEST + 1)

    assert french(long) is long


def test_each_part_is_looked_for_once() -> None:
    """A text of nothing but separators: each template reads it from left to right, without backtracking."""
    reads = 0

    class Counted(str):
        __slots__ = ()

        def find(self, *arguments: object) -> int:  # type: ignore[override]
            nonlocal reads
            reads += 1
            return super().find(*arguments)  # type: ignore[arg-type]

    words = ("", ": ", ": ", ": ", "!")

    sentences.parts_between(Counted(": " * 900), words)

    assert reads <= len(words)


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("keys: it is not a regular file", "keys : ce n'est pas un fichier ordinaire"),
        ("sender: a text, not int", "sender : un texte ; reçu : int"),
    ],
)
def test_the_name_of_a_file_or_a_parameter_is_not_translated(english: str, expected: str) -> None:
    """Also when it is a word of the catalogue."""
    assert french(english) == expected
