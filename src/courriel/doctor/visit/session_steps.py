"""Steps of a session from what the walk through it showed: greeting, EHLO, TLS, login, sender, recipient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.doctor.step import NOTHING, Step, StepName, in_both, with_error, with_record
from courriel.doctor.visit.certificates import SOON, CertificateFacts, in_words
from courriel.doctor.visit.walk import Walk
from courriel.errors import Stage
from courriel.failures import Text
from courriel.model.servers.server import Dialect, Security, Server
from courriel.network.inspecting import Handshake

_STEP_OF: dict[Stage, StepName] = {
    "greeting": "greeting",
    "hello": "hello",
    "secure": "tls",
    "authenticate": "login",
    "mailbox": "login",
    "sender": "sender",
    "recipient": "recipient",
}


_WANTS_A_LOGIN = ("LOGIN-REQUIRED-FIRST", "RELAY-DENIED")
_OFFERS = {Dialect.POP3: Text("CAPA", "CAPA"), Dialect.IMAP: Text("CAPABILITY", "CAPABILITY")}


@dataclass(frozen=True, slots=True)
class TlsLook:
    """The server's TLS: the handshakes by version, and the chain as far as it can be read."""

    handshakes: dict[str, Handshake]
    chain: Sequence[CertificateFacts] = ()


def steps_of(seen: Walk, tls: TlsLook, *, user: str, has_secret: bool) -> list[Step]:
    """The steps of a session, up to the one at which it failed; a login that was not tried is named."""
    failed_at = _STEP_OF.get(seen.error.stage) if seen.error is not None else None
    steps: list[Step] = []
    for name in _order(seen.server):
        if name == failed_at:
            assert seen.error is not None
            steps.append(_failed(name, seen, tls))
            break
        if name == "login":
            if seen.mechanism:
                steps.append(_login(seen, user))
            break
        steps.append(_fine(name, seen, tls))
    if not any(step.name == "login" for step in steps):
        steps.append(_not_logged_in(user, has_secret, blocked=failed_at is not None))
    return steps


def envelope_steps(seen: Walk, sender: str, recipient: str, *, login_left_out: bool = False) -> Iterator[Step]:
    """The steps of the dry run, as far as there was one.

    With `login_left_out` a program would log in here, and the visit has not: a server that wants a login first is fine.
    """
    server = str(seen.server)
    if seen.envelope_error is not None:
        name: StepName = "recipient" if seen.envelope_error.stage == "recipient" else "sender"
        yield with_error(
            Step(name, "failed", in_both(seen.envelope_error.detail), _seconds(seen, name)), seen.envelope_error
        )
        return
    if seen.envelope is None:
        return
    reply = seen.envelope.sender
    if reply.kind == 2:
        yield Step("sender", "ok", _both(f"{sender} → {reply}"), _seconds(seen, "sender"))
    else:
        refused: errors.Refused = errors.SenderRefused(reply, stage="sender", server=server)
        yield _refused("sender", refused, _seconds(seen, "sender"), login_left_out=login_left_out)
    for name_of, answer in seen.envelope.recipients:
        if answer.kind == 2:
            yield Step("recipient", "ok", _both(f"{name_of} → {answer}"), _seconds(seen, "recipient"))
        else:
            refused = errors.RecipientsRefused(
                answer, stage="recipient", server=server, refused={recipient: answer}, about=f"recipient {recipient}"
            )
            yield _refused("recipient", refused, _seconds(seen, "recipient"), login_left_out=login_left_out)


def version_in_words(version: str) -> str:
    """A TLS version as people write it: "TLS 1.3"."""
    return version.replace("TLSv", "TLS ")


def capabilities_in_words(capabilities: dict[str, str], *, most: int = 30) -> str:
    """Capabilities in one line; a limit for the size in MiB."""
    words = []
    for name, value in list(capabilities.items())[:most]:
        if name == "SIZE" and value.isascii() and value.isdigit() and len(value) < 16:
            size = int(value)
            words.append(f"SIZE {size / 2**20:.4g} MiB" if size else "SIZE")
        else:
            words.append(f"{name} {value}".strip())
    return " · ".join(words)


# The steps.


def _order(server: Server) -> tuple[StepName, ...]:
    if server.security is Security.TLS:
        return ("tls", "greeting", "hello", "login")
    return ("greeting", "hello", "tls", "login")


def _fine(name: StepName, seen: Walk, tls: TlsLook) -> Step:
    match name:
        case "greeting":
            return Step(name, "ok", _both(_greeting(seen)), _seconds(seen, name))
        case "hello":
            offered = seen.log.in_clear if seen.server.security is not Security.TLS else {}
            words = capabilities_in_words(offered or seen.capabilities)
            finding = (
                _both(words) if words else Text("le serveur n'offre rien de plus", "the server offers nothing more")
            )
            return Step(name, "ok", finding, _seconds(seen, name), title=_OFFERS.get(seen.server.dialect, NOTHING))
        case _:
            return _tls(seen, tls)


def _greeting(seen: Walk) -> str:
    return f"220 {seen.greeting}" if seen.server.dialect in (Dialect.SMTP, Dialect.LMTP) else seen.greeting


def _tls(seen: Walk, tls: TlsLook) -> Step:
    server = seen.server
    if not seen.tls_version and "secure" not in seen.log.seconds:
        if server.local:
            return Step("tls", "skipped", Text("en clair, sur cette seule machine", "in clear, on this machine alone"))
        return Step(
            "tls",
            "warning",
            Text(
                "en clair : tout peut être lu et changé en chemin",
                "in clear: everything can be read and changed on the way",
            ),
        )
    version = seen.tls_version
    shown = tls.handshakes.get(version)
    finding = _both(", ".join(part for part in (version_in_words(version), shown.cipher if shown else "") if part))
    step = Step("tls", "ok", finding, _seconds(seen, "tls"), details=_tls_details(seen, tls))
    if server.trust.accepts_anything:
        return replace(
            step,
            status="warning",
            details=(
                Text("le certificat n'est pas vérifié (verify=0)", "the certificate is not verified (verify=0)"),
                *step.details,
            ),
        )
    if tls.chain and tls.chain[0].days_left() < SOON:
        return with_record(replace(step, status="warning"), "CERT-ENDS-SOON")
    return step


def _tls_details(seen: Walk, tls: TlsLook) -> tuple[Text, ...]:
    details = [*in_words(tls.chain)]
    if tls.chain and seen.error is None and seen.server.trust.checks_chain:
        name = seen.server.expected_name
        fr, en = _trust(seen.server)
        details.append(Text(f"nom vérifié : {name} ; confiance : {fr}", f"name verified: {name}; trust: {en}"))
    if tls.handshakes:
        versions = ", ".join(map(version_in_words, sorted(tls.handshakes)))
        details.append(Text(f"versions acceptées : {versions}", f"versions accepted: {versions}"))
    more = {name: value for name, value in seen.capabilities.items() if seen.log.in_clear.get(name) != value}
    if seen.log.in_clear and more and seen.error is None:
        words = capabilities_in_words(more)
        details.append(Text(f"offert ensuite : {words}", f"offered afterwards: {words}"))
    return tuple(details)


def _trust(server: Server) -> tuple[str, str]:
    """The sources of trust, in French and in English."""
    trust = server.trust
    sources = [("magasin du système", "system store")] if trust.uses_system else []
    sources += [("certifi", "certifi")] if trust.uses_bundle else []
    sources += [(place, place) for place in trust.files]
    sources += [("certificats donnés", "given certificates")] if trust.authorities else []
    return " + ".join(fr for fr, _ in sources), " + ".join(en for _, en in sources)


def _failed(name: StepName, seen: Walk, tls: TlsLook) -> Step:
    error = seen.error
    assert error is not None
    step = Step(name, "failed", in_both(error.detail), _seconds(seen, name))
    if name == "tls":
        step = replace(step, details=_tls_details(seen, tls))
    if isinstance(error, errors.AuthenticationRefused) and error.tried:
        step = replace(step, finding=_both(str(error.reply)))
        told = error.mechanisms
        step = replace(step, details=(Text(f"essayé : {told.fr}", f"tried: {told.en}"),))
    return with_error(step, error)


def _login(seen: Walk, user: str) -> Step:
    who = f" ({user})" if user else ""
    return Step(
        "login",
        "ok",
        Text(f"{seen.mechanism} accepté{who}", f"{seen.mechanism} accepted{who}"),
        _seconds(seen, "login"),
    )


def _not_logged_in(user: str, has_secret: bool, *, blocked: bool) -> Step:
    if blocked and (has_secret or not user):
        return Step("login", "skipped", Text("non essayée", "not tried"))
    if user:
        return Step(
            "login", "skipped", Text("non essayée (ajoutez --password prompt)", "not tried (add --password prompt)")
        )
    return Step("login", "skipped", Text("non essayée : pas d'utilisateur dans l'URL", "not tried: no user in the URL"))


def _refused(name: StepName, error: errors.Refused, seconds: float | None, *, login_left_out: bool) -> Step:
    """A refusal that may pass (greylisting, a full mailbox) is a warning; one for want of a login says nothing."""
    if login_left_out and error.failure is not None and error.failure.id in _WANTS_A_LOGIN:
        told = Text(
            f"pas essayé : le serveur veut d'abord une authentification ({error.reply})",
            f"not tried: the server wants a login first ({error.reply})",
        )
        return Step(name, "skipped", told, seconds)
    status = "warning" if error.retryable else "failed"
    step = with_error(Step(name, "failed", in_both(error.detail), seconds), error)
    return replace(step, status="warning", sysexit=0) if status == "warning" else step


def _seconds(seen: Walk, name: StepName) -> float | None:
    spent = [seen.log.seconds[stage] for stage, step in _STEP_OF.items() if step == name and stage in seen.log.seconds]
    return sum(spent) if spent else None


def _both(words: str) -> Text:
    return Text(words, words)
