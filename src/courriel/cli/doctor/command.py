"""`courriel doctor`: examine the way mail takes, step by step, and say what to do where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say

if TYPE_CHECKING:
    from courriel import Route
    from courriel.cli.reporting import CommandReport
    from courriel.doctor.examination import Examination
    from courriel.doctor.target import Target

_SECONDS = Bilingual("SECONDES", "SECONDS")
_ADDRESS = Bilingual("ADRESSE", "ADDRESS")


@click.command(
    cls=Command,
    words=Bilingual(
        "Examine un serveur de courrier étape par étape (nom, connexion, accueil, EHLO, TLS, authentification, "
        "expéditeur, destinataire), puis le domaine de l'expéditeur (SPF, DKIM, DMARC, MTA-STS). CIBLE est une URL, un "
        "profil, une adresse ou un hôte ; sans elle, le réglage par défaut. Rien n'est envoyé sans --send.",
        "Examines a mail server step by step (name, connection, greeting, EHLO, TLS, login, sender, recipient), then "
        "the sender's domain (SPF, DKIM, DMARC, MTA-STS). TARGET is a URL, a profile, an address or a host; without "
        "it, the default setting. Nothing is sent without --send.",
    ),
    examples=[
        "courriel doctor smtp+starttls://ada@smtp.example.org --password prompt",
        "courriel doctor ada@example.org --selector s1",
        "courriel doctor billing --to bob@example.net --report doctor.html",
        "courriel doctor billing --send ada@gmail.com --read imaps://ada%40gmail.com@imap.gmail.com",
        "courriel doctor billing --fix",
        "courriel doctor billing --watch",
    ],
    usage=Bilingual("[CIBLE]", "[TARGET]"),
)
@click.argument("target", required=False)
@option("--password", value=Bilingual("RÉFÉRENCE", "REFERENCE"),
        fr="Où est le mot de passe : env:NOM, file:/chemin, keyring, prompt, login:NOM.",
        en="Where the password lies: env:NAME, file:/path, keyring, prompt, login:NAME.")  # fmt: skip
@option("--no-login", is_flag=True, fr="Ne s'authentifie pas.", en="Does not log in.")
@option("--from", "sender", value=_ADDRESS,
        fr="Expéditeur à essayer (MAIL) ; par défaut celui du réglage.",
        en="Sender to try (MAIL); default: that of the setting.")  # fmt: skip
@option("--to", "recipient", value=_ADDRESS,
        fr="Destinataire à essayer (RCPT) ; rien ne lui est envoyé.",
        en="Recipient to try (RCPT); nothing is sent there.")  # fmt: skip
@option(
    "--send",
    "send_to",
    value=_ADDRESS,
    fr="Envoie un court message d'essai à cette adresse.",
    en="Sends a short trial mail to this address.",
)
@option("--read", "mailbox", value="URL",
        fr="Avec --send : cherche le message dans cette boîte (imaps://… ou profil) et lit ce que l'hébergeur a "
           "constaté (SPF, DKIM, DMARC).",
        en="With --send: looks for the mail in this mailbox (imaps://… or a profile) and reads what the host found "
           "(SPF, DKIM, DMARC).")  # fmt: skip
@option("--wait", type=click.FloatRange(min=1, max=3600), default=120.0, value=_SECONDS,
        fr="Avec --read : attente maximale du message, en secondes (120).",
        en="With --read: longest wait for the mail, in seconds (120).")  # fmt: skip
@option("--remove", is_flag=True,
        fr="Avec --read : supprime ensuite le message de la boîte.",
        en="With --read: removes the mail from the mailbox afterwards.")  # fmt: skip
@option("--domain", value=Bilingual("DOMAINE", "DOMAIN"),
        fr="Domaine à examiner ; par défaut celui de l'expéditeur.",
        en="Domain to examine; default: that of the sender.")  # fmt: skip
@option("--selector", "selectors", multiple=True, value=Bilingual("NOM", "NAME"),
        fr="Sélecteur DKIM (s= d'un message parti) ; se répète.",
        en="DKIM selector (s= in a mail that has left); may be repeated.")  # fmt: skip
@option("--dns", "name_server", value=Bilingual("ADRESSE[:PORT]", "ADDRESS[:PORT]"),
        fr="Serveur de noms à interroger pour le domaine ; par défaut celui du système.",
        en="Name server to ask about the domain; default: the system's.")  # fmt: skip
@option("--timeout", type=click.FloatRange(min=0.1, max=300), default=15.0, value=_SECONDS,
        fr="Attente maximale à chaque étape, en secondes (15).",
        en="Longest wait at each step, in seconds (15).")  # fmt: skip
@option("--no-neighbours", is_flag=True,
        fr="N'essaie pas les autres ports et modes quand celui-ci échoue.",
        en="Does not try other ports and modes when this one fails.")  # fmt: skip
@option("--transcript", is_flag=True, fr="Affiche aussi le dialogue, sans secrets.",
        en="Shows the dialogue as well, without secrets.")  # fmt: skip
@option("--report", "file", value=Bilingual("FICHIER", "FILE"),
        fr="Écrit aussi un rapport pour l'hébergeur, sans secrets (.md ou .html).",
        en="Writes a report for the hosting company as well, without secrets (.md or .html).")  # fmt: skip
@option("--fix", is_flag=True,
        fr="Corrige l'URL du profil, après question, quand un autre port ou mode fonctionne.",
        en="Corrects the profile's URL, after asking, when another port or mode works.")  # fmt: skip
@option("--watch", is_flag=True,
        fr="Pour une tâche planifiée : n'affiche que ce qui demande attention ; statuts : 81 jeton refusé, 82 "
           "certificat à moins de 14 jours de sa fin, 83 DMARC changé, sinon celui de l'échec.",
        en="For schedules: shows nothing but what needs attention; exit statuses: 81 token refused, 82 certificate "
           "with less than 14 days left, 83 DMARC changed, else that of the failure.")  # fmt: skip
@click.pass_obj
def command(
    manner: GlobalOptions,
    target: str | None,
    password: str | None,
    no_login: bool,
    sender: str | None,
    recipient: str | None,
    send_to: str | None,
    mailbox: str | None,
    wait: float,
    remove: bool,
    domain: str | None,
    selectors: tuple[str, ...],
    name_server: str | None,
    timeout: float,
    no_neighbours: bool,
    transcript: bool,
    file: str | None,
    fix: bool,
    watch: bool,
) -> int:
    """Examine, and report."""
    from courriel.cli.doctor import files
    from courriel.cli.reporting import CommandReport
    from courriel.doctor.correction import correction_of
    from courriel.doctor.examining import Wishes, examine_target

    report = CommandReport(manner)
    writer = files.writer_of(file)
    meant = _target(target, password, manner, login=not no_login)
    if fix and not meant.profile:
        raise click.UsageError(
            say("--fix corrige un profil : donnez son nom", "--fix corrects a profile: give its name")
        )
    if fix and meant.route is not None and meant.route.ways:
        raise click.UsageError(
            say(
                "--fix corrige l'URL d'un serveur, et ce profil a plusieurs voies : corrigez-les dans son fichier",
                "--fix corrects the URL of one server, and this profile has several ways: correct them in its file",
            )
        )
    wishes = Wishes(
        sender or "",
        recipient or "",
        domain or "",
        selectors,
        not no_login,
        not no_neighbours,
        send_to or "",
        name_server or "",
        timeout,
        _mailbox(mailbox, manner),
        wait,
        remove,
    )
    examination = examine_target(meant, wishes)
    if watch:
        from courriel.cli.doctor.watching import tell

        status = tell(report, examination)
    else:
        _show(report, examination, transcript=transcript)
        status = report.status or examination.sysexit
    if writer is not None and file is not None:
        # Last: what was found, and that a mail was sent, is told although the disk may be full.
        files.write(file, writer(examination))
        if not watch:
            report.aside(say(f"Rapport : {file}", f"Report: {file}"))
    if fix and not watch:
        from courriel.cli.doctor.fixing import correct

        return correct(report, manner, meant, examination, status)
    if meant.profile and correction_of(meant, examination) is not None:
        report.aside(
            say(
                f"Pour l'écrire dans le profil : courriel doctor {meant.profile} --fix",
                f"To write it into the profile: courriel doctor {meant.profile} --fix",
            )
        )
    return status


# The steps.


def _target(text: str | None, password: str | None, manner: GlobalOptions, *, login: bool) -> Target:
    """The target of the command line, with the password that was given or typed."""
    from courriel._dataclass import replace
    from courriel.cli.password_prompt import with_password
    from courriel.doctor.target import read
    from courriel.types import SecretReference

    meant = read(text)
    route = meant.route
    if route is None or not login:
        return meant
    if password:
        route = replace(route, password=SecretReference.parse(password))
    if route.password is not None and not meant.foreign:
        route = with_password(route, ask=manner.ask)
    return replace(meant, route=route)


def _mailbox(text: str | None, manner: GlobalOptions) -> Route | None:
    """The mailbox of --read, with the password that was typed."""
    if text is None:
        return None
    from courriel.cli.password_prompt import with_password
    from courriel.doctor.target import reading_route

    return with_password(reading_route(text), ask=manner.ask)


def _show(report: CommandReport, examination: Examination, *, transcript: bool) -> None:
    from courriel.cli.doctor.layout import width
    from courriel.cli.doctor.printing import lines_of

    if report.values(examination.as_object()):
        return
    for line in lines_of(examination, width(), report.paint):
        report.line(line)
    if transcript:
        from courriel.cli.i18n import transcript_line

        report.line("")
        for entry in examination.transcript:
            report.line(transcript_line(entry))
