"""The page of the report: each mail as it looks, beside what it was in the last run where the two differ."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Literal

from courriel.testing.report.record import MailRecord

Verdict = Literal["new", "changed", "gone", "same"]

_ORDER: tuple[Verdict, ...] = ("changed", "new", "gone", "same")
_WORDS = {
    "changed": "differs from the last run",
    "new": "new",
    "gone": "no longer sent",
    "same": "as before",
}
_MOST_LINES = 400  # of one difference

# No script, and nothing from outside: a mail is shown in a frame with a sandbox, which inherits this policy.
_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>Mails of the test suite</title><style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:75rem}
h1{font-size:1.4rem} h2{font-size:1.05rem;margin:0;overflow-wrap:anywhere}
section{border:1px solid #8888;border-radius:.4rem;padding:.8rem 1rem;margin:1rem 0}
.v{font-size:.85rem;font-weight:600;padding:.1rem .5rem;border-radius:1rem;border:1px solid currentColor}
.changed .v{color:light-dark(#8a4b00,#ffb454)} .new .v{color:light-dark(#0a5c36,#6fdba3)}
.gone .v{color:light-dark(#9b1c1c,#ff8a8a)} .same .v{color:light-dark(#555,#aaa)}
p.t{margin:.2rem 0 .6rem;font-size:.85rem;overflow-wrap:anywhere}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1rem}
figure{margin:0} figcaption{font-size:.85rem}
iframe{width:100%;height:26rem;border:1px solid #8888;background:#fff;resize:vertical;color-scheme:light}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:.85rem/1.4 ui-monospace,monospace;margin:.5rem 0}
ins{text-decoration:none;background:light-dark(#d6f5e0,#12452a)} del{background:light-dark(#fbdcdc,#5a1d1d)}
</style></head><body>"""


@dataclass(frozen=True)
class ComparedMail:
    """One mail, now and in the last run; either may be missing."""

    verdict: Verdict
    now: MailRecord | None
    before: MailRecord | None

    @property
    def record(self) -> MailRecord:
        """The mail as it is now, or else as it was."""
        record = self.now or self.before
        assert record is not None
        return record


def compared(
    before: Mapping[str, MailRecord], now: Mapping[str, MailRecord], tests: Iterable[str]
) -> list[ComparedMail]:
    """All mails of this run, and those that its tests no longer send; what differs comes first."""
    ran = set(tests)
    results = [
        ComparedMail("new" if name not in before else "same" if before[name] == record else "changed", record,
                 before.get(name))
        for name, record in now.items()
    ]  # fmt: skip
    results += [
        ComparedMail("gone", None, record) for name, record in before.items() if name not in now and record.test in ran
    ]
    return sorted(results, key=lambda each: (_ORDER.index(each.verdict), each.record.test, each.record.number))


def page(results: list[ComparedMail]) -> str:
    """The whole page. Words of mails are escaped wherever they stand."""
    counts = ", ".join(
        f"{count} {_WORDS[verdict]}"
        for verdict in _ORDER
        if (count := sum(each.verdict == verdict for each in results))
    )
    body = "\n".join(map(_mail, results)) or "<p>No mail was sent by way of <code>mail_outbox</code>.</p>"
    return f"{_HEAD}<h1>Mails of the test suite: {len(results)}</h1><p>{counts}</p>{body}</body></html>\n"


# The steps.


def _mail(each: ComparedMail) -> str:
    record = each.record
    title = html.escape(record.subject or "(no subject)")
    difference = _difference(each) if each.verdict == "changed" else ""
    shown = [_frame(record, "now" if each.verdict == "changed" else "")]
    if each.verdict == "changed" and each.before is not None and _looks(each.before) != _looks(record):
        shown.insert(0, _frame(each.before, "in the last run"))
    facts = html.escape("\n".join(record.facts()))
    return (
        f'<section class="{each.verdict}"><h2>{title} <span class="v">{_WORDS[each.verdict]}</span></h2>'
        f'<p class="t">{html.escape(record.test)}, mail {record.number}; to {html.escape(", ".join(record.recipients))}'
        f'</p>{difference}<div class="two">{"".join(shown)}</div>'
        f"<details><summary>Header, text</summary><pre>{facts}</pre><pre>{html.escape(record.text)}</pre></details>"
        "</section>"
    )


def _looks(record: MailRecord) -> str:
    return record.shown or record.text


def _frame(record: MailRecord, caption: str) -> str:
    inside = record.shown or f'<pre style="white-space:pre-wrap">{html.escape(record.text)}</pre>'
    words = f"<figcaption>{caption}</figcaption>" if caption else ""
    title = html.escape(f"mail {record.number} of {record.test} {caption}")
    return f'<figure>{words}<iframe sandbox="" title="{title}" srcdoc="{html.escape(inside)}"></iframe></figure>'


def _difference(each: ComparedMail) -> str:
    assert each.now is not None
    assert each.before is not None
    lines: list[str] = []
    for old, new in (
        (each.before.facts(), each.now.facts()),
        (each.before.text.splitlines(), each.now.text.splitlines()),
        (each.before.html.splitlines(), each.now.html.splitlines()),
    ):
        lines += [line for line in list(unified_diff(old, new, lineterm="", n=1))[2:] if not line.startswith("@@")]
    shown = [
        f"<ins>{html.escape(line)}</ins>" if line[0] == "+" else f"<del>{html.escape(line)}</del>" if line[0] == "-"
        else html.escape(line)
        for line in lines[:_MOST_LINES]
    ]  # fmt: skip
    more = f"\n… and {len(lines) - _MOST_LINES} lines more" if len(lines) > _MOST_LINES else ""
    return f"<pre>{chr(10).join(shown)}{more}</pre>"
