"""`courriel worker`: sends what waits in an outbox, until it is told to stop."""

from __future__ import annotations

import click

from courriel.cli.command import Command, Manner, option
from courriel.cli.outbox_words import outbox_option, references_option
from courriel.cli.speaking import Words


@click.command(
    cls=Command,
    words=Words(
        "Envoie ce qui attend dans la boîte d'envoi, jusqu'à Ctrl-C ou SIGTERM : alors rien de plus ne commence, ce "
        "qui est en cours se termine, et il est dit ce qui reste. Plusieurs travailleurs peuvent partager une boîte : "
        "chaque mail n'est tenu que par l'un d'eux. Un travailleur tué ne perd rien.",
        "Sends what waits in the outbox, until Ctrl-C or SIGTERM: then nothing more is begun, what is in hand is "
        "finished, and it is said what is left. Any number of workers may share an outbox: each mail is in the hands "
        "of one of them. A worker that is killed loses nothing.",
    ),
    examples=[
        "courriel worker",
        "courriel worker --outbox outbox.db --workers 4 --via billing",
        "courriel worker --once",
    ],
)
@outbox_option
@option("--workers", type=click.IntRange(1, 100), default=1, show_default=True, value="N",
        fr="Combien envoient à la fois.", en="How many send at a time.")  # fmt: skip
@option("--via", multiple=True, value=Words("VOIE", "WAY"), fr="Par cette voie seulement ; se répète.",
        en="By this way out only; may be repeated.")  # fmt: skip
@option("--once", is_flag=True, fr="Envoie ce qui est dû maintenant, puis s'arrête.",
        en="Sends what is due now, and ends.")  # fmt: skip
@option("--grace", type=click.FloatRange(0), default=30.0, show_default=True, value=Words("SECONDES", "SECONDS"),
        fr="Combien attendre, à la fin, les réponses qui manquent.",
        en="How long to wait, at the end, for answers that are missing.")  # fmt: skip
@references_option
@click.pass_obj
def command(
    manner: Manner,
    place: str | None,
    workers: int,
    via: tuple[str, ...],
    once: bool,
    grace: float,
    references: bool,
) -> int:
    """Send, and tell of it."""
    from courriel.cli.outbox_words import open_outbox
    from courriel.cli.working import Working

    with open_outbox(place, references=references) as outbox:
        working = Working(manner, outbox, list(via) or None)
        return working.once() if once else working.until_told(workers, grace)
