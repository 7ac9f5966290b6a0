"""`courriel dkim check`: every signature of a mail, verified."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say, visible

if TYPE_CHECKING:
    from courriel.cli.reporting import CommandReport
    from courriel.doctor.domain.name_service import DnsAnswer, Kind, Lookup
    from courriel.doctor.signature_check import SignatureReport
    from courriel.wire.dkim.verifying import DkimVerdict

NO_GOOD, TRY_AGAIN = 65, 75
_RED, _GREEN, _YELLOW = "31", "32", "33"
_MARKS = {"pass": ("✓", _GREEN), "fail": ("✗", _RED), "invalid": ("✗", _RED), "unknown": ("?", _YELLOW)}
_WORDS = {
    "pass": Bilingual("valide", "valid"),
    "fail": Bilingual("fausse", "broken"),
    "invalid": Bilingual("inutilisable", "unusable"),
    "unknown": Bilingual("inconnue", "unknown"),
}


@click.command(
    "check",
    cls=Command,
    words=Bilingual(
        "Vérifie chaque signature DKIM d'un message, avec les clés que le DNS montre maintenant. FICHIER est un .eml de"
        " n'importe quelle taille, ou - pour l'entrée standard. ARC est montré, sans être jugé. Statuts : 0 une"
        " signature est valide, 65 aucune, 75 le service de noms n'a pas répondu.",
        "Verifies each DKIM signature of a mail, with the keys that the DNS shows now. FILE is a .eml of any size, or -"
        " for the standard input. ARC is shown, and not judged. Exit statuses: 0 one signature is valid, 65 none is, 75"
        " the name service did not answer.",
    ),
    examples=["courriel dkim check mail.eml", "courriel dkim check mail.eml --key s1.pem"],
    usage=Bilingual("FICHIER", "FILE"),
)
@click.argument("file")
@option("--dns", "name_server", value=Bilingual("ADRESSE[:PORT]", "ADDRESS[:PORT]"),
        fr="Serveur de noms à interroger ; par défaut celui du système.",
        en="Name server to ask; default: the system's.")  # fmt: skip
@option("--key", "key_file", value=Bilingual("FICHIER", "FILE"),
        fr="Vérifie avec cette clé privée, sans interroger le DNS : avant que son enregistrement ne soit publié.",
        en="Verifies with this private key, and asks no DNS: before its record is published.")  # fmt: skip
@click.pass_obj
def check(manner: GlobalOptions, file: str, name_server: str | None, key_file: str | None) -> int:
    """Verify, and report."""
    from courriel.cli.reporting import CommandReport
    from courriel.doctor.signature_check import check_signatures

    report = CommandReport(manner)
    ask = _records_of_key(key_file) if key_file else _name_service(name_server or "")
    unpublished: list[str] = []

    def noted(name: str, kind: Kind, /) -> DnsAnswer:
        answer = ask(name, kind)
        if answer.void:
            unpublished.append(name)
        return answer

    with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as mail:
        found = check_signatures(mail, noted)
    status = _status(found)
    if not report.values(_document(found, status)):
        _print(report, found)
        if unpublished and status:
            report.aside(
                say(
                    "Pas encore publiée ? --key FICHIER vérifie avec la clé elle-même.",
                    "Not published yet? --key FILE verifies with the key itself.",
                )
            )
    report.count(status)
    return report.status


# The steps.


def _name_service(address: str) -> Lookup:
    from courriel.doctor.domain.name_service import NameService

    return NameService(address)


def _records_of_key(file: str) -> Lookup:
    """A lookup that has the record of this key under every name: what the DNS will say once it is published."""
    from courriel.delivery.dkim.key_source import read_key
    from courriel.delivery.dkim.records import forms_of
    from courriel.delivery.dkim.references import key_reference
    from courriel.doctor.domain.name_service import DnsAnswer

    key = read_key(key_reference(f"file:{file}"), "", "")
    record = forms_of("example.org", "key", key).value
    return lambda name, kind, /: DnsAnswer("found", (record,))


def _status(found: SignatureReport) -> int:
    results = {each.result for each in found.verdicts}
    if "pass" in results:
        return 0
    return TRY_AGAIN if "unknown" in results else NO_GOOD


def _document(found: SignatureReport, status: int) -> dict[str, object]:
    return {
        "ok": status == 0,
        "signatures": [
            {
                "result": each.result, "domain": each.domain, "selector": each.selector, "algorithm": each.algorithm,
                "bits": each.bits, "reason": say(each.reason.fr, each.reason.en),
                "warnings": [say(warning.fr, warning.en) for warning in each.warnings], "fields": each.signed_fields,
            }
            for each in found.verdicts
        ],
        "left_out": found.left_out,
        "arc": [{"number": each.number, "domain": each.domain, "cv": each.cv} for each in found.arc],
        "sysexit": status,
    }  # fmt: skip


def _print(report: CommandReport, found: SignatureReport) -> None:
    if not found.verdicts:
        report.line(say("Aucune signature DKIM.", "No DKIM signature."))
    for each in found.verdicts:
        _print_one(report, each)
    if found.left_out:
        report.line(
            say(
                f"{found.left_out} autres signatures n'ont pas été lues.",
                f"{found.left_out} more signatures were not read.",
            )
        )
    for seal in found.arc:
        report.line(visible(f"ARC {seal.number}  {seal.domain}  cv={seal.cv}"))


def _print_one(report: CommandReport, verdict: DkimVerdict) -> None:
    mark, color = _MARKS[verdict.result]
    bits = f" {verdict.bits}" if verdict.bits else ""
    facts = f"d={verdict.domain} s={verdict.selector} {verdict.algorithm}{bits}" if verdict.domain else ""
    report.line(f"{report.paint(mark, color)} {_WORDS[verdict.result]}  {visible(facts)}".rstrip())
    report.entry("Raison", "Reason", say(verdict.reason.fr, verdict.reason.en))
    for warning in verdict.warnings:
        report.entry("Attention", "Beware", say(warning.fr, warning.en))
    report.entry("Champs", "Fields", ", ".join(dict.fromkeys(verdict.signed_fields)))
