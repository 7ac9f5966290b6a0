"""Reference of the data: failures, providers, options, variables, exit codes, stages, extras, and the command line."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
from plan import GENERATED, Language
from python_names import Generated

from courriel import failures
from courriel.cli.program import program, run
from courriel.delivery.urls import providers, schemes
from courriel.failures import Failure, Text, speak
from courriel.sandbox import weather

HERE = Path(__file__).parent

_WORDS = {
    "cause": Text("Cause", "Cause"),
    "fix": Text("Que faire", "What to do"),
    "dont": Text("Ce qu'il ne faut pas faire", "What not to do"),
    "said": Text("Ce qu'on lit", "What is read"),
    "stage": Text("Étape", "Stage"),
    "retry": Text("Réessayer", "Retry"),
    "exit": Text("Code de sortie", "Exit code"),
    "provider": Text("Fournisseur", "Provider"),
    "provoke": Text("Le provoquer", "Provoke it"),
    "none": Text(
        "Aucun serveur ne le dit : c'est la bibliothèque qui le constate. Le serveur d'essai ne le joue pas.",
        "No server says it: the library finds it. The practice server does not play it.",
    ),
    "never": Text("non : changer quelque chose d'abord", "no: change something first"),
    "later": Text("oui, le même message, plus tard", "yes, the same mail, after a pause"),
    "reconnect": Text("oui, tout de suite, dans une nouvelle session", "yes, at once, on a new session"),
    "uncertain": Text("incertain : il est peut-être parti", "uncertain: it may have left already"),
    "option": Text("Option", "Option"),
    "usable": Text("Utilisable dans", "Usable in"),
    "meaning": Text("Sens", "Meaning"),
}


def data_pages(root: Path, language: Language) -> Iterator[Generated]:
    """Every generated page that is not of a Python name."""
    speak(language)
    tables = tomllib.loads((HERE / "tables.toml").read_text("utf-8"))
    yield from _failure_pages(tables["stage"], language)
    yield from _provider_pages(language)
    yield from _command_pages(language)
    yield Generated("url-options", _options_page(tables["option"], language))
    yield Generated("environment", _table_page("environment", tables["environment"], language))
    yield Generated("exit-codes", _table_page("exit-codes", tables["exit_code"], language))
    yield Generated("stages", _table_page("stages", tables["stage"], language))
    yield Generated("extras", _table_page("extras", tables["extra"], language, 'pip install "courriel[{}]"'))
    speak(None)


# The steps.


def _word(name: str, language: Language) -> str:
    return _of(_WORDS[name], language)


def _of(text: Text, language: Language) -> str:
    return text.fr if language == "fr" else text.en


def _failure_pages(stages: dict[str, dict[str, str]], language: Language) -> Iterator[Generated]:
    lines = [f"# {GENERATED[language]['failures']}", ""]
    by_stage: dict[str, list[Failure]] = {}
    for record in failures.all():
        by_stage.setdefault(record.stage, []).append(record)
    for stage, records in by_stage.items():
        lines += [f"## {stage}", "", stages[stage][language] if stage else "", ""]
        for record in records:
            said = f" `{record.id}`" if record.examples else f": {_escaped(_of(record.cause, language))}"
            lines.append(f"- [{_escaped(_title(record))}](failures/{record.id}.md){said}")
            yield Generated(f"failures/{record.id}", _failure_page(record, language))
        lines.append("")
    yield Generated("failures", "\n".join(lines))


def _failure_page(record: Failure, language: Language) -> str:
    def text(of: Text) -> str:
        return _escaped(_of(of, language))

    lines = [f"# {_escaped(_title(record))}", "", f"`{record.id}`", ""]
    if len(record.examples) > 1 or any(_title(record) != example for example in record.examples):
        lines += [f"## {_word('said', language)}", ""]
        for example in record.examples:
            fence = "````" if "```" in example else "```"
            lines += [f"{fence}text", example, fence, ""]
    lines += [f"## {_word('cause', language)}", "", text(record.cause), ""]
    lines += [f"## {_word('fix', language)}", "", text(record.fix), ""]
    if record.dont.en:
        lines += [f"## {_word('dont', language)}", "", text(record.dont), ""]
    lines += ["| | |", "| --- | --- |"]
    lines.append(f"| {_word('stage', language)} | `{record.stage}` |")
    lines.append(f"| {_word('retry', language)} | {_word(record.retry, language)} |")
    lines.append(f"| {_word('exit', language)} | {record.sysexit} |")
    if record.provider:
        lines.append(f"| {_word('provider', language)} | {record.provider} |")
    lines += ["", f"## {_word('provoke', language)}", ""]
    if weather.by_name(record.id) is not None:
        lines += ["```sh", f"courriel sandbox --play {record.id}", "```", "", "```python"]
        lines += [
            "from courriel import Sandbox",
            "",
            "with Sandbox() as sandbox:",
            f'    sandbox.play("{record.id}")',
            "```",
        ]
    else:
        lines.append(_word("none", language))
    return "\n".join(lines) + "\n"


def _title(record: Failure) -> str:
    """The text that people paste into a search engine: the first line of the first example; or the id."""
    if not record.examples:
        return record.id
    line = record.examples[0].splitlines()[0]
    return line if len(line) <= 160 else line[:159].rsplit(" ", 1)[0] + " …"


def _escaped(text: str) -> str:
    """Text as Markdown that shows it: addresses between angle brackets are no tags, and stars no emphasis."""
    return re.sub(r"([\\`*_{}\[\]<>#])", r"\\\1", text)


def _provider_pages(language: Language) -> Iterator[Generated]:
    lines = [f"# {GENERATED[language]['provider']}", "", "| | |", "| --- | --- |"]
    for provider in providers.all():
        lines.append(f"| [`{provider.name}:`](provider/{provider.name}.md) | {provider.title} |")
        facts = _run(["--lang", language, "providers", provider.name])
        speak(language)
        text = f"# {provider.title}\n\n{_facts_table(facts)}\n"
        yield Generated(f"provider/{provider.name}", text)
    lines.append("")
    yield Generated("provider", "\n".join(lines))


def _facts_table(printed: str) -> str:
    """What `courriel providers` prints of one, as a table that fits on a phone."""
    first, *rest = printed.rstrip().splitlines()
    rows: list[tuple[str, str]] = []
    for line in rest:
        name, _, text = line.strip().partition("  ")
        rows.append((name, re.sub(r"(https://[^\s)]+)", r"<\1>", text.strip()).replace("|", "\\|")))
    table = [f"| {name} | {f'`{text}`' if name == 'URL' else text} |" for name, text in rows]
    return "\n".join([f"`{first.split()[0]}:`", "", "| | |", "| --- | --- |", *table])


def _run(words: list[str]) -> str:
    """What the command prints with these words."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = run(words)
    if status:
        raise RuntimeError(f"courriel {' '.join(words)}: status {status}")
    return printed.getvalue()


def commands(group: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The command and everything below it, with the words that name each."""
    yield words, group
    if isinstance(group, click.Group):
        context = click.Context(group, info_name=words[-1])
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            if found is not None:
                yield from commands(found, (*words, name))


def help_of(words: tuple[str, ...], command: click.Command) -> str:
    """Help of the command as it is printed, 80 columns wide."""
    context = click.Context(click.Command(""), info_name="courriel")
    for word in words[1:]:
        context = click.Context(command, info_name=word, parent=context)
    last = click.Context(command, info_name=words[-1], parent=context.parent, max_content_width=80, terminal_width=80)
    return command.get_help(last)


def _command_pages(language: Language) -> Iterator[Generated]:
    lines = [f"# {GENERATED[language]['command']}", ""]
    for words, command in commands(program, ("courriel",)):
        name = "-".join(words)
        text = f"# {' '.join(words)}\n\n```text\n{help_of(words, command).rstrip()}\n```\n"
        lines.append(f"- [{' '.join(words)}](command/{name}.md)")
        yield Generated(f"command/{name}", text)
    lines.append("")
    yield Generated("command", "\n".join(lines))


def _options_page(rows: dict[str, dict[str, str]], language: Language) -> str:
    title, option, usable, meaning = (
        GENERATED[language]["url-options"],
        _word("option", language),
        _word("usable", language),
        _word("meaning", language),
    )
    lines = [f"# {title}", "", f"| {option} | {usable} | {meaning} |", "| --- | --- | --- |"]
    for name, text in rows.items():
        where = []
        if name not in schemes.IMAP_OPTIONS:
            where.append("SMTP")
        if name in schemes.READING_OPTIONS:
            where += ["IMAP"] if name in schemes.IMAP_OPTIONS else ["POP3", "IMAP"]
        lines.append(f"| `{name}` | {', '.join(where)} | {text[language]} |")
    return "\n".join(lines) + "\n"


def _table_page(page: str, rows: dict[str, dict[str, str]], language: Language, form: str = "{}") -> str:
    lines = [f"# {GENERATED[language][page]}", "", "| | |", "| --- | --- |"]
    lines += [f"| `{form.format(name)}` | {text[language]} |" for name, text in rows.items()]
    return "\n".join(lines) + "\n"
