"""`courriel dkim new` and `courriel dkim record`: a key, and what goes into the DNS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from courriel.cli.command import Command, GlobalOptions, Seconds, option
from courriel.cli.i18n import Bilingual, say, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from courriel.cli.reporting import CommandReport
    from courriel.wire.dkim.keys import SigningKey

TRY_AGAIN = 75
_EVERY = 5.0  # seconds between two questions to the name servers

_FILE = Bilingual("FICHIER", "FILE")


def _common(function: Callable[..., int]) -> Callable[..., int]:
    """The arguments that both commands have."""
    for add in reversed((
        click.argument("domain"),
        option("--selector", required=True, value=Bilingual("NOM", "NAME"),
               fr="Nom de la clé dans le DNS (s1, mail2026).", en="Name of the key in the DNS (s1, mail2026)."),
        option("--key", "file", required=True, value=_FILE, fr="Fichier de la clé privée.",
               en="File of the private key."),
        option("--wait", is_flag=True, fr="Attend que les serveurs de noms montrent l'enregistrement.",
               en="Waits until the name servers show the record."),
        option("--timeout", type=Seconds(0, 86400), default=900.0, value=Bilingual("SECONDES", "SECONDS"),
               fr="Attente maximale de --wait, en secondes (900).", en="Longest wait of --wait, in seconds (900)."),
        option("--dns", "name_server", value=Bilingual("ADRESSE[:PORT]", "ADDRESS[:PORT]"),
               fr="Serveur de noms à interroger ; par défaut celui du système.",
               en="Name server to ask; default: the system's."),
    )):  # fmt: skip
        function = add(function)
    return function


@click.command(
    "new",
    cls=Command,
    words=Bilingual(
        "Fait une clé privée dans un nouveau fichier, que vous seul pouvez lire, et montre l'enregistrement à publier :"
        " pour un fichier de zone, et pour un formulaire. Pour changer de clé : un nouveau sélecteur, l'ancien reste"
        " publié une semaine.",
        "Makes a private key in a new file, which you alone can read, and shows the record to publish: for a zone file,"
        " and for a web form. To change a key: a new selector, and the old one stays published for a week.",
    ),
    examples=[
        "courriel dkim new example.org --selector s1 --key s1.pem",
        "courriel dkim new example.org --selector e1 --key e1.pem --kind ed25519 --wait",
    ],
    usage=Bilingual("DOMAINE", "DOMAIN"),
)
@_common
@option("--kind", type=click.Choice(["rsa", "ed25519"]), default="rsa", value="rsa|ed25519",
        fr="Type de clé (rsa : tous les serveurs la lisent ; ed25519 : en plus, courte).",
        en="Kind of key (rsa: every server reads it; ed25519: beside it, short).")  # fmt: skip
@option("--bits", type=click.Choice(["2048", "3072", "4096"]), default="2048", value="2048|3072|4096",
        fr="Longueur d'une clé RSA (2048).", en="Length of an RSA key (2048).")  # fmt: skip
@click.pass_obj
def new(manner: GlobalOptions, /, domain: str, selector: str, file: str, kind: str, bits: str, **rest: Any) -> int:
    """Make the key, and show its record."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.dkim.new_key import write_new_key
    from courriel.delivery.dkim.signer import checked_domain, checked_selector

    domain, selector = checked_domain(domain), checked_selector(selector)
    key = write_new_key(file, "ed25519" if kind == "ed25519" else "rsa", int(bits))
    return _shown(CommandReport(manner), domain, selector, file, key, **rest)


@click.command(
    "record",
    cls=Command,
    words=Bilingual(
        "Montre l'enregistrement DNS d'une clé qui existe, ou attend avec --wait que les serveurs de noms le montrent.",
        "Shows the DNS record of a key that is there, or with --wait waits until the name servers show it.",
    ),
    examples=["courriel dkim record example.org --selector s1 --key s1.pem --wait"],
    usage=Bilingual("DOMAINE", "DOMAIN"),
)
@_common
@click.pass_obj
def record(manner: GlobalOptions, /, domain: str, selector: str, file: str, **rest: Any) -> int:
    """Show the record of a key."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.dkim.key_source import read_key
    from courriel.delivery.dkim.references import key_reference
    from courriel.delivery.dkim.signer import checked_domain, checked_selector

    domain, selector = checked_domain(domain), checked_selector(selector)
    key = read_key(key_reference(f"file:{file}"), domain, selector)
    return _shown(CommandReport(manner), domain, selector, file, key, **rest)


def pause(seconds: float) -> None:
    """Pause between two questions to the name servers."""
    from time import sleep

    sleep(seconds)


# The steps.


def _shown(
    report: CommandReport,
    domain: str,
    selector: str,
    file: str,
    key: SigningKey,
    *,
    wait: bool,
    timeout: float,
    name_server: str | None,
) -> int:
    from courriel.delivery.dkim.records import forms_of

    forms = forms_of(domain, selector, key)
    problem = ""
    _print(report, domain, selector, file, key)
    if wait:
        problem = _waited(report, domain, selector, key, timeout, name_server or "")
    status = TRY_AGAIN if problem else 0
    document: dict[str, object] = {
        "ok": not problem, "key": file, "kind": key.kind, "bits": key.bits, "domain": domain, "selector": selector,
        "name": forms.name, "value": forms.value, "strings": forms.strings, "zone": forms.zone,
        **({"published": not problem} if wait else {}), "sysexit": status,
    }  # fmt: skip
    if report.values(document):
        report.count(status)
    elif problem:
        report.failing(status, "NotPublished", problem)
        report.aside(
            say("  Publiez l'enregistrement montré ci-dessus, puis relancez la même commande : un changement peut"
                " prendre une heure, ou davantage chez certains hébergeurs.",
                "  Publish the record shown above, then run the same command again: a change may take an hour, and"
                " longer with some hosters.")
        )  # fmt: skip
    elif wait:
        report.line(say(f"Publié : {forms.name} a cette clé.", f"Published: {forms.name} has this key."))
    return report.status


def _print(report: CommandReport, domain: str, selector: str, file: str, key: SigningKey) -> None:
    """Print the record in the forms that hosters want, and the settings that use the key; nothing with --json."""
    from courriel.delivery.dkim.records import forms_of
    from courriel.delivery.settings.locations import user_file

    forms = forms_of(domain, selector, key)
    kind = f"RSA {key.bits}" if key.kind == "rsa" else "Ed25519"
    where, settings = visible(str(Path(file).absolute())), visible(str(user_file()))
    name = domain.partition(".")[0]
    for line in (
        say(f"Clé {kind}, que vous seul pouvez lire : {where}", f"{kind} key, which you alone can read: {where}"),
        "",
        say("Enregistrement à publier, pour un fichier de zone :", "Record to publish, for a zone file:"),
        "",
        forms.zone,
        "",
        say("ou pour un formulaire :", "or for a web form:"),
        "",
        say(f"  nom      {forms.host}     (s'il veut tout : {forms.name})",
            f"  name     {forms.host}     (where it wants all of it: {forms.name})"),
        "  type     TXT",
        say(f"  valeur   {forms.value}", f"  value    {forms.value}"),
        "",
        say(f"Réglages, dans {settings} ; puis ?dkim={name} dans l'URL, ou dkim = \"{name}\" dans un profil :",
            f'Settings, in {settings}; then ?dkim={name} in the URL, or dkim = "{name}" in a profile:'),
        "",
        f"  [dkim.{name}]",
        f'  domain = "{domain}"',
        f'  selector = "{selector}"',
        f'  key = "file:{where}"',
        "",
        say(f"Publié ? courriel dkim record {domain} --selector {selector} --key {visible(file)} --wait",
            f"Published? courriel dkim record {domain} --selector {selector} --key {visible(file)} --wait"),
    ):  # fmt: skip
        report.plain(line)


def _waited(
    report: CommandReport, domain: str, selector: str, key: SigningKey, timeout: float, name_server: str
) -> str:
    """Ask until the record is there; what was wrong at last, "" when it is there."""
    from time import monotonic

    from courriel.doctor.dkim_record import missing_record
    from courriel.doctor.domain.name_service import NameService

    until = monotonic() + timeout
    said = ""
    while True:
        problem = missing_record(domain, selector, key, NameService(name_server))
        if not problem:
            return ""
        told = say(problem.fr, problem.en)
        if told != said:
            report.aside(visible(told))
            said = told
        if monotonic() + _EVERY > until:
            return told
        pause(_EVERY)
