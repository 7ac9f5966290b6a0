"""`courriel send`: send a message made of options, or complete messages from files; prints each recipient's result."""

from __future__ import annotations

from collections.abc import Mapping

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say
from courriel.cli.outbox.words import outbox_option, references_option
from courriel.cli.send.message_options import MessageOptions

_URL = Bilingual("URL|PROFIL", "URL|PROFILE")
_ADDRESS = Bilingual("ADRESSE", "ADDRESS")
_TEXT = Bilingual("TEXTE", "TEXT")
_FILE = Bilingual("FICHIER", "FILE")
_HEADER = Bilingual('"NOM: VALEUR"', '"NAME: VALUE"')

WORDS = Bilingual(
    "Envoie un message : composé par les options ci-dessous, ou complet dans un fichier .eml (- : l'entrée "
    "standard). "
    "La sortie standard énumère les destinataires acceptés ; l'erreur standard indique le "
    "reste. Le code de sortie est l'un de sysexits.h : 0 accepté par tous, 69 seulement en partie, ou incertain, "
    "67 et 77 refusé pour tous, 75 réessayer…",
    "Sends a message: made of the options below, or complete in an .eml file (-: standard input). "
    "Standard output lists the accepted recipients; standard error has the rest. The exit "
    "status is one of sysexits.h: 0 accepted for all, 69 for some only, or uncertain, 67 and 77 refused for all, "
    "75 try again…",
)
EXAMPLES = (
    Bilingual(
        "courriel send --via smtps://ada@smtp.example.org --from ada@example.org \\\n"
        '      --to bob@example.org --subject "Les chiffres" --text "Ci-joint." --attach figures.pdf',
        "courriel send --via smtps://ada@smtp.example.org --from ada@example.org \\\n"
        '      --to bob@example.org --subject "The figures" --text "Enclosed." --attach figures.pdf',
    ),
    "courriel send mail.eml --via billing",
    Bilingual('journalctl -b | courriel send --to root@example.org --subject "Journal"',
          'journalctl -b | courriel send --to root@example.org --subject "Journal"'),
)  # fmt: skip


@click.command(
    cls=Command, words=WORDS, examples=EXAMPLES, usage=Bilingual("[MAIL.eml | -] …", "[MAIL.eml | -] …")
)  # fmt: skip
@click.argument("files", nargs=-1, metavar="[MAIL.eml | -] …")
@option("--via", value=_URL, fr="Serveur, par son URL ou son profil ; sinon COURRIEL_URL ou courriel.toml.",
        en="Server, by its URL or profile; else COURRIEL_URL or courriel.toml.")  # fmt: skip
@option("--from", "sender", value=_ADDRESS, fr="Expéditeur.", en="Sender.")
@option(
    "--to",
    multiple=True,
    value=_ADDRESS,
    fr="Destinataire, ou plusieurs séparés par des virgules ; se répète.",
    en="Recipient, or several separated by commas; may be repeated.",
)
@option(
    "--cc",
    multiple=True,
    value=_ADDRESS,
    fr="Destinataire en copie ; se répète.",
    en="Recipient of a copy; may be repeated.",
)
@option(
    "--bcc",
    multiple=True,
    value=_ADDRESS,
    fr="Destinataire en copie cachée ; se répète.",
    en="Recipient of a blind copy; may be repeated.",
)
@option("--reply-to", multiple=True, value=_ADDRESS, fr="Adresse pour les réponses (Reply-To).", en="Reply-To address.")
@option("--subject", value=_TEXT, fr="Objet.", en="Subject.")
@option("--text", value=_TEXT, fr="Texte ; - ou rien : l'entrée standard.",
        en="Text; - or nothing: standard input.")  # fmt: skip
@option("--text-file", value=_FILE, fr="Fichier du texte (UTF-8).", en="File with the text (UTF-8).")
@option("--html", value="HTML", fr="HTML ; le texte en est tiré s'il manque.",
        en="HTML; the text is made from it when there is none.")  # fmt: skip
@option(
    "--html-file",
    value=_FILE,
    fr="Page HTML ; les images à côté y sont jointes.",
    en="HTML page; images beside it are embedded.",
)
@option(
    "--attach",
    multiple=True,
    value=_FILE,
    fr="Fichier à joindre ; se répète.",
    en="File to attach; may be repeated.",
)
@option(
    "--header",
    multiple=True,
    value=_HEADER,
    fr="En-tête supplémentaire ; se répète.",
    en="Additional header; may be repeated.",
)
@option("--priority", type=click.Choice(["high", "normal", "low"]), value="high|normal|low", fr="Priorité du message.",
        en="Message priority.")  # fmt: skip
@option("--notify", multiple=True, type=click.Choice(["success", "failure", "delay", "never"]),
        value="success|failure|delay|never", fr="Demander un avis de remise (DSN) : succès, échec, retard, jamais.",
        en="Ask for a delivery report (DSN).")  # fmt: skip
@option("--on-refused", type=click.Choice(["deliver", "abandon"]), default="deliver", value="deliver|abandon",
        fr="Si un destinataire est refusé : envoyer aux autres (deliver), ou à personne (abandon).",
        en="When a recipient is refused: send to the others (deliver), or to none (abandon).")  # fmt: skip
@option("--timeout", type=click.FloatRange(min=0, min_open=True), value=Bilingual("SECONDES", "SECONDS"),
        fr="Délai maximal sans réponse, en secondes.",
        en="Seconds to wait for a silent server.")  # fmt: skip
@option("--transcript", is_flag=True, fr="Montre la conversation, sans les secrets.",
        en="Shows the conversation, without secrets.")  # fmt: skip
@option("--queue", is_flag=True, fr="Met le message dans la boîte d'envoi ; courriel worker l'enverra.",
        en="Puts it into the outbox; courriel worker sends it.")  # fmt: skip
@outbox_option
@option("--key", value=Bilingual("CLÉ", "KEY"),
        fr="Avec --queue : clé du message ; répéter la commande avec elle ne l'envoie pas deux fois.",
        en="With --queue: key of the mail; repeating the command with it sends no second mail.")  # fmt: skip
@option("--on-unsure", type=click.Choice(["resend", "hold"]), value="resend|hold",
        fr="Avec --queue : si l'envoi est incertain, renvoyer le message (resend) ou le retenir (hold).",
        en="With --queue: if the result is in doubt, send the mail again (resend) or hold it.")  # fmt: skip
@option("--elsewhere", is_flag=True,
        fr="Avec --queue : --via est un profil d'une autre machine, où tourne le processus d'envoi.",
        en="With --queue: --via is a profile of another machine, where the worker runs.")  # fmt: skip
@references_option
@click.pass_obj
def command(
    manner: GlobalOptions,
    files: tuple[str, ...],
    via: str | None,
    sender: str | None,
    to: tuple[str, ...],
    cc: tuple[str, ...],
    bcc: tuple[str, ...],
    reply_to: tuple[str, ...],
    subject: str | None,
    text: str | None,
    text_file: str | None,
    html: str | None,
    html_file: str | None,
    attach: tuple[str, ...],
    header: tuple[str, ...],
    priority: str | None,
    notify: tuple[str, ...],
    on_refused: str,
    timeout: float | None,
    transcript: bool,
    queue: bool,
    place: str | None,
    key: str | None,
    on_unsure: str | None,
    elsewhere: bool,
    references: bool,
) -> int:
    """Read the options, send, report."""
    from courriel.cli.send.mailing import Mailing

    manner.doing = "queue" if queue else "send"
    made_of = {
        "--cc": cc,
        "--bcc": bcc,
        "--reply-to": reply_to,
        "--subject": subject,
        "--text": text,
        "--text-file": text_file,
        "--html": html,
        "--html-file": html_file,
        "--attach": attach,
        "--header": header,
        "--priority": priority,
    }
    if files:
        _refuse_beside_files(made_of)
    for one, other, first, second in (
        ("--text", "--text-file", text, text_file),
        ("--html", "--html-file", html, html_file),
    ):
        if first is not None and second is not None:
            raise click.UsageError(say(f"{one} ou {other}, pas les deux", f"{one} or {other}, not both"))
    wishes = MessageOptions(
        sender=sender,
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=reply_to,
        subject=subject or "",
        text=text,
        text_file=text_file,
        html=html,
        html_file=html_file,
        attach=attach,
        headers=tuple(map(_header, header)),
        priority=priority,
        notify=notify,
        on_refused="abandon" if on_refused == "abandon" else "deliver",
        ask=manner.ask,
    )
    if queue:
        from courriel.cli.send.queueing import QueueOptions
        from courriel.cli.send.queueing import queue as put_in

        _refuse_with_queue(timeout, transcript, key, files)
        return put_in(
            manner, via, files, wishes, QueueOptions(place, key, on_unsure or "resend", references, elsewhere)
        )
    for name, value in (
        ("--outbox", place),
        ("--key", key),
        ("--on-unsure", on_unsure),
        ("--allow-secret-references", references or None),
        ("--elsewhere", elsewhere or None),
    ):
        if value is not None:
            raise click.UsageError(say(f"{name} va avec --queue", f"{name} goes with --queue"))
    return Mailing(manner, via, timeout, transcript).run(files, wishes)


# The steps.


def _refuse_with_queue(timeout: float | None, transcript: bool, key: str | None, files: tuple[str, ...]) -> None:
    """Refuse options for a connection, and one key for several mails."""
    for name, value in (("--timeout", timeout is not None), ("--transcript", transcript)):
        if value:
            raise click.UsageError(say(f"{name} ne va pas avec --queue", f"{name} does not go with --queue"))
    if key is not None and len(files) > 1:
        raise click.UsageError(say("une clé ne vaut que pour un seul message", "a key is for one message only"))


def _refuse_beside_files(made_of: Mapping[str, object]) -> None:
    """Refuse options that would change a complete message: it is sent as it is."""
    for name, value in made_of.items():
        if value not in (None, ()):
            raise click.UsageError(
                say(
                    f"{name} ne va pas avec un message tout prêt, qui part tel qu'il est",
                    f"{name} does not go with a finished message, which is sent as it is",
                )
            )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise click.UsageError(
            say(f'--header s\'écrit "Nom: valeur" ; reçu : {line}', f'--header is written "Name: value"; got: {line}')
        )
    return name.strip(), value.strip()
