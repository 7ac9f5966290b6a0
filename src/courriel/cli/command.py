"""Base classes of all commands: help in two languages that starts with examples, and the global options."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from courriel.cli.i18n import Bilingual, say

F = TypeVar("F", bound=Callable[..., object])
_WHOLE, _SECONDS = re.compile(r"[0-9]{1,9}"), re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?")
_HELP = {"help_option_names": ["-h", "--help"]}


@dataclass(slots=True)
class GlobalOptions:
    """Global options of a command."""

    json: bool = False
    color: str = "auto"
    ask: bool = True
    doing: str = ""
    """Kind of command, for the first sentence of an error: "send", "queue", "read", or "" for any other."""


class Option(click.Option):
    """A click option whose help and metavar are translated when shown."""

    def __init__(
        self, names: Sequence[str], *, words: Bilingual, value: Bilingual | str | None = None, **rest: object
    ) -> None:
        super().__init__(names, **rest)  # type: ignore[arg-type]  # click's own words
        self.words = words
        self.value = value

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        if self.value is not None:
            self.metavar = str(self.value)
        record = super().get_help_record(ctx)
        # click would add the default and the limits of a number in English.
        return record and (record[0], str(self.words))


class Whole(click.IntRange):
    """Range of whole numbers in ASCII digits: `int()` takes 1_0 and digits of other scripts as well."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        if isinstance(value, str) and not _WHOLE.fullmatch(value):
            self.fail(f"{value!r} is not a number", param, ctx)  # reported in our own words, see usage_errors
        given: Any = value
        return super().convert(given, param, ctx)


class Seconds(click.FloatRange):
    """Range of seconds in ASCII digits, up to `most`: `float()` takes nan, inf and 1e400 as well."""

    def __init__(self, least: float, most: float, *, min_open: bool = False) -> None:
        super().__init__(least, most, min_open=min_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        if isinstance(value, str) and not _SECONDS.fullmatch(value):
            self.fail(f"{value!r} is not a number", param, ctx)
        given: Any = value
        return super().convert(given, param, ctx)


def option(*names: str, fr: str, en: str, value: Bilingual | str | None = None, **rest: object) -> Callable[[F], F]:
    """Decorator that adds an option with its help in both languages."""
    return click.option(*names, cls=Option, words=Bilingual(fr, en), value=value, **rest)


class _Spoken(click.Command):
    """A command with help in both languages: examples, usage, description, options."""

    words: Bilingual
    examples: tuple[Bilingual | str, ...]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(
            say("Exemples :\n", "Examples:\n") if len(self.examples) > 1 else say("Exemple :\n", "Example:\n")
        )
        for example in self.examples:
            formatter.write(f"  {example}\n")
        formatter.write_paragraph()
        formatter.write_usage(
            ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), say("Utilisation : ", "Usage: ")
        )
        formatter.write_paragraph()
        formatter.write_text(str(self.words))
        self.format_options(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        records = [record for each in options if (record := each.get_help_record(ctx)) is not None]
        formatter.write_paragraph()
        formatter.write(say("Options :\n", "Options:\n"))
        with formatter.indentation():
            formatter.write_dl(records)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        found = super().get_help_option(ctx)
        if found is not None:
            found.help = say("Affiche cette aide.", "Shows this help.")
        return found


class Command(_Spoken):
    """A command with the global options."""

    def __init__(
        self,
        name: str | None,
        *,
        words: Bilingual,
        examples: Sequence[Bilingual | str],
        usage: Bilingual | str = "",
        **rest: object,
    ) -> None:
        super().__init__(name, context_settings=_HELP, **rest)  # type: ignore[arg-type]  # click's own words
        self.words = words
        self.examples = tuple(examples)
        self.usage = usage
        self.params += manners()

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS]", *([str(self.usage)] if self.usage else [])]


class Group(_Spoken, click.Group):
    """Several commands under one name; `table` lists them with their help, without importing any."""

    def __init__(
        self,
        name: str | None,
        *,
        words: Bilingual,
        examples: Sequence[Bilingual | str],
        table: dict[str, Bilingual],
        load: Callable[[str], click.Command],
        **rest: object,
    ) -> None:
        super().__init__(name, invoke_without_command=True, context_settings=_HELP, **rest)  # type: ignore[arg-type]
        self.words = words
        self.examples = tuple(examples)
        self.table = table
        self.load = load
        self.callback = self._help_when_alone
        self.params += manners()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self.load(cmd_name) if cmd_name in self.table else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.table:
            known = ", ".join(self.table)
            raise click.UsageError(
                say(
                    f"« {args[0]} » n'est pas une commande ; il y a : {known}",
                    f'"{args[0]}" is not a command; there are: {known}',
                ),
                ctx,
            )
        return super().resolve_command(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS]", say("COMMANDE …", "COMMAND …")]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write(say("Commandes :\n", "Commands:\n"))
        with formatter.indentation():
            formatter.write_dl([(name, str(words)) for name, words in self.table.items()])
        super().format_options(ctx, formatter)

    @staticmethod
    def _help_when_alone() -> None:
        ctx = click.get_current_context()
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help())


def _use_config(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Set this file as the project's settings file, for this command and its subprocesses; `run` restores it."""
    if value is None:
        return
    if not os.path.exists(value):  # noqa: PTH110 - pathlib would be imported for this alone
        raise click.BadParameter(say(f"« {value} » n'existe pas", f'"{value}" does not exist'), ctx, parameter)
    os.environ["COURRIEL_CONFIG"] = os.path.abspath(value)  # noqa: PTH100


def manners() -> list[click.Parameter]:
    """The global options; each sets an attribute of the command's options object."""

    def note(name: str) -> Callable[[click.Context, click.Parameter, object], None]:
        def take(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
            if value is not None:
                setattr(ctx.ensure_object(GlobalOptions), name, value)

        return take

    return [
        Option(
            ["--lang"],
            words=Bilingual("Langue ; par défaut celle du système.", "Language; default: the system's."),
            value="fr|en",
            type=click.Choice(["fr", "en"]),
            expose_value=False,
        ),
        Option(
            ["--json"],
            words=Bilingual(
                "Résultats et erreurs en JSON, un objet par ligne.", "Results and errors as JSON, one object a line."
            ),
            is_flag=True,
            flag_value=True,
            default=None,
            expose_value=False,
            callback=note("json"),
        ),
        Option(
            ["--color"],
            words=Bilingual(
                "Couleurs : auto (sur un terminal, sauf si NO_COLOR), always ou never.",
                "Colours: auto (on a terminal, unless NO_COLOR), always or never.",
            ),
            value=Bilingual("QUAND", "WHEN"),
            type=click.Choice(["auto", "always", "never"]),
            default=None,
            expose_value=False,
            callback=note("color"),
        ),
        Option(
            ["--no-input"],
            words=Bilingual("Ne demande jamais rien.", "Never asks for anything."),
            is_flag=True,
            flag_value=False,
            default=None,
            expose_value=False,
            callback=note("ask"),
        ),
        Option(
            ["--config"],
            words=Bilingual(
                "Lit les réglages du projet dans ce fichier, et lui fait confiance.",
                "Reads the project's settings from this file, and trusts it.",
            ),
            value=Bilingual("FICHIER", "FILE"),
            default=None,
            expose_value=False,
            callback=_use_config,
        ),
    ]
