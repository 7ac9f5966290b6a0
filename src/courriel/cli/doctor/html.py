"""An examination as one self-contained HTML page: no script, nothing is fetched, no secret."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from courriel.cli.doctor.layout import MARKS, milliseconds, stamp
from courriel.cli.doctor.printing import LABELS, outcome_of, remedy_of, way_title
from courriel.cli.i18n import say, transcript_line, visible
from courriel.doctor.examination import Examination, name_of
from courriel.doctor.step import Step, words
from courriel.failures import language

_STYLE = """
:root { color-scheme: light dark; --ok: #1a7f37; --warning: #9a6700; --failed: #cf222e; --quiet: #59636e;
  --line: #d1d9e0; --ground: #fff; --text: #1f2328; --box: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ok: #3fb950; --warning: #d29922; --failed: #f85149; --quiet: #9198a1;
  --line: #3d444d; --ground: #0d1117; --text: #f0f6fc; --box: #151b23; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem; max-width: 60rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { padding: .75rem 1rem; border-left: .35rem solid var(--ok); background: var(--box); font-weight: 600; }
.verdict.failed { border-color: var(--failed); }
ol { list-style: none; margin: 0; padding: 0; }
ol.steps > li { border-top: 1px solid var(--line); padding: .6rem 0; }
.head { display: grid; grid-template-columns: 1.5rem 10rem 1fr auto; gap: .25rem .5rem; }
.name { font-weight: 600; } .time { color: var(--quiet); white-space: nowrap; font-variant-numeric: tabular-nums; }
.mark.ok { color: var(--ok); } .mark.warning, .mark.unknown { color: var(--warning); }
.mark.failed { color: var(--failed); } .mark.skipped { color: var(--quiet); }
dl { display: grid; grid-template-columns: 10rem 1fr; gap: .2rem .5rem; margin: .4rem 0 0 2rem; }
dt { color: var(--quiet); } dd { margin: 0; }
ul { margin: .3rem 0 0 12.5rem; padding: 0 0 0 1rem; color: var(--quiet); }
code, pre { font: .875rem/1.45 ui-monospace, monospace; }
code { background: var(--box); padding: .1rem .3rem; border-radius: .2rem; }
pre { background: var(--box); padding: .75rem 1rem; overflow-x: auto; white-space: pre-wrap; }
footer { margin-top: 2rem; color: var(--quiet); font-size: .875rem; }
@media (max-width: 40rem) { .head { grid-template-columns: 1.5rem 1fr auto; }
  .finding { grid-column: 2 / -1; grid-row: 2; }
  .time { grid-column: 3; grid-row: 1; }
  dl { grid-template-columns: 1fr; margin-left: 0; } dt { margin-top: .3rem; } ul { margin-left: 0; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(examination: Examination) -> str:
    """The whole page."""
    return "\n".join(_lines(examination)) + "\n"


# The steps.


def _lines(examination: Examination) -> Iterator[str]:
    title = say(f"Examen de {examination.target}", f"Examination of {examination.target}")
    yield "<!doctype html>"
    yield f'<html lang="{language()}"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{_text(title)}</h1>"
    status = examination.status
    yield f'<p class="verdict {status}">{MARKS[status]} {_text(words(examination.verdict))}</p>'
    yield from _section(examination, say("Le serveur", "The server"), examination.session_steps)
    for number, way in enumerate(examination.ways, 1):
        yield from _section(way, way_title(number, way), way.session_steps)
    domain = say(f"Le domaine {examination.domain}", f"The domain {examination.domain}")
    yield from _section(examination, domain, examination.domain_steps)
    tried = [each for one in (examination, *examination.ways) for each in one.tried]
    if tried:
        yield f"<h2>{_text(say('Autres ports et modes essayés', 'Other ports and modes that were tried'))}</h2><ol>"
        for each in tried:
            mark = "ok" if each.works else "failed"
            outcome = _text(outcome_of(each))
            yield f"<li>{_mark(mark)} <code>{_text(each.url)}</code> {outcome}</li>"
        yield "</ol>"
    if examination.transcript:
        title = say("Le dialogue, sans secrets", "The dialogue, without secrets")
        dialogue = "\n".join(escape(transcript_line(entry)) for entry in examination.transcript)
        yield f"<details open><summary><h2>{_text(title)}</h2></summary><pre>{dialogue}</pre></details>"
    yield f"<footer>{_text(words(examination.closing))}<br>{_text(stamp())}</footer></body></html>"


def _section(examination: Examination, title: str, steps: tuple[Step, ...]) -> Iterator[str]:
    if not steps:
        return
    yield f'<h2>{_text(title)}</h2><ol class="steps">'
    for step in steps:
        name = words(name_of(step))
        yield (
            f'<li><div class="head">{_mark(step.status)}<span class="name">{_text(name[:1].upper() + name[1:])}</span>'
            f'<span class="finding">{_text(words(step.finding))}</span>'
            f'<span class="time">{_text(milliseconds(step.seconds))}</span></div>'
        )
        if step.details:
            yield f"<ul>{''.join(f'<li>{_text(words(detail))}</li>' for detail in step.details)}</ul>"
        yield from _explained(examination, step)
        yield "</li>"
    yield "</ol>"


def _explained(examination: Examination, step: Step) -> Iterator[str]:
    texts = [
        ("said", step.said, True), ("cause", words(step.cause), False), ("fix", remedy_of(examination, step), False),
        ("not", words(step.dont), False), ("command", step.command, True), ("raised", step.raised, True),
        *(("record", record, True) for record in step.records),
        ("help", f"courriel explain {step.failure}" if step.failure else "", True),
    ]  # fmt: skip
    rows = [(LABELS[name], text, code) for name, text, code in texts if text]
    if rows:
        yield "<dl>"
        for label, text, code in rows:
            shown = f"<code>{_text(text)}</code>" if code else _text(text)
            yield f"<dt>{_text(str(label))}</dt><dd>{shown}</dd>"
        yield "</dl>"


def _mark(status: str) -> str:
    return f'<span class="mark {status}">{MARKS[status]}</span>'


def _text(text: str) -> str:
    return escape(visible(text))
