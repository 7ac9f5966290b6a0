"""Step of an examination: what was looked at, what was found, and what to do about it, in both languages."""

from __future__ import annotations

from courriel import errors, failures
from courriel._dataclass import dataclass, replace
from courriel.failures import Text

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from courriel.failures import Language

StepName: TypeAlias = """Literal[
    "name", "connection", "greeting", "hello", "tls", "login", "sender", "recipient",
    "mailbox", "send", "arrival", "spf-result", "dkim-result", "dmarc-result",
    "mx", "spf", "dkim", "dmarc", "mta-sts", "tls-rpt",
]"""
"""Steps in their order: a session, a trial mail and what became of it, then the records of the sender's domain."""

StepStatus: TypeAlias = "Literal['ok', 'warning', 'failed', 'skipped', 'unknown']"
"""`skipped` was not tried or is not set up; `unknown` could not be found out."""

DOMAIN_STEPS = ("mx", "spf", "dkim", "dmarc", "mta-sts", "tls-rpt")
NOTHING = Text("", "")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an examination, with its finding; `seconds` is how long it took, None where that says nothing.

    Of a step that is not `ok`: `failure` is the id in the failure table, with `cause`, `fix` and `dont`; `command` is
    ready to paste; `said` are the server's own words, `raised` the error as Python shows it. `details` are further
    findings, `records` the DNS records as they were read.
    """

    name: StepName
    status: StepStatus
    finding: Text
    seconds: float | None = None
    failure: str = ""
    cause: Text = NOTHING
    fix: Text = NOTHING
    dont: Text = NOTHING
    command: str = ""
    said: str = ""
    raised: str = ""
    details: tuple[Text, ...] = ()
    records: tuple[str, ...] = ()
    title: Text = NOTHING
    """What people call the step, where that differs from the usual."""
    sysexit: int = 0
    """Exit status that this step asks for; 0 unless it failed."""


def with_record(step: Step, failure_id: str) -> Step:
    """Add cause, fix and what not to do from the failure table to a step that is about no server."""
    known = failures.by_id(failure_id)
    assert known is not None, failure_id
    sysexit = known.sysexit if step.status == "failed" else 0
    return replace(step, failure=known.id, cause=known.cause, fix=known.fix, dont=known.dont, sysexit=sysexit)


def with_error(step: Step, error: errors.CourrielError) -> Step:
    """Add what an error tells: cause, fix, the server's own words, and the exception behind it."""
    known = error.failure
    said = str(error.reply) if error.reply else ""
    step = replace(step, said=said, raised=_raised(error), sysexit=error.sysexit)
    if known is None:
        return step
    return replace(
        step,
        failure=known.id,
        cause=_filled(known.cause, error),
        fix=_filled(known.fix, error),
        dont=_filled(known.dont, error),
    )


def in_both(sentence: str) -> Text:
    """A sentence of this library, which is written in English, in both languages."""
    from courriel.failures.sentences import french

    return Text(french(sentence), sentence)


def words(text: Text, language: Language | None = None) -> str:
    """A text in one language (default: the current one), as it stands.

    Not by `Text.in_`, which fills in host and user: a server's own words may hold braces.
    """
    return text.fr if (language or failures.language()) == "fr" else text.en


# The steps.


def _filled(text: Text, error: errors.CourrielError) -> Text:
    host, colon, port = error.server.rpartition(":")
    host, port = (host, port) if colon else (error.server, "")

    def in_(language: failures.Language) -> str:
        return text.in_(language, host=host.strip("[]"), port=port or None, user=error.user, protocol=error.protocol)

    return Text(in_("fr"), in_("en"))


def _raised(error: errors.CourrielError) -> str:
    """The exception of the standard library behind an error, as a traceback shows it; "" when there is none."""
    cause = error.__cause__
    if not isinstance(cause, OSError):
        return ""
    kind = type(cause)
    place = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{place}{kind.__qualname__}: {cause}".rstrip(": ")
