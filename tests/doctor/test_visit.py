"""Visits to servers with faults: the step that fails, its cause, what was tried beside, and what leaves the machine."""

from __future__ import annotations

import json
import socket
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from courriel import Route, Sandbox, Security, Server, doctor, errors
from courriel._dataclass import replace
from courriel.delivery.discovery.proposal import Proposal
from courriel.delivery.secrets import SecretReference
from courriel.doctor import target
from courriel.doctor.examination import Examination
from courriel.doctor.examining import Wishes, examine_target
from courriel.doctor.visit import certificates
from courriel.doctor.visit.stage_log import StageLog
from courriel.model.address import Address
from courriel.network.inspecting import Handshake
from doctor.conftest import PASSWORD, USER
from servers.names import Names
from session.stranger import Phone, Stranger
from session.stranger import stranger as running


def look(target: object, **options: object) -> Examination:
    return doctor.examine(target, timeout=3, **{"neighbours_too": False, **options})  # type: ignore[arg-type]


def statuses(found: Examination) -> dict[str, str]:
    return {step.name: step.status for step in found.session_steps}


@pytest.fixture
def with_login(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the practice server with a login; no domain is looked at, for nothing may leave this machine."""
    monkeypatch.setenv("SECRET", PASSWORD)
    monkeypatch.setattr("courriel.doctor.examining._domain_steps", lambda *_: [])
    return f"smtp+starttls://ada%40example.org@127.0.0.1:{sandbox.port}?ca={sandbox.ca}&password=env:SECRET"


@pytest.mark.slow
def test_a_whole_visit_up_to_the_recipient(with_login: str, sandbox: Sandbox) -> None:
    found = look(with_login, recipient="bob@example.net")

    assert statuses(found) == dict.fromkeys(
        ["name", "connection", "greeting", "hello", "tls", "login", "sender", "recipient"], "ok"
    )
    assert (found.ok, found.sysexit, found.verdict.en) == (True, 0, "All works")
    assert found.closing.en == "nothing to correct; nothing was sent."
    assert found.session_steps[5].finding.en == "SCRAM-SHA-256 accepted (ada@example.org)"
    assert len(sandbox.letters) == 0
    said = [entry.text for entry in found.transcript if entry.who == "C"]
    assert "RSET" in said
    assert not [line for line in said if line.startswith(("DATA", "BDAT"))]
    assert all(step.seconds is not None for step in found.session_steps)


@pytest.mark.slow
def test_a_mail_leaves_when_it_is_asked_for(with_login: str, sandbox: Sandbox) -> None:
    found = look(with_login, send_to="bob@example.net")

    assert statuses(found)["send"] == "ok"
    assert found.accepted.startswith("250 ")
    assert "one mail has left, accepted by 127.0.0.1" in found.closing.en
    (letter,) = sandbox.letters
    assert letter.recipients == ("bob@example.net",)


@pytest.mark.slow
def test_a_password_for_an_address_is_not_sent_to_a_server_outside_its_domain(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that nobody has signed name the server: whoever can lie about them would get the password."""
    monkeypatch.setenv("SECRET", PASSWORD)
    monkeypatch.setattr("courriel.doctor.examining._domain_steps", lambda *_: [])
    url = f"smtp+starttls://ada%40example.org@127.0.0.1:{sandbox.port}?ca={sandbox.ca}"
    proposal = Proposal(Address.parse(USER), "srv", "SRV example.org", url, foreign=("127.0.0.1",))
    monkeypatch.setattr("courriel.delivery.discovery.discover.discover", lambda _: proposal)
    meant = target.read(USER)
    assert meant.route is not None
    given = replace(meant, route=replace(meant.route, password=SecretReference.parse("env:SECRET")))

    found = examine_target(given, Wishes(neighbours_too=False))

    login = found.session_steps[5]
    assert (login.name, login.status) == ("login", "skipped")
    assert login.finding.en.startswith("not tried: 127.0.0.1 is outside the domain of the address")
    assert not [entry for entry in found.transcript if entry.who == "C" and entry.text.startswith("AUTH")]


@pytest.mark.parametrize(
    ("user", "status", "verdict"),
    [
        ("ada%40example.org@", "skipped", "All works"),
        ("", "failed", "Failed at step 7 (sender): This server sends only for those who have logged in"),
    ],
)
def test_a_server_that_wants_the_login_which_was_left_out_is_fine(
    with_login: str, sandbox: Sandbox, user: str, status: str, verdict: str
) -> None:
    """Every server for submission answers so; a program whose URL names no user would indeed be refused."""
    sandbox.answer("sender", "530 5.7.0 Authentication required")
    url = f"smtp+starttls://{user}127.0.0.1:{sandbox.port}?ca={sandbox.ca}"

    found = look(url, login=False, sender=USER)

    assert (statuses(found)["sender"], found.ok) == (status, status == "skipped")
    assert found.verdict.en.startswith(verdict)


def test_certificates_with_names_that_nobody_can_read_are_shown_without_them() -> None:
    """The names come from the server: an x400Address (tag 3) is one that the package refuses to read."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.example.org")])
    names = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), bytes.fromhex("3004a3020500"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, datetime(2020, 1, 1), datetime(2030, 1, 1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )

    (facts,) = certificates.read(Handshake("TLSv1.3", "", (made.public_bytes(serialization.Encoding.DER),)))

    assert (facts.subject, facts.names) == ("mx.example.org", ())


def test_nothing_is_sent_after_a_step_that_failed(with_login: str, sandbox: Sandbox) -> None:
    sandbox.answer("authenticate", "535 5.7.8 no")

    found = look(with_login, send_to="bob@example.net")

    assert (statuses(found)["login"], "send" in statuses(found), found.accepted) == ("failed", False, "")
    assert len(sandbox.letters) == 0


@pytest.mark.parametrize(
    ("stage", "answer", "step", "failure"),
    [
        ("greeting", "554 5.7.1 go away", "greeting", ""),
        ("hello", "504 5.5.2 Helo command rejected: need fully-qualified hostname", "hello", "EHLO-NAME-REFUSED"),
        ("secure", "454 4.7.0 TLS not available", "tls", ""),
        ("authenticate", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "login",
         "M365-SMTP-AUTH-DISABLED"),
        ("sender", "550 5.7.1 Sender address rejected: not owned by user", "sender", "SENDER-NOT-OWNED"),
        ("recipient", "550 5.1.1 no such user", "recipient", "RECIPIENT-UNKNOWN"),
    ],
)  # fmt: skip
def test_the_step_that_fails_has_a_cause_and_the_servers_words(
    with_login: str, sandbox: Sandbox, stage: str, answer: str, step: str, failure: str
) -> None:
    sandbox.answer(stage, answer)

    found = look(with_login, recipient="bob@example.net")

    (wrong,) = [each for each in found.steps if each.status == "failed"]
    assert (wrong.name, wrong.said) == (step, answer)
    assert wrong.cause
    assert wrong.fix
    assert not failure or wrong.failure == failure
    number = [each.name for each in found.session_steps].index(wrong.name) + 1
    assert found.verdict.en.startswith(f"Failed at step {number} (")
    assert found.sysexit == wrong.sysexit != 0


def test_a_refusal_that_may_pass_is_a_warning(with_login: str, sandbox: Sandbox) -> None:
    sandbox.answer("recipient", "450 4.2.0 Greylisted, come back in a minute")

    found = look(with_login, recipient="bob@example.net")

    assert (statuses(found)["recipient"], found.ok, found.verdict.en) == ("warning", True, "All works; 1 remark")


@pytest.mark.slow
@pytest.mark.parametrize("misbehaviour", ["hang up", "silence"])
@pytest.mark.parametrize("stage", ["greeting", "hello", "secure", "authenticate", "sender"])
def test_a_server_that_stops_answering_is_named_at_its_stage(
    with_login: str, sandbox: Sandbox, stage: str, misbehaviour: str
) -> None:
    sandbox.answer(stage, misbehaviour)

    found = doctor.examine(with_login, timeout=0.3, neighbours_too=False)

    step = {"secure": "tls", "authenticate": "login"}.get(stage, stage)
    (wrong,) = [each.name for each in found.steps if each.status == "failed"]
    assert wrong == step


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\x00\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"* OK IMAP4rev1 ready\r\n", b"x" * 100_000]
)
def test_a_stranger_on_the_port_is_no_crash(garbage: bytes) -> None:
    def act(phone: Phone) -> None:
        phone.line.sendall(garbage)
        phone.expect_nothing_more()

    stranger = Stranger(act)
    found = look(Server("127.0.0.1", stranger.port, Security.STARTTLS))
    stranger.close()

    assert statuses(found)["greeting"] == "failed"
    json.dumps(found.as_object())


@pytest.mark.slow
def test_an_answer_to_mail_that_asks_for_content_is_an_error(names: Names) -> None:
    def act(phone: Phone) -> None:
        phone.say("220 hi")
        for line in iter(phone.receive, b""):
            phone.say("354 go on" if line.startswith(b"MAIL") else "250 ok")

    stranger = Stranger(act)
    found = look(Server("127.0.0.1", stranger.port, Security.NONE), sender="ada@good.test", name_server=names.at)
    stranger.close()

    (wrong,) = [step for step in found.session_steps if step.status == "failed"]
    assert (wrong.name, wrong.failure) == ("sender", "PROTOCOL-BROKEN")


@pytest.mark.slow
@pytest.mark.parametrize("auth", ["plain", "xoauth2"])
@pytest.mark.parametrize("stage", ["sender", "recipient"])
@pytest.mark.parametrize("form", [str, lambda secret: b64encode(secret.encode()).decode(), str.upper])
def test_a_server_that_repeats_the_secret_after_the_login_is_not_shown(
    with_login: str, sandbox: Sandbox, stage: str, auth: str, form: Callable[[str], str]
) -> None:
    sandbox.answer(stage, f"550 5.7.1 not with {form(PASSWORD)}")

    found = look(with_login.replace("?", f"?auth={auth}&"), recipient="bob@example.net")

    shown = json.dumps(found.as_object(), ensure_ascii=False) + json.dumps(found.as_object("fr")) + repr(found)
    assert form(PASSWORD) not in shown
    assert statuses(found)[stage] == "failed"
    assert (found.session_steps[-1].said, found.session_steps[-1].finding.en) == (
        "", "(not shown: it repeats the login)",
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_a_server_that_greets_with_the_secret_is_shown_nowhere(with_login: str, sandbox: Sandbox, scheme: str) -> None:
    """It may know it from an earlier login; the other ways that are tried lead to the same greeting."""
    sandbox.answer("greeting", f"554 5.7.1 not with {PASSWORD}")

    found = look(with_login.replace("smtp+starttls", scheme), neighbours_too=True)

    shown = json.dumps(found.as_object(), ensure_ascii=False) + json.dumps(found.as_object("fr")) + repr(found)
    assert [each for each in found.tried if each.error is not None and "not shown" in str(each.error)]
    assert PASSWORD not in shown
    assert not [each for each in found.tried if each.error is not None and PASSWORD in str(each.error)]


# The ways beside.


def test_tls_at_a_port_for_starttls_is_tried_the_other_way(sandbox: Sandbox) -> None:
    found = look(f"smtps://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}", neighbours_too=True, login=False)

    wrong = found.session_steps[2]
    assert (wrong.name, wrong.failure, wrong.raised[:13]) == ("tls", "TLS-PORT-MIXUP", "ssl.SSLError:")
    assert "220 sandbox.localhost" in wrong.finding.en
    assert found.corrected == f"smtp+starttls://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}"
    assert found.closing.en == f"nothing was sent; use {found.corrected}"
    assert Route.parse(found.corrected).server is not None


@pytest.mark.slow
def test_starttls_at_a_port_for_tls_is_tried_the_other_way(sandbox: Sandbox) -> None:
    target = f"smtp+starttls://127.0.0.1:{sandbox.tls_port}?ca={sandbox.ca}"
    found = doctor.examine(target, timeout=1, neighbours_too=True)

    assert found.session_steps[2].failure == "PLAIN-ON-TLS-PORT"
    assert found.corrected == f"smtps://127.0.0.1:{sandbox.tls_port}?ca={sandbox.ca}"


def test_a_certificate_that_is_not_accepted_is_no_reason_to_try_others(sandbox: Sandbox) -> None:
    found = look(f"smtp+starttls://127.0.0.1:{sandbox.port}", neighbours_too=True)

    wrong = found.session_steps[4]
    assert (wrong.name, wrong.failure, found.tried) == ("tls", "CERT-UNKNOWN-ISSUER", ())
    assert wrong.details[0].en.startswith("0 127.0.0.1, issued by courriel sandbox")
    assert found.certificate_ends is not None


def test_in_clear_is_tried_on_this_machine_alone() -> None:
    from courriel.doctor.visit.neighbours import _others

    local = {each.security for each in _others(Server("127.0.0.1", 1))}
    far = {each.security for each in _others(Server("smtp.example.org", 1))}

    assert local - far == {Security.NONE}


@pytest.mark.slow
def test_every_url_that_works_is_one_that_can_be_given(sandbox: Sandbox) -> None:
    examination = look(f"smtps://127.0.0.1:{sandbox.port}?ca={sandbox.ca}", neighbours_too=True)

    works = [each.url for each in examination.tried if each.works]
    assert [look(url, login=False).ok for url in works] == [True, True]


def test_nothing_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    found = look(f"smtps://127.0.0.1:{port}")

    wrong = found.session_steps[1]
    assert (wrong.name, wrong.failure) == ("connection", "CONNECTION-REFUSED")
    assert wrong.raised.startswith("ConnectionRefusedError: ")
    assert len(found.session_steps) == 2


# The login.


def test_a_password_that_cannot_be_read_fails_at_the_login_and_the_rest_is_examined(sandbox: Sandbox) -> None:
    found = look(f"smtp+starttls://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}&password=env:NOT_SET")

    assert (statuses(found)["tls"], statuses(found)["login"]) == ("ok", "failed")
    assert found.session_steps[-1].failure == "PASSWORD-NOT-FOUND"


def test_a_server_elsewhere_in_clear_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def act(phone: Phone) -> None:
        phone.say("220 hi")
        for line in iter(phone.receive, b""):
            phone.say("250-hi\n250 AUTH PLAIN" if line.startswith(b"EHLO") else "250 ok")

    stranger = Stranger(act)
    monkeypatch.setattr(socket, "getaddrinfo", _all_is_loopback(socket.getaddrinfo))
    found = look(f"smtp://mail.example.org:{stranger.port}?tls=none")
    stranger.close()

    assert (statuses(found)["hello"], statuses(found)["tls"], found.ok) == ("ok", "warning", True)
    assert found.verdict.en == "All works; 1 remark"


def test_without_login_nobody_logs_in(with_login: str) -> None:
    found = look(with_login, login=False)

    assert statuses(found)["login"] == "skipped"
    assert not [entry for entry in found.transcript if "AUTH" in entry.text and entry.who == "C"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["pop3+starttls", "pops"])
def test_a_mailbox_by_pop3(sandbox: Sandbox, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", PASSWORD)
    monkeypatch.setattr("courriel.doctor.examining._domain_steps", lambda *_: [])
    port = sandbox.pops_port if scheme == "pops" else sandbox.pop_port
    url = f"{scheme}://ada%40example.org@127.0.0.1:{port}?ca={sandbox.ca}&password=env:SECRET"

    assert statuses(look(url)) == dict.fromkeys(["name", "connection", "tls", "greeting", "hello", "login"], "ok")
    assert statuses(look(url, login=False))["login"] == "skipped"


# What is meant.


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("", errors.InvalidServer),
        ("  ", errors.InvalidServer),
        ("smtps://", errors.InvalidUrl),
        ("smtps://h.example?nonsense=1", errors.InvalidUrl),
        ("memory:", errors.UsageError),
        ("file:///tmp", errors.UsageError),
        ("no-such-profile", errors.UsageError),
        ("host.example:99999", errors.InvalidServer),
        ("a b.example", errors.InvalidServer),
        ("ada@@example.org", errors.UsageError),
        ("host.example/path", errors.InvalidServer),
        (None, errors.UsageError),
        (7, errors.UsageError),
    ],
)
def test_what_is_no_target_is_refused(target: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        look(target)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"sender": "nobody"}, errors.InvalidAddress),
        ({"sender": "ada@example.org\r\nRCPT TO:<x@y>"}, errors.InvalidAddress),
        ({"recipient": "bob@example.org"}, errors.UsageError),
        ({"send_to": "bob@example.org"}, errors.UsageError),
        ({"sender": "ada@good.test", "send_to": "bob@"}, errors.InvalidAddress),
        ({"domain": "nonsense"}, errors.InvalidServer),
        ({"domain": "192.0.2.1"}, errors.InvalidServer),
        ({"domain": "/etc/passwd"}, errors.InvalidServer),
        ({"selectors": ["a b"]}, errors.UsageError),
        ({"selectors": ["../x"]}, errors.UsageError),
        ({"selectors": [7]}, errors.UsageError),
        ({"name_server": "dns.example"}, errors.UsageError),
    ],
)
def test_what_is_no_option_is_refused_before_a_connection(
    options: dict[str, object], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", None)

    with pytest.raises(error):
        look("smtps://127.0.0.1:1", **options)


def test_of_a_bare_host_the_usual_ports_are_tried(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "courriel.doctor.target.DOORS",
        ((1, Security.TLS), (sandbox.port, Security.STARTTLS), (sandbox.tls_port, Security.TLS)),
    )

    found = look("127.0.0.1")

    assert found.server == f"127.0.0.1:{sandbox.port}"
    assert statuses(found)["hello"] == "ok"


@pytest.mark.slow
def test_a_profile_is_examined_by_its_name(sandbox: Sandbox, names: Names) -> None:
    from pathlib import Path

    file = Path("courriel.toml")
    file.write_text(f'[profiles.billing]\nurl = "{sandbox.url}"\nfrom = "ada@good.test"\n')

    found = look("billing", name_server=names.at)

    assert (found.target, statuses(found)["sender"], found.domain) == ("billing", "ok", "good.test")


# The values.


def test_braces_in_a_servers_words_stay_what_they_are(sandbox: Sandbox) -> None:
    sandbox.answer("greeting", "220 {host} {user}@ {mailbox} ready")

    found = look(sandbox.url)

    assert found.as_object("en")["steps"][2]["finding"] == "220 {host} {user}@ {mailbox} ready"  # type: ignore[index]


def test_every_object_has_every_key_and_both_languages_the_same(sandbox: Sandbox) -> None:
    fine, broken = look(sandbox.url), look(f"smtps://127.0.0.1:{sandbox.port}", neighbours_too=True)

    for found in (fine, broken):
        english, french = found.as_object("en"), found.as_object("fr")
        assert set(english) == set(french) == KEYS
        assert all(set(step) == STEP_KEYS for step in english["steps"])  # type: ignore[attr-defined]
        assert all(set(each) == TRIED_KEYS for each in english["tried"])  # type: ignore[attr-defined]
    assert broken.as_object("fr")["verdict"] != broken.as_object("en")["verdict"]


KEYS = {"ok", "verdict", "target", "url", "server", "domain", "steps", "tried", "corrected", "certificate_ends",
        "token_refused", "accepted", "arrival", "transcript", "sysexit", "ways"}  # fmt: skip
STEP_KEYS = {"name", "status", "finding", "milliseconds", "failure", "cause", "hint", "not", "command", "said",
             "raised", "details", "records"}  # fmt: skip
TRIED_KEYS = {"url", "works", "tls", "milliseconds", "error"}


def test_a_stage_log_hands_errors_on_and_closes_its_flow() -> None:
    from courriel.dialogue.flow import Connect, Flow, Receive

    closed: list[str] = []

    def flow() -> Flow[str]:
        try:
            yield Connect()
            try:
                yield Receive("greeting")
            except errors.TimedOut:
                return "in time"
            return "late"
        finally:
            closed.append("closed")

    class Facts:
        def __init__(self) -> None:
            self.capabilities: dict[str, str] = {}
            self.greeting = self.mechanism = ""

    ticks = iter(range(100))
    log = StageLog(lambda: float(next(ticks)))
    followed = log.follow(flow(), Facts())
    assert next(followed) == Connect()
    assert followed.send(b"") == Receive("greeting")
    with pytest.raises(StopIteration) as end:
        followed.throw(errors.TimedOut("late", stage="greeting"))

    assert (end.value.value, closed, log.seconds, log.last) == (
        "in time", ["closed"], {"connect": 1.0, "greeting": 1.0}, "greeting",
    )  # fmt: skip

    abandoned = log.follow(flow(), Facts())
    next(abandoned)
    abandoned.close()
    assert closed == ["closed", "closed"]

    assert list(log.follow(flow(), Facts(), stop_before=("connect",))) == []


def test_a_credential_is_in_no_repr(with_login: str) -> None:
    assert PASSWORD not in repr(look(with_login))
    assert PASSWORD not in repr(look(Route("smtp", server=Server("127.0.0.1", 1), user=USER)))


# Helpers.


def _all_is_loopback(real: object) -> object:
    def look_up(host: object, port: object, *more: object, **options: object) -> object:
        name = host.decode() if isinstance(host, bytes) else host
        if name == "mail.example.org":
            if options.get("flags"):
                raise socket.gaierror(socket.EAI_NONAME, "not an address")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        return real(host, port, *more, **options)  # type: ignore[operator]

    return look_up


def test_after_words_that_came_before_tls_no_way_in_clear_is_proposed() -> None:
    def speaking_early(phone: Phone) -> None:
        with suppress(ConnectionError):
            phone.line.sendall(b"220 mx.example.org ready\r\n")
            phone.line.recv(1000)
            phone.line.sendall(b"250-mx.example.org\r\n250 STARTTLS\r\n")
            phone.line.recv(1000)
            phone.line.sendall(b"220 go ahead\r\n250 injected\r\n")
            phone.line.recv(1000)

    with running(*[speaking_early] * 9) as server:
        found = doctor.examine(f"smtp+starttls://127.0.0.1:{server.port}", timeout=3)

    assert statuses(found)["tls"] == "failed"
    assert found.tried == ()
    assert found.corrected == ""


def test_no_way_in_clear_is_proposed_where_the_port_speaks_tls_with_a_certificate_that_is_not_trusted(
    sandbox: Sandbox,
) -> None:
    found = doctor.examine(f"smtps://127.0.0.1:{sandbox.port}", timeout=3)

    assert statuses(found)["tls"] == "failed"
    assert {each.server.security for each in found.tried if each.server.port == sandbox.port} == {Security.STARTTLS}
    assert found.corrected == ""


def test_a_way_that_signs_has_the_keys_of_its_selectors_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    settings = tmp_path / "signed.toml"
    settings.write_text(
        f'[profiles.billing]\nurl = "{sandbox.url}"\ndkim = "example"\n[dkim.example]\ndomain = "example.org"\n'
        'selector = ["s1", "e1"]\nkey = ["file:/nowhere/s1.pem", "file:/nowhere/e1.pem"]\n'
    )
    settings.chmod(0o600)
    monkeypatch.setenv("COURRIEL_CONFIG", str(settings))
    seen: list[Sequence[str]] = []
    monkeypatch.setattr(
        "courriel.doctor.examining._domain_steps", lambda about, selectors, ask: seen.append(selectors) or []
    )

    look("billing", sender="ada@example.org", login=False)
    look("billing", sender="ada@other.example", login=False)

    assert seen == [("s1", "e1"), ()]


@pytest.mark.slow
def test_without_the_extra_it_is_to_be_installed_and_not_to_be_waited_for(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dns", None)

    found = look(sandbox.url, sender="ada@example.org")

    assert (found.ok, found.closing.en) == (True, "install what is named above; nothing was sent.")
    assert 'pip install "courriel[doctor]"' in found.domain_steps[0].finding.en
