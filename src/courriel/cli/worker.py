"""`courriel worker`: sends what waits in an outbox, until it is told to stop."""

from __future__ import annotations

import click

from courriel.cli.command import Command, Manner, option
from courriel.cli.outbox_words import outbox_option, references_option
from courriel.cli.speaking import Words, say


@click.command(
    cls=Command,
    words=Words(
        "Envoie ce qui attend dans la boîte d'envoi, jusqu'à Ctrl-C ou SIGTERM : alors rien de plus ne commence, ce "
        "qui est en cours se termine, et le reste est annoncé. Plusieurs processus d'envoi peuvent partager une boîte "
        ": chaque message n'est pris que par l'un d'eux. Un processus tué ne perd rien.",
        "Sends what waits in the outbox, until Ctrl-C or SIGTERM: then nothing more is begun, what is in hand is "
        "finished, and what is left is shown. Any number of workers may share an outbox: each mail is taken by "
        "one of them. A worker that is killed loses nothing.",
    ),
    examples=[
        "courriel worker",
        "courriel worker --outbox outbox.db --workers 4 --via billing",
        "courriel worker --once",
        "courriel worker --once --for 55",
    ],
)
@outbox_option
@option("--workers", type=click.IntRange(1, 100), default=1, value=Words("NOMBRE", "COUNT"),
        fr="Nombre d'envois en parallèle (1).", en="Number of workers in parallel (1).")  # fmt: skip
@option("--via", multiple=True, value=Words("VOIE", "WAY"), fr="Par cette voie seulement ; se répète.",
        en="By this way out only; may be repeated.")  # fmt: skip
@option("--once", is_flag=True, fr="Envoie ce qui est dû, au rythme de chaque voie, puis s'arrête.",
        en="Sends what is due, at the rate of each way, and ends.")  # fmt: skip
@option("--for", "for_seconds", type=click.FloatRange(0, min_open=True), value=Words("SECONDES", "SECONDS"),
        fr="Avec --once : s'arrête après ce temps, même s'il reste des mails que le rythme de la voie retient.",
        en="With --once: ends after this time, though the rate of a way may still hold mails back.")  # fmt: skip
@option("--transcript", is_flag=True, fr="Montre les conversations, sans les secrets ni les messages.",
        en="Show the conversations, without secrets or messages.")  # fmt: skip
@option("--grace", type=click.FloatRange(0), default=30.0, value=Words("SECONDES", "SECONDS"),
        fr="Délai d'attente, à la fin, des réponses qui manquent (30).",
        en="Time to wait, at the end, for missing answers (30).")  # fmt: skip
@references_option
@click.pass_obj
def command(
    manner: Manner,
    place: str | None,
    workers: int,
    via: tuple[str, ...],
    once: bool,
    for_seconds: float | None,
    transcript: bool,
    grace: float,
    references: bool,
) -> int:
    """Send, and tell of it."""
    from courriel.cli.outbox_words import open_outbox
    from courriel.cli.working import Working

    if for_seconds is not None and not once:
        raise click.UsageError(say("--for va avec --once.", "--for goes with --once."))
    with open_outbox(place, references=references) as outbox:
        working = Working(manner, outbox, list(via) or None, transcript=transcript)
        return working.once(for_seconds, grace) if once else working.until_told(workers, grace)
