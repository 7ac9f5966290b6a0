"""Examination: all steps, the other ways that were tried, the verdict, and all of it as values for programs."""

from __future__ import annotations

from datetime import datetime

from courriel._dataclass import dataclass
from courriel.doctor.step import DOMAIN_STEPS, Step, StepStatus, in_both, words
from courriel.doctor.visit.arrival import Arrival
from courriel.doctor.visit.neighbours import Neighbour
from courriel.failures import Language, Text
from courriel.network.transcripts.transcript import TranscriptEntry

_GRAVITY = (69, 70, 76, 77, 78, 74, 73, 68, 67, 66, 65, 64, 75)
NAMES = {
    "name": Text("nom", "name"),
    "connection": Text("connexion", "connection"),
    "greeting": Text("accueil", "greeting"),
    "hello": Text("EHLO", "EHLO"),
    "tls": Text("chiffrement", "TLS"),
    "login": Text("authentification", "login"),
    "sender": Text("expéditeur", "sender"),
    "recipient": Text("destinataire", "recipient"),
    "mailbox": Text("boîte lue", "mailbox read"),
    "send": Text("envoi", "sending"),
    "arrival": Text("arrivée", "arrival"),
    "spf-result": Text("SPF constaté", "SPF found"),
    "dkim-result": Text("DKIM constaté", "DKIM found"),
    "dmarc-result": Text("DMARC constaté", "DMARC found"),
    "mx": Text("MX", "MX"),
    "spf": Text("SPF", "SPF"),
    "dkim": Text("DKIM", "DKIM"),
    "dmarc": Text("DMARC", "DMARC"),
    "mta-sts": Text("MTA-STS", "MTA-STS"),
    "tls-rpt": Text("TLS-RPT", "TLS-RPT"),
}
"""What people call the steps."""


def name_of(step: Step) -> Text:
    """The name of a step for people."""
    return step.title or NAMES[step.name]


@dataclass(frozen=True, slots=True)
class Examination:
    """Result of an examination; no secret stands in any part of it.

    `target` is what was to be examined and `url` what it means, with the secret masked; `domain` is the sender's, ""
    when it is not known. `steps` are those of the session, then those of the domain. `tried` are other ports and modes
    of the same host; `corrected` is the URL of the first that works, where the given one does not. `certificate_ends`
    is the end of the server's certificate. `token_refused`: an OAuth token was not accepted, or none could be had.
    `accepted` is what a server answered to the mail of `send_to`, "" when none was sent; `arrival` is where that mail
    was found, and what the receiving host checked, None when it was not looked for, or has not arrived. Of several ways
    (failover, round robin, by domain) `ways` has the examination of each in order, with the steps of its session.
    """

    target: str
    url: str
    server: str
    domain: str
    steps: tuple[Step, ...]
    tried: tuple[Neighbour, ...] = ()
    corrected: str = ""
    certificate_ends: datetime | None = None
    token_refused: bool = False
    accepted: str = ""
    arrival: Arrival | None = None
    transcript: tuple[TranscriptEntry, ...] = ()
    ways: tuple[Examination, ...] = ()

    @property
    def session_steps(self) -> tuple[Step, ...]:
        """The steps of the session, in order."""
        return tuple(step for step in self.steps if step.name not in DOMAIN_STEPS)

    @property
    def domain_steps(self) -> tuple[Step, ...]:
        """The steps about the sender's domain, in order."""
        return tuple(step for step in self.steps if step.name in DOMAIN_STEPS)

    @property
    def ok(self) -> bool:
        """Verdict: True without a failed step, whatever the warnings; a group has the steps of all its ways."""
        return not any(step.status == "failed" for step in self._all_steps)

    @property
    def sysexit(self) -> int:
        """Exit status for a command: that of the gravest step that failed, 0 when none did."""
        asked = [step.sysexit or 70 for step in self._all_steps if step.status == "failed"]
        return min(asked, key=lambda each: _GRAVITY.index(each) if each in _GRAVITY else 0) if asked else 0

    @property
    def dmarc(self) -> str:
        """The DMARC record that was found; "" when there is none."""
        return next((step.records[0] for step in self.steps if step.name == "dmarc" and step.records), "")

    @property
    def verdict(self) -> Text:
        """The result in one sentence: what failed first, and why."""
        for number, way in enumerate(self.ways, 1):
            if not way.ok:
                works, why = sum(each.ok for each in self.ways), way.verdict
                return Text(
                    f"Voies qui fonctionnent : {works} sur {len(self.ways)} ; voie {number} ({way.server}) : {why.fr}",
                    f"Ways that work: {works} of {len(self.ways)}; way {number} ({way.server}): {why.en}",
                )
        for number, step in enumerate(self.session_steps, 1):
            if step.status == "failed":
                name, why = name_of(step), step.cause or step.finding
                return Text(
                    f"Échec à l'étape {number} ({name.fr}) : {why.fr}", f"Failed at step {number} ({name.en}): {why.en}"
                )
        wrong = [NAMES[step.name].en for step in self.domain_steps if step.status == "failed"]
        if wrong:
            names = ", ".join(dict.fromkeys(wrong))
            fine = self._fine
            return Text(
                f"{fine.fr}le domaine {self.domain} est à corriger ({names})",
                f"{fine.en}the domain {self.domain} needs a correction ({names})",
            )
        if self._domain_is_unknown:
            fine = self._fine
            return Text(
                f"{fine.fr}le domaine {self.domain} n'a pas pu être examiné",
                f"{fine.en}the domain {self.domain} could not be examined",
            )
        if self._server_is_unknown:
            return Text("aucun serveur n'a pu être examiné", "no server could be examined")
        remarks = sum(step.status in ("warning", "unknown") and step.name != "dkim" for step in self._all_steps)
        checks = self.arrival.checks if self.arrival else ""
        fr, en = (f"{word}{f' : {checks}' if checks else ''}" for word in ("Tout fonctionne", "All works"))
        en = en.replace(" :", ":")
        if remarks:
            plural = "s" if remarks > 1 else ""
            return Text(f"{fr} ; {remarks} remarque{plural}", f"{en}; {remarks} remark{plural}")
        return Text(fr, en)

    @property
    def status(self) -> StepStatus:
        """The status of the whole: "failed", "unknown" when domain or server could not be examined, or "ok"."""
        if not self.ok:
            return "failed"
        return "unknown" if self._domain_is_unknown or self._server_is_unknown else "ok"

    @property
    def closing(self) -> Text:
        """The next thing to do, and whether a mail was sent, in one sentence."""
        if self.accepted:
            sent = Text(
                f"un message est parti, accepté par {self.server} ({self.accepted})",
                f"one mail has left, accepted by {self.server} ({self.accepted})",
            )
        else:
            sent = Text("rien n'a été envoyé", "nothing was sent")
        if self.corrected:
            # Last, and without a full stop: it is to be copied.
            return Text(f"{sent.fr} ; prenez {self.corrected}", f"{sent.en}; use {self.corrected}")
        if not self.ok:
            todo = Text("à corriger comme indiqué ci-dessus", "to be corrected as said above")
        elif any(step.failure == "EXTRA-MISSING" for step in self.domain_steps):
            todo = Text("installez ce qui est nommé ci-dessus", "install what is named above")
        elif self._domain_is_unknown:
            todo = Text("examinez le domaine plus tard", "examine the domain again later")
        elif self._server_is_unknown:
            todo = Text("donnez l'URL du serveur", "give the URL of the server")
        else:
            todo = Text("rien à corriger", "nothing to correct")
        return Text(f"{todo.fr} ; {sent.fr}.", f"{todo.en}; {sent.en}.")

    @property
    def _all_steps(self) -> tuple[Step, ...]:
        """The steps of all ways, then the own ones."""
        return (*(step for way in self.ways for step in way.steps), *self.steps)

    @property
    def _fine(self) -> Text:
        if self.ways:
            return Text("Les voies vont bien ; ", "The ways are fine; ")
        return Text("Le serveur va bien ; ", "The server is fine; ") if self.server else Text("", "")

    @property
    def _domain_is_unknown(self) -> bool:
        known = [step for step in self.domain_steps if step.name in ("mx", "spf", "dmarc")]
        return bool(known) and all(step.status == "unknown" for step in known)

    @property
    def _server_is_unknown(self) -> bool:
        return bool(self.session_steps) and all(step.status == "unknown" for step in self.session_steps)

    def as_object(self, language: Language | None = None) -> dict[str, object]:
        """All of it as JSON can hold it; the keys are stable, the sentences in one language (default: the current)."""
        return {
            "ok": self.ok,
            "verdict": words(self.verdict, language),
            "target": self.target,
            "url": self.url or None,
            "server": self.server or None,
            "domain": self.domain or None,
            "steps": [_step(step, language) for step in self.steps],
            "tried": [_neighbour(each, language) for each in self.tried],
            "corrected": self.corrected or None,
            "certificate_ends": self.certificate_ends.isoformat() if self.certificate_ends else None,
            "token_refused": self.token_refused,
            "accepted": self.accepted or None,
            "arrival": _arrival(self.arrival) if self.arrival else None,
            "transcript": [str(entry) for entry in self.transcript],
            "ways": [way.as_object(language) for way in self.ways],
            "sysexit": self.sysexit,
        }


# The steps.


def _step(step: Step, language: Language | None) -> dict[str, object]:
    return {
        "name": step.name,
        "status": step.status,
        "finding": words(step.finding, language),
        "milliseconds": None if step.seconds is None else round(step.seconds * 1000, 1),
        "failure": step.failure or None,
        "cause": words(step.cause, language) or None,
        "hint": words(step.fix, language) or None,
        "not": words(step.dont, language) or None,
        "command": step.command or None,
        "said": step.said or None,
        "raised": step.raised or None,
        "details": [words(detail, language) for detail in step.details],
        "records": list(step.records),
    }


def _arrival(arrival: Arrival) -> dict[str, object]:
    return {
        "folder": arrival.folder,
        "seconds": round(arrival.seconds, 1),
        "junk": arrival.junk,
        "authserv_id": arrival.authserv_id or None,
        "checks": arrival.checks or None,
        "results": [
            {
                "method": each.method,
                "result": each.result,
                "domain": each.domain or None,
                "selector": each.selector or None,
            }
            for each in arrival.results
        ],
        "sent_from": arrival.sent_from or None,
        "removed": arrival.removed,
    }


def _neighbour(each: Neighbour, language: Language | None) -> dict[str, object]:
    return {
        "url": each.url,
        "works": each.works,
        "tls": each.tls_version or None,
        "milliseconds": round(each.seconds * 1000, 1),
        "error": words(in_both(each.error.detail), language) if each.error is not None else None,
    }
