"""`courriel worker`: send the mails of an outbox until it is stopped."""

from __future__ import annotations

import click

from courriel.cli.command import Command, GlobalOptions, Seconds, Whole, option
from courriel.cli.i18n import Bilingual, say
from courriel.cli.outbox.words import outbox_option, references_option

_DAY, _YEAR = 86_400, 366 * 86_400  # seconds


@click.command(
    cls=Command,
    words=Bilingual(
        "Envoie les messages de la boîte d'envoi, jusqu'à Ctrl-C ou SIGTERM : les envois en cours se terminent alors, "
        "aucun autre ne commence, et le nombre de messages restants est affiché. Plusieurs processus d'envoi peuvent "
        "partager une boîte : chaque message n'est pris que par l'un d'eux. Un processus tué ne perd rien.",
        "Sends the mails in the outbox, until Ctrl-C or SIGTERM: mails being sent are finished then, no other is "
        "begun, and the number of mails left is printed. Any number of workers may share an outbox: each mail is "
        "taken by one of them. A worker that is killed loses nothing.",
    ),
    examples=[
        "courriel worker",
        "courriel worker --outbox outbox.db --workers 4 --via billing",
        "courriel worker --once",
        "courriel worker --once --for 55",
        "courriel worker --health 8025",
    ],
)
@outbox_option
@option("--workers", type=Whole(1, 100), default=1, value=Bilingual("NOMBRE", "COUNT"),
        fr="Nombre d'envois en parallèle (1).", en="Number of workers in parallel (1).")  # fmt: skip
@option("--sessions", type=Whole(1, 100_000), value=Bilingual("NOMBRE", "COUNT"),
        fr="Nombre de connexions gardées ouvertes (100, ou le quart de ulimit -n).",
        en="Number of connections kept open (100, or a quarter of ulimit -n).")  # fmt: skip
@option("--per-host", type=Whole(1, 100_000), value=Bilingual("NOMBRE", "COUNT"),
        fr="Nombre de connexions à la fois vers un même serveur (20).",
        en="Number of connections at once to one server (20).")  # fmt: skip
@option("--via", multiple=True, value=Bilingual("VOIE", "LANE"), fr="Cette voie seulement ; se répète.",
        en="This lane only; may be repeated.")  # fmt: skip
@option("--once", is_flag=True, fr="Envoie les messages dus, au débit de chaque voie, puis s'arrête.",
        en="Sends the mails due, at the rate of each lane, and ends.")  # fmt: skip
@option("--for", "for_seconds", type=Seconds(0, _YEAR, min_open=True), value=Bilingual("SECONDES", "SECONDS"),
        fr="Avec --once : s'arrête après ce temps, même s'il reste des messages que le débit d'une voie retarde.",
        en="With --once: ends after this time, even if the rate of a lane delays mails.")  # fmt: skip
@option("--transcript", is_flag=True, fr="Montre les conversations, sans les secrets ni les messages.",
        en="Shows the conversations, without secrets or messages.")  # fmt: skip
@option("--grace", type=Seconds(0, _DAY), default=30.0, value=Bilingual("SECONDES", "SECONDS"),
        fr="Délai d'attente, à l'arrêt, des réponses qui manquent (30).",
        en="Seconds to wait, when stopping, for missing replies (30).")  # fmt: skip
@option("--health", value=Bilingual("PORT|FICHIER", "PORT|FILE"),
        fr="Dit si le processus travaille : par HTTP sur ce port de cette machine (ou ADRESSE:PORT), ou dans un "
        "fichier récrit toutes les 5 secondes.",
        en="Reports whether the worker makes progress: by HTTP on this port of this machine (or ADDRESS:PORT), or in a "
        "file rewritten every 5 seconds.")  # fmt: skip
@option("--drop", value=Bilingual("DOSSIER", "FOLDER"),
        fr="Prend les messages de ce dossier de dépôt, où sendmail les laisse (docs/sendmail.fr.md).",
        en="Takes the mails of this drop folder, where sendmail leaves them (docs/sendmail.md).")  # fmt: skip
@option("--quota", type=Whole(1, 1_000_000), default=1000, value=Bilingual("NOMBRE", "COUNT"),
        fr="Avec --drop : messages par heure d'un même utilisateur (1000).",
        en="With --drop: mails of one user in an hour (1000).")  # fmt: skip
@references_option
@click.pass_obj
def command(
    manner: GlobalOptions,
    place: str | None,
    workers: int,
    sessions: int | None,
    per_host: int | None,
    via: tuple[str, ...],
    once: bool,
    for_seconds: float | None,
    transcript: bool,
    grace: float,
    health: str | None,
    drop: str | None,
    quota: int,
    references: bool,
) -> int:
    """Run the worker, and report its progress."""
    from courriel.cli.outbox.words import open_outbox
    from courriel.cli.worker.dropping import drop_service
    from courriel.cli.worker.progress import WorkerLimits, WorkerProgress
    from courriel.outbox.work.sending.idle_sessions import PER_HOST

    if for_seconds is not None and not once:
        raise click.UsageError(say("--for va avec --once.", "--for goes with --once."))
    if health is not None and not health.strip():
        raise click.UsageError(
            say("--health : un port ou un fichier est attendu", "--health: a port or a file is expected")
        )
    lanes, limits = list(via) or None, WorkerLimits(sessions, PER_HOST if per_host is None else per_host)
    if once:
        if health:
            raise click.UsageError(say("--health ne va pas avec --once.", "--health does not go with --once."))
        with open_outbox(place, references=references) as outbox, drop_service(outbox, drop, quota, once=True):
            return WorkerProgress(manner, outbox, lanes, limits, transcript=transcript).once(for_seconds, grace)
    from courriel.cli.reporting import CommandReport
    from courriel.cli.signals import asked_to_end
    from courriel.cli.worker.monitors import Monitors
    from courriel.cli.worker.waiting import opened

    with Monitors(health or "") as watched:
        with asked_to_end() as ended:
            found = opened(place, CommandReport(manner), watched, ended, references=references)
        if found is None:
            return 0
        with found as outbox:
            if ended.wait(0):
                return 0
            working = WorkerProgress(manner, outbox, lanes, limits, transcript=transcript)
            with drop_service(outbox, drop, quota):
                return working.until_told(workers, grace, watched)
