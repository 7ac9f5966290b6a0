"""`courriel config`: effective settings, their sources, and trusted settings files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, Group
from courriel.cli.i18n import Bilingual, say, visible
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel.delivery.settings.files import SettingsFile
    from courriel.delivery.settings.profiles import Setting

CONFIGURATION, NO_INPUT = 78, 66


@click.command(
    "show",
    cls=Command,
    words=Bilingual(
        "Montre chaque réglage, les secrets masqués, et d'où il vient : l'environnement, le projet, l'utilisateur ou la"
        " machine.",
        "Shows each setting, secrets masked, and where it came from: environment, project, user or machine.",
    ),
    examples=["courriel config show"],
)
@click.pass_obj
def show(manner: GlobalOptions) -> int:
    """Print the settings."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.settings.profiles import explain

    report = CommandReport(manner)
    locations = explain()
    status = CONFIGURATION if any(_is_invalid(each) for each in locations) else 0
    rows = [{"name": each.name, "value": each.value, "source": each.source} for each in locations]
    if not report.values({"ok": status == 0, "settings": rows, "sysexit": status}):
        wide = max((len(_profile_name(each.name)) for each in locations), default=0)
        for each in locations:
            value, source = visible(_shown_value(each.value)), visible(_shown_value(each.source))
            report.line(f"{_profile_name(each.name).ljust(wide)}  {value}\n{'':{wide}}    ← {source}")
    return status


def _shown_value(text: str) -> str:
    """A value or a source in the current language; an error is in brackets."""
    in_brackets = text.startswith("(") and text.endswith(")")
    return f"({spoken(text[1:-1])})" if in_brackets else spoken(text)


def _profile_name(name: str) -> str:
    return spoken(name) if name == "file" else say("attention", "warning") if name == "warning" else name


@click.command(
    "trust",
    cls=Command,
    words=Bilingual(
        "Approuve un fichier de réglages d'un projet, tel qu'il est maintenant : il pourra dire où part le courrier et"
        " où est le mot de passe. S'il change, il faudra l'approuver de nouveau. Sans FICHIER : celui qui serait lu"
        " ici.",
        "Approves a project's settings file, as it is now: it may then say where mail goes and where the password is. "
        "When it changes it has to be approved again. Without FILE: the one that would be read here.",
    ),
    examples=["courriel config trust", "courriel config trust /srv/shop/courriel.toml"],
    usage=Bilingual("[FICHIER]", "[FILE]"),
)
@click.argument("file", required=False)
@click.pass_obj
def trust(manner: GlobalOptions, file: str | None) -> int:
    """Store the approval, and print the file's profiles."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.settings import files, locations

    report = CommandReport(manner)
    found = _settings_file(file)
    if found is None:
        report.failing(NO_INPUT, "NotFound", _no_settings_sentence(file))
        return report.status
    files.approve(found, locations.approvals_file())
    document: dict[str, object] = {"ok": True, "file": str(found.path), "digest": found.digest, "sysexit": 0}
    if not report.values(document):
        for profile in locations.project_file(found.path).profiles.values():
            report.line(f"{visible(profile.name)}  {visible(profile.route().url)}")
        report.line(
            say(
                f"Approuvé, tel qu'il est là : {visible(str(found.path))} ({found.digest})",
                f"Approved, as it stands there: {visible(str(found.path))} ({found.digest})",
            )
        )
    return report.status


@click.command(
    "untrust",
    cls=Command,
    words=Bilingual("Retire l'approbation d'un fichier de réglages.", "Takes back the approval of a settings file."),
    examples=["courriel config untrust /srv/shop/courriel.toml"],
    usage=Bilingual("FICHIER", "FILE"),
)
@click.argument("file")
@click.pass_obj
def untrust(manner: GlobalOptions, file: str) -> int:
    """Remove the approval."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.settings import files, locations

    report = CommandReport(manner)
    path = Path(file).absolute()
    if not files.disapprove(path, locations.approvals_file()):
        sentence = say(f"« {path} » n'était pas approuvé", f'"{path}" was not approved')
        report.failing(NO_INPUT, "NotFound", sentence)
    elif not report.values({"ok": True, "file": str(path), "sysexit": 0}):
        report.line(say(f"Plus approuvé : {visible(str(path))}", f"No longer approved: {visible(str(path))}"))
    return report.status


# The steps.


def _settings_file(file: str | None) -> SettingsFile | None:
    """The given file, or the nearest one with settings of ours."""
    from courriel.delivery.settings import files, locations

    if file is not None:
        return files.read(Path(file).absolute())
    return next((found for path in locations.project_files() if (found := locations.holds_settings(path))), None)


def _no_settings_sentence(file: str | None) -> str:
    if file is not None:
        return say(f"« {file} » n'existe pas", f'"{file}" does not exist')
    return say(
        "il n'y a de courriel.toml ni ici ni dans un dossier au-dessus", "there is no courriel.toml here or above"
    )


def _is_invalid(setting: Setting) -> bool:
    """True for a setting that is wrong; a missing setting is not."""
    return setting.source != "nowhere" and setting.value.startswith("(")


_COMMANDS = {"show": show, "trust": trust, "untrust": untrust}


def _load(name: str) -> click.Command:
    if name == "new":
        from courriel.cli.config.new import command as new

        return new
    return _COMMANDS[name]


command = Group(
    "config",
    words=Bilingual(
        "Montre les réglages, et d'où ils viennent ; en propose pour une adresse.",
        "Shows the settings, and where they come from; proposes some for an address.",
    ),
    examples=["courriel config show", "courriel config trust courriel.toml", "courriel config new ada@example.org"],
    table={
        "show": Bilingual("Montre chaque réglage et sa source.", "Shows each setting and its source."),
        "new": Bilingual("Propose un profil pour une adresse.", "Proposes a profile for an address."),
        "trust": Bilingual("Approuve le fichier de réglages d'un projet.", "Approves a project's settings file."),
        "untrust": Bilingual("Retire cette approbation.", "Takes that approval back."),
    },
    load=_load,
)
