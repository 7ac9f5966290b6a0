"""Text and JSON form of outbox mails, lanes and workers; options and parameter types of the outbox commands."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import click

from courriel.cli.command import option
from courriel.cli.i18n import Bilingual, say, visible
from courriel.cli.outbox.duration import counted, span
from courriel.cli.outbox.reasons import reason_of
from courriel.cli.outbox.recipients import recipient_lines, recipient_objects

if TYPE_CHECKING:
    from courriel import Outbox, State
    from courriel.types import InHand, MailInfo

F = TypeVar("F", bound=Callable[..., object])

STATES: dict[str, Bilingual] = {
    "READY": Bilingual("en attente", "waiting"),
    "LEASED": Bilingual("en cours", "sending"),
    "IN_FLIGHT": Bilingual("sans réponse", "unanswered"),
    "HELD": Bilingual("retenu", "held"),
    "SENT": Bilingual("accepté", "accepted"),
    "FAILED": Bilingual("échec", "failed"),
    "CANCELED": Bilingual("annulé", "canceled"),
}

_AGE = re.compile(r"([0-9]{1,6})\s*([smhd]?)")
_SECONDS = {"": 86_400, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def outbox_option(command: F) -> F:
    """Option `--outbox`: the path or URL of the outbox."""
    return option(
        "--outbox",
        "place",
        value=Bilingual("FICHIER|URL", "FILE|URL"),
        fr="La boîte d'envoi ; sinon COURRIEL_OUTBOX, courriel.toml, ou celle de l'utilisateur.",
        en="The outbox; else COURRIEL_OUTBOX, courriel.toml, or the user's own.",
    )(command)


def references_option(command: F) -> F:
    """Option `--allow-secret-references`: the URL of a mail may refer to secrets of this machine (env:, file:)."""
    return option(
        "--allow-secret-references",
        "references",
        is_flag=True,
        fr="Accepte un mot de passe par env: ou file: dans l'URL d'un message de la boîte (celui qui peut y écrire"
        " choisit alors le serveur qui le reçoit).",
        en="Accepts a password by env: or file: in the URL of a mail in the outbox (anyone who can write to it then"
        " chooses the server that gets it).",
    )(command)


def open_outbox(place: str | None, *, references: bool = False, create: bool = True) -> Outbox:
    """Open the outbox; lanes unknown to this machine are left to other workers."""
    from courriel import Outbox

    return Outbox(place, elsewhere=True, allow_secret_references=references, create=create)


def existing_outbox(place: str | None) -> Outbox:
    """Open the outbox without creating one, for commands that read or change it. Raises OutboxError."""
    return open_outbox(place, create=False)


def state_of(info: MailInfo) -> str:
    """State of a mail in one or two words, with "in doubt" or "put off"."""
    words = str(STATES[info.state.name])
    if info.unsure:
        words += say(", incertain", ", in doubt")
    elif info.state.name == "READY" and info.tries:
        words += say(", reporté", ", put off")
    return words


def line_of(info: MailInfo) -> str:
    """One mail in one line: id, state, age, lane, recipients."""
    people = info.recipients
    to = visible(", ".join(people[:3])) + (f" (+{len(people) - 3})" if len(people) > 3 else "")
    due = info.due - time.time()
    when = say(f", essai dans {span(due)}", f", next try in {span(due)}") if _waits(info) and due > 1 else ""
    key = f"{say('clé', 'key')} {visible(info.key)}  " if info.key else ""
    line = f"{info.id}  {state_of(info)}{when}  {span(time.time() - info.created)}  {visible(info.lane)}  {key}{to}"
    return f"{line}  {_decision(info)}" if info.state.name == "HELD" else line


def held_because(info: MailInfo) -> str:
    """Why a mail waits for a person, and what is known of it."""
    known = reason_of(info.why)
    if info.unsure and not info.why.startswith("unsure"):
        known += say(", peut-être arrivé", ", may have arrived")
    return known


def commands_to_decide(ident: str) -> str:
    """Commands that send a held mail, or give it up."""
    return f"courriel outbox retry {ident}{say(' ou ', ' or ')}courriel outbox forget {ident}"


def hands_of(taken: InHand) -> str:
    """Leased mails of one worker as a sentence: worker, alive or gone, and when others may take over."""
    back = time.strftime("%H:%M:%S", time.localtime(taken.back))
    if taken.life.name == "ALIVE":
        return say(f"en main : {taken.worker}", f"in the hands of {taken.worker}")
    if taken.life.name == "GONE":
        return say(
            f"pris par un processus d'envoi disparu ({taken.worker}), de retour à {back}, ou dès qu'un autre travaille",
            f"taken by a worker that is gone ({taken.worker}), back at {back}, or as soon as another one works",
        )
    return say(
        f"pris par un processus d'envoi invisible d'ici ({taken.worker}) ; s'il a disparu, de retour à {back}",
        f"taken by a worker that cannot be seen from here ({taken.worker}); if it is gone, back at {back}",
    )


def hands_line(taken: InHand) -> str:
    """Line of `outbox stats` on leased mails: lane, number of mails, worker."""
    mails = say(counted(taken.mails, "message", "messages"), counted(taken.mails, "mail", "mails"))
    return f"{visible(taken.lane)}{say(' : ', ': ')}{mails} {visible(hands_of(taken))}"


def hands_object(taken: InHand) -> dict[str, object]:
    """Leased mails as an object for `--json`."""
    return {"via": taken.lane, "worker": taken.worker, "life": taken.life.value, "mails": taken.mails,
            "back": moment(taken.back)}  # fmt: skip


def details_of(info: MailInfo, taken: Sequence[InHand] = ()) -> list[str]:
    """All details of a mail, one line each; `taken` are the leases on it."""
    rows = [
        (say("message", "mail"), info.id),
        (say("état", "state"), state_of(info)),
        (say("motif", "why"), reason_of(info.why)),
        (say("clé", "key"), info.key or ""),
        ("Message-ID", info.message_id),
        (say("par", "via"), info.lane),
        (say("de", "from"), info.sender or "<>"),
        (say("mis", "put"), _moment(info.created)),
        (say("essais", "tries"), str(info.tries)),
        (say("prochain", "next try"), _moment(info.due) if _waits(info) and info.due > time.time() else ""),
        (say("expire", "expires"), _moment(info.expires) if not info.state.final else ""),
        (say("taille", "size"), counted(info.size, "octet", "octets")),
        (say("tenu par", "held by"), hands_of(taken[0]) if taken else info.holder),
    ]
    wide = max(len(name) for name, value in rows if value)
    lines = [f"{name.ljust(wide)}  {visible(value)}" for name, value in rows if value]
    return lines + recipient_lines(info)


def object_of(info: MailInfo) -> dict[str, object]:
    """A mail as plain values for JSON; times in ISO 8601."""
    return {
        "id": info.id,
        "key": info.key,
        "state": info.state.name.lower(),
        "unsure": info.unsure,
        "why": info.why or None,
        "message_id": info.message_id,
        "via": info.lane,
        "sender": info.sender,
        "waiting": list(info.waiting),
        "fates": recipient_objects(info),
        "priority": info.priority,
        "tries": info.tries,
        "size": info.size,
        "put": moment(info.created),
        "due": moment(info.due) if _waits(info) else None,
        "expires": moment(info.expires),
        "changed": moment(info.changed),
    }


def moment(seconds: float) -> str:
    """A moment as it stands in JSON: ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def age(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Parse a duration into seconds: "7d", "12h", "30m", "45s"; days without a unit."""
    if value is None:
        return None
    found = _AGE.fullmatch(value.strip().lower().replace("j", "d"))
    if found is None:
        raise click.BadParameter(
            say(
                f"une durée est attendue, comme 7d, 12h, 30m ou 45s ; reçu : {visible(value)}",
                f"an age is expected, as 7d, 12h, 30m or 45s; got: {visible(value)}",
            ),
            ctx,
            parameter,
        )
    return float(int(found[1]) * _SECONDS[found[2]])


class StateName(click.ParamType):  # type: ignore[type-arg]  # pyright: ignore[reportMissingTypeArgument] - generic in newer releases of click only
    """Parameter type for a state, by its displayed name in either language, or its JSON name."""

    name = "state"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the library's name of the state."""
        asked = _folded(value)
        for name, words in STATES.items():
            if asked in {_folded(each) for each in (name, words.fr, words.en)}:
                return name
        raise click.BadParameter(say(f"valeurs possibles : {states()}", f"possible values: {states()}"), ctx, param)


def states() -> str:
    """The displayed names of all states."""
    return ", ".join(map(str, STATES.values()))


def state_named(name: str | None) -> State | None:
    """The state of that name."""
    from courriel import State

    return State[name] if name is not None else None


# The steps.


def _decision(info: MailInfo) -> str:
    """Reason for which a mail is held, with the commands that decide about it."""
    return visible(held_because(info)) + say(" : ", ": ") + commands_to_decide(info.id)


def _folded(name: str) -> str:
    """A name without accents, case and hyphens, for comparison."""
    from unicodedata import combining, normalize

    plain = "".join(each for each in normalize("NFD", name) if not combining(each))
    return plain.casefold().replace("-", " ").replace("_", " ").strip()


def _waits(info: MailInfo) -> bool:
    return info.state.name == "READY"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
