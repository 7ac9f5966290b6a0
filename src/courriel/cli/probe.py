"""`courriel probe`: what a server offers on its ports, without a login."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say

if TYPE_CHECKING:
    from courriel.cli.doctor.layout import Paint
    from courriel.doctor.probing import Door, ProbeReport


@click.command(
    cls=Command,
    words=Bilingual(
        "Regarde les ports de courrier d'un serveur (SMTP, POP3, IMAP) : accueil, extensions avant et après TLS, "
        "versions de TLS, certificats et leur fin. Sans authentification ; rien n'est envoyé.",
        "Looks at the mail ports of a server (SMTP, POP3, IMAP): greeting, extensions before and after TLS, versions "
        "of TLS, certificates and their end. Without a login; nothing is sent.",
    ),
    examples=["courriel probe smtp.example.org", "courriel probe smtp.example.org --port 587 --port 465"],
    usage=Bilingual("HÔTE", "HOST"),
)
@click.argument("host")
@option("--port", "ports", multiple=True, type=click.IntRange(1, 65535), value="PORT",
        fr="Port à regarder ; se répète. Par défaut : 25, 465, 587, 2525, 110, 995, 143, 993.",
        en="Port to look at; may be repeated. Default: 25, 465, 587, 2525, 110, 995, 143, 993.")  # fmt: skip
@option("--timeout", type=click.FloatRange(min=0.1, max=300), default=8.0, value=Bilingual("SECONDES", "SECONDS"),
        fr="Attente maximale, en secondes (8).", en="Longest wait, in seconds (8).")  # fmt: skip
@click.pass_obj
def command(manner: GlobalOptions, host: str, ports: tuple[int, ...], timeout: float) -> int:
    """Look, and report."""
    from courriel.cli.doctor.layout import width
    from courriel.cli.reporting import CommandReport
    from courriel.doctor import probe

    report = CommandReport(manner)
    found = probe(host, ports=ports, timeout=timeout)
    if not report.values(found.as_object()):
        for line in lines_of(found, width(), report.paint):
            report.line(line)
    return found.sysexit


def lines_of(found: ProbeReport, columns: int, paint: Paint) -> Iterator[str]:
    """The ports, those that are open with what they offer below."""
    from courriel.cli.doctor.layout import marked, wrapped

    opened = [door for door in found.doors if door.is_open]
    total = len(found.doors)
    verdict = say(
        f"{len(opened)} {'ports ouverts' if len(opened) > 1 else 'port ouvert'} sur {total}",
        f"{len(opened)} of {total} ports are open",
    )
    yield f"{found.host}{say(' : ', ': ')}{marked('ok' if opened else 'failed', paint)} {verdict}"
    yield ""
    for door in found.doors:
        yield from _door(door, columns, paint)
    yield ""
    closing = say("Rien n'a été envoyé.", "Nothing was sent.")
    yield from wrapped(closing, columns)


# The steps.


def _door(door: Door, columns: int, paint: Paint) -> Iterator[str]:
    from courriel.cli.doctor.layout import entry_lines, marked, step_lines
    from courriel.doctor.step import in_both, words
    from courriel.doctor.visit.certificates import SOON, in_words

    what = f"{door.dialect.value.upper()}{' TLS' if door.security.value == 'tls' else ''}"
    status = "failed"
    if door.is_open:
        soon = door.chain and door.chain[0].days_left() < SOON
        status = "warning" if door.refused_certificate is not None or soon else "ok"
    wrong = door.error or (door.refused_certificate if not door.greeting else None)
    finding = words(in_both(wrong.detail)) if wrong is not None else door.greeting
    mark = marked(status, paint)
    yield from step_lines(str(door.port).rjust(4), what, 9, mark, finding, door.seconds, columns)
    if not door.is_open:
        return
    before, after = " · ".join(door.in_clear), " · ".join(door.capabilities)
    if before and before != after:
        yield from entry_lines(say("en clair", "in clear"), before, columns)
    yield from entry_lines(say("offert", "offers"), after, columns)
    if door.versions:
        versions = ", ".join(each.replace("TLSv", "TLS ") for each in door.versions)
        yield from entry_lines("TLS", f"{versions} · {door.cipher}", columns)
    elif door.security.value != "tls":
        yield from entry_lines("TLS", say("non", "no"), columns)
    label = say("certificats", "chain")
    for line in in_words(door.chain):
        yield from entry_lines(label, words(line), columns)
        label = ""
    if door.refused_certificate is not None and door.greeting:
        refused = door.refused_certificate
        yield from entry_lines(say("refusé", "refused"), words(in_both(refused.detail)), columns)
        if refused.failure is not None:
            yield from entry_lines(say("aide", "help"), f"courriel explain {refused.failure.id}", columns)
