"""An examination as text: the verdict first and last, each step with its time, cause and remedy below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from courriel.cli.doctor.layout import Paint, entry_lines, indented, marked, step_lines, wrapped
from courriel.cli.i18n import Bilingual, say, visible
from courriel.doctor.examination import Examination, name_of
from courriel.doctor.step import Step, in_both, words
from courriel.doctor.visit.neighbours import Neighbour
from courriel.doctor.visit.session_steps import version_in_words

LABELS = {
    "cause": Bilingual("Cause", "Cause"),
    "fix": Bilingual("À faire", "Fix"),
    "not": Bilingual("À éviter", "Avoid"),
    "said": Bilingual("Serveur", "Server"),
    "raised": Bilingual("Python", "Python"),
    "command": Bilingual("Commande", "Command"),
    "help": Bilingual("Aide", "Help"),
    "record": Bilingual("Lu", "Read"),
    "detail": Bilingual("Détail", "Detail"),
    "tried": Bilingual("Essayé", "Tried"),
}
_BOLD = "1"


def lines_of(examination: Examination, columns: int, paint: Paint) -> Iterator[str]:
    """The whole report, line by line."""
    yield from _verdict(examination, words(examination.verdict), columns, paint)
    yield ""
    steps = examination.session_steps
    names = max([10, *(len(_name(step)) for step in examination.steps)])
    yield from _session(examination, names, columns, paint)
    for number, way in enumerate(examination.ways, 1):
        if number > 1:
            yield ""
        yield visible(way_title(number, way))
        yield from _session(way, max([10, *(len(_name(step)) for step in way.steps)]), columns, paint)
    if examination.domain_steps:
        if steps or examination.ways:
            yield ""
        yield say(f"Domaine de l'expéditeur : {examination.domain}", f"Domain of the sender: {examination.domain}")
        for step in examination.domain_steps:
            yield from _step("", step, names, columns, paint, ())
    yield ""
    yield from _verdict(examination, words(examination.closing), columns, paint)


def way_title(number: int, way: Examination) -> str:
    """The heading of one of several ways."""
    return say(f"Voie {number} : {way.url}", f"Way {number}: {way.url}")


def outcome_of(each: Neighbour) -> str:
    """The outcome of another port or mode, in words."""
    if each.error is not None:
        return words(in_both(each.error.detail))
    if each.tls_version:
        version = version_in_words(each.tls_version)
        return say(f"{version}, certificat valable", f"{version}, certificate valid")
    return say("en clair", "in clear")


def remedy_of(examination: Examination, step: Step) -> str:
    """Remedy of a step, in one text: the ways that were tried and work, else that of the failure table."""
    working = _working(_tried_for(examination, step))
    return " · ".join(_told(each) for each in working) or words(step.fix)


# The steps.


def _session(examination: Examination, names: int, columns: int, paint: Paint) -> Iterator[str]:
    for number, step in enumerate(examination.session_steps, 1):
        yield from _step(str(number), step, names, columns, paint, _tried_for(examination, step))


def _working(tried: Sequence[Neighbour]) -> Sequence[Neighbour]:
    """The ways that work; in clear only where none does with TLS."""
    works = [each for each in tried if each.works]
    return [each for each in works if each.tls_version] or works


def _told(each: Neighbour) -> str:
    return f"{each.url} ({say('essayé : ✓', 'tried: ✓')} {outcome_of(each)})"


def _verdict(examination: Examination, sentence: str, columns: int, paint: Paint) -> Iterator[str]:
    status = examination.status
    first, *more = wrapped(f"{sentence[:1].upper()}{sentence[1:]}", columns and columns - 11)
    yield f"{paint('Verdict', _BOLD)}  {marked(status, paint)} {first}"
    for line in more:
        yield f"{'':11}{line}"


def _step(number: str, step: Step, names: int, columns: int, paint: Paint, tried: Sequence[Neighbour]) -> Iterator[str]:
    mark = marked(step.status, paint)
    yield from step_lines(number, _name(step), names, mark, words(step.finding), step.seconds, columns)
    for detail in step.details:
        yield from indented(words(detail), names + 6, columns)
    for record in step.records if step.status in ("failed", "warning") else ():
        yield from _entry("record", record, columns)
    if step.status in ("ok", "skipped"):
        return
    yield from _entry("said", step.said if step.said not in words(step.finding) else "", columns)
    yield from _entry("cause", words(step.cause), columns)
    yield from _remedies(step, tried, columns)
    yield from _entry("not", words(step.dont), columns)
    yield from _entry("command", step.command, columns)
    yield from _entry("raised", step.raised, columns)
    yield from _entry("help", f"courriel explain {step.failure}" if step.failure else "", columns)


def _remedies(step: Step, tried: Sequence[Neighbour], columns: int) -> Iterator[str]:
    """The ways that were tried and work; else the remedy of the table, and what was tried in vain."""
    working = _working(tried)
    label = LABELS["fix"]
    for each in working:
        yield from entry_lines(str(label), _told(each), columns)
        label = Bilingual("", "")
    if working:
        return
    yield from _entry("fix", words(step.fix), columns)
    label = LABELS["tried"]
    for each in tried:
        yield from entry_lines(str(label), f"✗ {_mode(each)}{say(' : ', ': ')}{outcome_of(each)}", columns)
        label = Bilingual("", "")


def _mode(each: Neighbour) -> str:
    return f"{each.url.partition('://')[0]}, port {each.server.port}"


def _tried_for(examination: Examination, step: Step) -> Sequence[Neighbour]:
    """The other ways stand below the first step that failed."""
    first = next((each for each in examination.session_steps if each.status == "failed"), None)
    return examination.tried if step is first else ()


def _entry(name: str, text: str, columns: int) -> Iterator[str]:
    return entry_lines(str(LABELS[name]), text, columns)


def _name(step: Step) -> str:
    name = words(name_of(step))
    return name if name.isupper() else name[:1].upper() + name[1:]
