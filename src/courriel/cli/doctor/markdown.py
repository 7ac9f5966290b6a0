"""An examination as Markdown, for a ticket: no secret, and nothing from outside that could become markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from courriel.cli.doctor.layout import MARKS, milliseconds, stamp
from courriel.cli.doctor.printing import LABELS, outcome_of, remedy_of, way_title
from courriel.cli.i18n import say, transcript_line, visible
from courriel.doctor.examination import Examination, name_of
from courriel.doctor.step import Step, words

_MARKUP = re.compile(r"([\\`*_\[\]<>|~&])")  # signs of lists and heads mean nothing in the middle of a line


def page(examination: Examination) -> str:
    """The whole report."""
    return "\n".join(_lines(examination)).rstrip() + "\n"


# The steps.


def _lines(examination: Examination) -> Iterator[str]:
    yield f"# {say('Examen de', 'Examination of')} {_code(examination.target)}"
    yield ""
    yield f"**{MARKS[examination.status]} {_plain(words(examination.verdict))}**"
    yield ""
    for title, about, steps in (
        (say("Le serveur", "The server"), examination, examination.session_steps),
        *((way_title(number, way), way, way.session_steps) for number, way in enumerate(examination.ways, 1)),
        (say(f"Le domaine {examination.domain}", f"The domain {examination.domain}"), examination,
         examination.domain_steps),
    ):  # fmt: skip
        if steps:
            yield f"## {_plain(title)}"
            yield ""
            for number, step in enumerate(steps, 1):
                yield from _step(about, number, step)
            yield ""
    tried = [each for one in (examination, *examination.ways) for each in one.tried]
    if tried:
        yield f"## {say('Autres ports et modes essayés', 'Other ports and modes that were tried')}"
        yield ""
        for each in tried:
            mark = MARKS["ok" if each.works else "failed"]
            yield f"- {mark} {_code(each.url)}{say(' : ', ': ')}{_plain(outcome_of(each))}"
        yield ""
    if examination.transcript:
        yield f"## {say('Le dialogue, sans secrets', 'The dialogue, without secrets')}"
        yield ""
        lines = [transcript_line(entry) for entry in examination.transcript]
        fence = "`" * (max((len(run) for line in lines for run in re.findall("`+", line)), default=0) + 3)
        yield f"{fence}text"
        yield from lines
        yield fence
        yield ""
    yield _plain(words(examination.closing))
    yield ""
    yield _plain(stamp())


def _step(examination: Examination, number: int, step: Step) -> Iterator[str]:
    colon = say(" : ", ": ")
    took = f" ({milliseconds(step.seconds)})" if step.seconds is not None else ""
    yield f"{number}. {MARKS[step.status]} **{words(name_of(step))}**{colon}{_plain(words(step.finding))}{took}"
    for detail in step.details:
        yield f"   - {_plain(words(detail))}"
    for name, text in (
        ("said", step.said), ("cause", words(step.cause)), ("fix", remedy_of(examination, step)),
        ("not", words(step.dont)), ("raised", step.raised),
    ):  # fmt: skip
        if text:
            yield f"   - **{LABELS[name]}**{colon}{_plain(text)}"
    for name, text in (("command", step.command), *(("record", record) for record in step.records)):
        if text:
            yield f"   - **{LABELS[name]}**{colon}{_code(text)}"
    if step.failure:
        yield f"   - **{LABELS['help']}**{colon}{_code(f'courriel explain {step.failure}')}"


def _plain(text: str) -> str:
    """A text in which no character is markup."""
    return _MARKUP.sub(r"\\\1", visible(text))


def _code(text: str) -> str:
    """A text as code; a fence longer than any that stands in it."""
    shown = visible(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    blank = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{blank}{shown}{blank}{fence}"
