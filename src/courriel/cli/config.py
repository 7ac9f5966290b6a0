"""`courriel config show`: the settings that count, and where each came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, Group, Manner
from courriel.cli.speaking import Words, say, visible
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel.delivery.profiles import Setting

CONFIGURATION = 78


@click.command(
    "show",
    cls=Command,
    words=Words(
        "Montre chaque réglage, les secrets masqués, et d'où il vient : l'environnement, le projet ou l'utilisateur.",
        "Shows each setting, secrets masked, and where it came from: environment, project or user.",
    ),
    examples=["courriel config show"],
)
@click.pass_obj
def show(manner: Manner) -> int:
    """Print them."""
    from courriel.cli.reporting import Report
    from courriel.delivery.profiles import explain

    report = Report(manner)
    settings = explain()
    status = CONFIGURATION if any(_is_wrong(each) for each in settings) else 0
    rows = [{"name": each.name, "value": each.value, "source": each.source} for each in settings]
    if not report.values({"ok": status == 0, "settings": rows, "sysexit": status}):
        wide = max((len(_name(each.name)) for each in settings), default=0)
        for each in settings:
            value = visible(_in_words(each.value))
            report.line(f"{_name(each.name).ljust(wide)}  {value}\n{'':{wide}}    ← {visible(_in_words(each.source))}")
    return status


def _in_words(text: str) -> str:
    """A value or a source in the language spoken; an error stands in brackets."""
    in_brackets = text.startswith("(") and text.endswith(")")
    return f"({spoken(text[1:-1])})" if in_brackets else spoken(text)


def _name(name: str) -> str:
    return spoken(name) if name == "file" else say("attention", "warning") if name == "warning" else name


def _is_wrong(setting: Setting) -> bool:
    """Whether it cannot be used; that nothing is set at all is no mistake."""
    return setting.source != "nowhere" and setting.value.startswith("(")


command = Group(
    "config",
    words=Words("Montre les réglages, et d'où ils viennent.", "Shows the settings, and where they come from."),
    examples=["courriel config show"],
    table={"show": Words("Montre chaque réglage et sa source.", "Shows each setting and its source.")},
    load=lambda name: show,
)
