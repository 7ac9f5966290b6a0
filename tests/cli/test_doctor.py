"""`courriel doctor` and `courriel probe`: what is shown, written, kept and corrected, and that no secret is in it."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cli.conftest import USERS, Ran
from courriel import Sandbox
from courriel._dataclass import replace
from courriel.cli.doctor import layout, printing
from courriel.doctor import Examination, Step, watch
from courriel.failures import Text
from servers.fixtures import names
from servers.names import Names

__all__ = ["names"]

Run = Callable[..., Ran]
SECRET = USERS["ada"]
WRONG = "Geheim-nis%2B/77=="


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COURRIEL_KEYRING", "0")
    return tmp_path / "state" / "courriel" / "doctor"


@pytest.fixture
def url(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SECRET", SECRET)
    return f"smtp+starttls://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}&password=env:SECRET"


def profile(url: str, *more: str) -> Path:
    file = Path("courriel.toml").absolute()
    file.write_text("\n".join(["# my servers", "[profiles.billing]", f'url = "{url}"  # by hand', *more]) + "\n")
    return file


# What is shown.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "first", "label", "last"),
    [
        ("en", "Verdict  ✓ All works", "Login", "Verdict  ✓ Nothing to correct; nothing was sent."),
        ("fr", "Verdict  ✓ Tout fonctionne", "Authentification", "Verdict  ✓ Rien à corriger ; rien n'a été envoyé."),
    ],
)
def test_the_verdict_stands_first_and_last(
    courriel: Run, url: str, language: str, first: str, label: str, last: str
) -> None:
    ran = courriel("doctor", url, "--lang", language)

    lines = ran.out.splitlines()
    assert (ran.status, ran.err, lines[0], lines[-1]) == (0, "", first, last)
    assert re.search(rf"^ 6 {label} +✓ ", ran.out, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_wrong_mode_is_explained_and_the_right_one_can_be_pasted(
    courriel: Run, sandbox: Sandbox, language: str
) -> None:
    ran = courriel("doctor", f"smtps://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}", "--no-login", "--lang", language)

    right = f"smtp+starttls://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}"
    assert ran.status == 78
    assert f" {right} (" in ran.out
    assert ran.out.splitlines()[-1].endswith(f" {right}")
    assert "courriel explain TLS-PORT-MIXUP" in ran.out
    assert "ssl.SSLError: [SSL: " in ran.out
    assert courriel("doctor", right, "--no-login").status == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["md", "html", "text"])
def test_what_works_by_tls_is_the_remedy_and_a_port_that_was_tried_in_vain_is_not(
    courriel: Run, sandbox: Sandbox, kind: str
) -> None:
    file = Path(f"report.{kind}") if kind != "text" else None
    asked = f"smtps://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}"

    ran = courriel("doctor", asked, "--no-login", *(["--report", str(file)] if file else []))

    page = file.read_text("utf-8") if file else ran.out
    text = re.sub(r"\\(.)", r"\1", page).replace("&amp;", "&")
    fix = text.partition("Fix")[2].partition("Avoid")[0]
    assert f"smtp+starttls://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca} (tried: ✓ TLS 1.3" in fix
    assert "in clear" not in fix
    assert ":465" not in fix


def test_without_a_target_the_default_setting_is_examined(
    courriel: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURRIEL_URL", sandbox.url)

    assert courriel("doctor", "--json").json["url"] == sandbox.url.replace("?tls=none", "")


@pytest.mark.slow
def test_the_dialogue_is_shown_on_request(courriel: Run, url: str) -> None:
    assert "C: EHLO" not in courriel("doctor", url).out
    assert "C: EHLO" in courriel("doctor", url, "--transcript").out


@pytest.mark.slow
def test_json_is_one_object_with_stable_keys(courriel: Run, url: str, names: Names) -> None:
    found = courriel("doctor", url, "--json", "--from", "ada@several.test", "--dns", names.at).json

    assert [step["name"] for step in found["steps"]] == [
        "name", "connection", "greeting", "hello", "tls", "login", "sender",
        "mx", "spf", "dkim", "dmarc", "mta-sts", "tls-rpt",
    ]  # fmt: skip
    assert (found["ok"], found["domain"], found["sysexit"]) == (False, "several.test", 78)
    assert {step["failure"] for step in found["steps"]} >= {"SPF-SEVERAL", "DMARC-SEVERAL"}


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_line_is_wider_than_the_terminal(
    courriel: Run, url: str, language: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "width", lambda: columns)

    ran = courriel("doctor", url.replace("env:SECRET", "env:NOT_SET"), "--lang", language)

    pasted = re.compile(r"\S{30,}")  # a word that is to be copied is never broken
    assert [line for line in ran.out.splitlines() if len(line) > columns and not pasted.search(line)] == []
    assert ran.status == 78


def test_a_server_cannot_write_on_the_terminal(courriel: Run, sandbox: Sandbox) -> None:
    sandbox.answer("greeting", b"220 \x1b[31mred \x07\x9b2J \xe2\x80\xae txet\r\n")

    out = courriel("doctor", sandbox.url).out

    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\u202e" not in out


# Bad input.


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-profile"], ["smtps://"], ["smtps://h.example?x=1"], ["a b"], ["memory:"], ["file:///tmp"],
        ["smtps://127.0.0.1:1", "--timeout", "0"], ["smtps://127.0.0.1:1", "--timeout", "x"],
        ["smtps://127.0.0.1:1", "--report", "x.pdf"], ["smtps://127.0.0.1:1", "--report", "nowhere/x.md"],
        ["smtps://127.0.0.1:1", "--report", "folder.md"],
        ["smtps://127.0.0.1:1", "--fix"], ["smtps://127.0.0.1:1", "--from", "ada"],
        ["smtps://127.0.0.1:1", "--to", "bob@example.org"], ["smtps://127.0.0.1:1", "--send", "bob@example.org"],
        ["smtps://127.0.0.1:1", "--domain", "x"], ["smtps://127.0.0.1:1", "--selector", "a b"],
        ["smtps://127.0.0.1:1", "--dns", "x"], ["smtps://127.0.0.1:1", "--password", "hunter2"],
        ["smtps://127.0.0.1:1", "--password", "env:"],
        ["imaps://127.0.0.1:1", "--send", "a@b.org"],
        ["smtps://127.0.0.1:1", "two"],
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_sentence_before_a_connection(
    courriel: Run, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", None)
    Path("folder.md").mkdir()

    ran = courriel("doctor", *arguments)

    assert ran.status in (64, 65, 78)
    assert ran.out == ""
    assert ran.err.startswith("✗ ")
    assert "hunter2" not in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("arguments", [[], ["a b"], ["h.example", "--port", "0"], ["h.example", "--port", "x"],
                                       ["smtps://h.example"], ["ada@example.org"],
                                       ["127.0.0.1", "--timeout", "-1"]])  # fmt: skip
def test_bad_input_of_probe_is_refused(courriel: Run, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)

    ran = courriel("probe", *arguments)

    assert ran.status in (64, 78)
    assert ran.err.startswith("✗ ")


# Reports.


class Page(HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", ["md", "html"])
def test_a_report_is_written_for_the_hosting_company(
    courriel: Run, sandbox: Sandbox, kind: str, language: str, names: Names
) -> None:
    sandbox.answer("greeting", "220 <script>alert(1)</script> | `x` **y** <b>")
    file = Path(f"report.{kind}")

    courriel("doctor", sandbox.url, "--from", "ada@several.test", "--dns", names.at, "--report", str(file),
             "--lang", language)  # fmt: skip

    text = file.read_text("utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~_mask()
    assert "SPF-SEVERAL" in text
    if kind == "html":
        page = Page(text)
        assert "script" not in page.tags
        assert not [value for name, value in page.attributes if name in ("src", "href", "onload")]
        assert "http://" not in text
        assert "https://" not in text
        assert "<script>alert(1)</script>" in page.text
        assert f'<html lang="{language}">' in text
    else:
        assert "\\<script\\>" in text
        assert "220 \\<script" in text


def test_a_report_over_an_older_one_is_whole_or_not_there(
    courriel: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("report.md").write_text("the older one")
    monkeypatch.setattr(Path, "replace", _no_space)

    ran = courriel("doctor", url, "--report", "report.md")

    assert ran.status == 74
    assert Path("report.md").read_text() == "the older one"
    assert [path.name for path in Path().iterdir()] == ["report.md"]


# --watch.


@pytest.mark.slow
def test_watching_is_silent_while_all_is_well(courriel: Run, own_state: Path, url: str, names: Names) -> None:
    arguments = ("doctor", url, "--watch", "--from", "ada@sub.good.test", "--dns", names.at)

    first, second = courriel(*arguments), courriel(*arguments)

    assert (first.status, first.out, first.err) == (second.status, second.out, second.err) == (0, "", "")
    (state,) = own_state.iterdir()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_state.stat().st_mode) == 0o700
    kept = json.loads(state.read_text())
    assert set(kept) == {"target", "domain", "dmarc", "examined"}
    assert kept["dmarc"].startswith("v=DMARC1; p=quarantine")


@pytest.mark.slow
def test_a_dmarc_record_that_changed_is_told_once(courriel: Run, own_state: Path, url: str, names: Names) -> None:
    arguments = ("doctor", url, "--watch", "--from", "ada@sub.good.test", "--dns", names.at)
    courriel(*arguments)
    (state,) = own_state.iterdir()
    state.write_text(json.dumps(json.loads(state.read_text()) | {"dmarc": "v=DMARC1; p=reject"}))

    first, second = courriel(*arguments), courriel(*arguments)

    assert first.status == 83
    assert "! the DMARC record has changed: v=DMARC1; p=reject → v=DMARC1; p=quarantine" in first.out
    assert (second.status, second.out) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"dmarc": 7}', b"\xff", b"[" * 100_000])
def test_a_damaged_state_begins_anew(courriel: Run, own_state: Path, url: str, names: Names, damage: bytes) -> None:
    arguments = ("doctor", url, "--watch", "--from", "ada@sub.good.test", "--dns", names.at)
    courriel(*arguments)
    (state,) = own_state.iterdir()
    state.write_bytes(damage)

    assert courriel(*arguments).status == 0
    assert json.loads(state.read_text())["dmarc"].startswith("v=DMARC1")


@pytest.mark.slow
def test_a_token_that_is_refused_has_a_status_of_its_own(
    courriel: Run, sandbox: Sandbox, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", WRONG)

    ran = courriel("doctor", f"{url}&auth=xoauth2", "--watch")

    assert ran.status == 81
    assert "! the access token is refused: log in again" in ran.out
    assert courriel("doctor", url, "--watch").status == 77, "a password is no token"


def test_a_failure_without_an_alert_has_its_own_status(courriel: Run, closed_port: int) -> None:
    ran = courriel("doctor", f"smtps://127.0.0.1:{closed_port}", "--watch", "--no-neighbours")

    assert ran.status == 75
    assert "Failed at step 2 (connection)" in ran.out
    assert ran.out.splitlines()[-1] == f"→ courriel doctor smtps://127.0.0.1:{closed_port}"


def test_alerts_in_json_and_where_the_state_is(courriel: Run, url: str, own_state: Path) -> None:
    found = courriel("doctor", url, "--watch", "--json").json

    assert found["alerts"] == []
    assert Path(found["state"]).parent == own_state


def test_a_state_that_cannot_be_kept_is_an_error(courriel: Run, url: str, own_state: Path) -> None:
    own_state.parent.mkdir(parents=True)
    own_state.write_text("a file where the folder should be")

    assert courriel("doctor", url, "--watch").status in (73, 74)


NOW = datetime(2026, 11, 30, tzinfo=UTC)
FINE = Examination("h.example", "smtps://h.example", "h.example:465", "a.test", ())


@pytest.mark.parametrize(("days", "alerts"), [(15, 0), (14, 0), (13, 1), (0, 1), (-5, 1)])
def test_a_certificate_is_told_from_fourteen_days_on(days: int, alerts: int) -> None:
    found = replace(FINE, certificate_ends=NOW + timedelta(days=days, hours=1))

    assert len(watch.alerts_of(found, watch.Memory(), NOW)) == alerts


def test_a_record_that_could_not_be_read_is_no_change_and_stays_in_memory() -> None:
    unknown = replace(FINE, steps=(Step("dmarc", "unknown", Text("?", "?")),))
    gone = replace(FINE, steps=(Step("dmarc", "warning", Text("aucun", "none")),))
    before = watch.Memory("v=DMARC1; p=reject")

    assert watch.alerts_of(unknown, before, NOW) == []
    assert watch.memory_of(unknown, before) == before
    assert [alert.kind for alert in watch.alerts_of(gone, before, NOW)] == ["dmarc changed"]
    assert watch.memory_of(gone, before) == watch.Memory("")


@pytest.mark.parametrize("arguments", [("--watch",), ("--report", "r.md"), ("--report", "r.html", "--watch")])
def test_what_was_found_is_told_although_the_disk_is_full(
    courriel: Run, closed_port: int, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Above all the alerts of a schedule, and that a trial mail has been sent: whoever does not know sends it again."""

    def full(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(28, "No space left on device", "some temporary name")

    monkeypatch.setattr("tempfile.mkstemp", full)

    ran = courriel("doctor", f"smtps://127.0.0.1:{closed_port}", "--no-neighbours", *arguments)

    assert "Failed at step 2 (connection)" in ran.out
    assert (ran.status, "No space left on device" in ran.err) == (74, True)
    assert ("r.md: " in ran.err) == ("r.md" in arguments)


# --fix.


@pytest.fixture
def yes(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Somebody at the terminal, who answers."""
    from courriel.cli.doctor import fixing

    def answering(answer: str) -> None:
        monkeypatch.setattr(fixing, "_agreed", lambda _: answer == "yes")

    return answering


@pytest.mark.slow
def test_the_profile_is_corrected_after_a_yes(
    courriel: Run, sandbox: Sandbox, names: Names, yes: Callable[[str], None]
) -> None:
    file = profile(f"smtps://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}", 'from = "ada@good.test"', "# the end")
    before = file.read_text()
    yes("yes")

    ran = courriel("doctor", "billing", "--fix", "--no-login", "--dns", names.at)

    right = f"smtp+starttls://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}"
    assert ran.status == 0
    assert f"+ url = {right}" in ran.err
    assert file.read_text() == before.replace(f"smtps://ada@127.0.0.1:{sandbox.port}?ca={sandbox.ca}", right)
    assert courriel("doctor", "billing", "--no-login", "--domain", "", "--from", "").status in (0, 78)


@pytest.mark.slow
def test_without_a_yes_nothing_is_changed(courriel: Run, sandbox: Sandbox, yes: Callable[[str], None]) -> None:
    file = profile(f"smtps://127.0.0.1:{sandbox.port}?ca={sandbox.ca}")
    before = file.read_text()
    yes("no")

    ran = courriel("doctor", "billing", "--fix")

    assert (ran.status, file.read_text()) == (78, before)
    assert "Nothing was changed." in ran.err
    assert "To write it into the profile: courriel doctor billing --fix" in courriel("doctor", "billing").err


@pytest.mark.slow
def test_what_somebody_has_written_meanwhile_is_kept(
    courriel: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question may stand on the screen for an hour."""
    from courriel.cli.doctor import fixing

    file = profile(f"smtps://127.0.0.1:{sandbox.port}?ca={sandbox.ca}")

    def yes_later(_: object) -> bool:
        file.write_text(file.read_text() + "# by somebody else\n")
        return True

    monkeypatch.setattr(fixing, "_agreed", yes_later)

    ran = courriel("doctor", "billing", "--fix")

    assert (ran.status, file.read_text().endswith("# by somebody else\n")) == (64, True)
    assert "somebody has changed it meanwhile: nothing was written" in ran.err


@pytest.mark.slow
def test_nobody_at_the_terminal_is_a_no(courriel: Run, sandbox: Sandbox) -> None:
    file = profile(f"smtps://127.0.0.1:{sandbox.port}?ca={sandbox.ca}")
    before = file.read_text()

    assert courriel("doctor", "billing", "--fix", stdin=b"y\n").status == 78
    assert file.read_text() == before


def test_a_profile_that_works_is_left_alone(courriel: Run, sandbox: Sandbox, yes: Callable[[str], None]) -> None:
    file = profile(f"smtp+starttls://127.0.0.1:{sandbox.port}?ca={sandbox.ca}")
    before = file.read_text()
    yes("yes")

    ran = courriel("doctor", "billing", "--fix")

    assert (ran.status, file.read_text()) == (0, before)
    assert "Nothing to correct in the profile." in ran.err


# Secrets.


@pytest.mark.slow
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("form", ["env", "file", "plain", "token"])
def test_no_secret_in_any_output(
    courriel: Run,
    monkeypatch: pytest.MonkeyPatch,
    sandbox: Sandbox,
    names: Names,
    own_state: Path,
    right: bool,
    form: str,
    tmp_path: Path,
) -> None:
    secret = SECRET if right else WRONG
    monkeypatch.setenv("SECRET", secret)
    quoted = secret.replace("%", "%25").replace("/", "%2F").replace("=", "%3D").replace("+", "%2B")
    (tmp_path / "secret").write_text(secret)
    login = f"ada:{quoted}" if form == "plain" else "ada"
    option = {"env": "&password=env:SECRET", "file": f"&password=file:{tmp_path}/secret", "plain": "",
              "token": "&auth=xoauth2&password=env:SECRET"}[form]  # fmt: skip
    sandbox.answer("sender", f"550 5.7.1 not with {secret}") if not right else None
    url = f"smtp+starttls://{login}@127.0.0.1:{sandbox.port}?ca={sandbox.ca}{option}"

    outputs: list[str] = []
    for more in (
        ("--transcript", "--report", "r.md"), ("--json", "--report", "r.html"), ("--watch",), ("--lang", "fr"),
        ("--send", "bob@example.org", "--from", "ada@several.test", "--dns", names.at, "--json"),
    ):  # fmt: skip
        ran = courriel("doctor", url, *more)
        outputs += [ran.out, ran.err]
    outputs += [path.read_text("utf-8") for path in (Path("r.md"), Path("r.html"))]
    outputs += [path.read_text("utf-8") for path in own_state.iterdir()]

    assert any("AUTH" in text for text in outputs)
    for text in outputs:
        for hidden in _forms(secret):
            assert hidden not in text


@pytest.mark.parametrize("wrong", ["smtps://ada:hunter2@h.example?nonsense=1", "smtps://ada:hunter2@", "hunter2:x@y z"])
def test_no_secret_in_an_error_of_the_command_line(courriel: Run, wrong: str) -> None:
    ran = courriel("doctor", wrong)

    assert ran.status in (64, 78)
    assert "hunter2" not in ran.out + ran.err


def test_a_server_that_repeats_the_login_is_not_repeated(courriel: Run, sandbox: Sandbox, url: str) -> None:
    sandbox.answer("authenticate", f"535 5.7.8 {SECRET} is not the password")

    ran = courriel("doctor", url.replace("?", "?auth=plain&"), "--transcript", "--report", "r.md")

    assert ran.status == 77
    assert SECRET not in ran.out + ran.err + Path("r.md").read_text()


# probe.


@pytest.mark.slow
def test_probe_shows_what_each_port_offers(courriel: Run, sandbox: Sandbox, closed_port: int) -> None:
    ports = [sandbox.port, sandbox.tls_port, sandbox.pop_port, sandbox.pops_port, closed_port]
    arguments = [word for port in ports for word in ("--port", str(port))]

    found = courriel("probe", "127.0.0.1", "--timeout", "2", "--json", *arguments).json

    assert (found["ok"], found["host"], found["sysexit"]) == (True, "127.0.0.1", 0)
    doors = {door["port"]: door for door in found["ports"]}
    assert [doors[port]["open"] for port in ports] == [True, True, True, True, False]
    assert [doors[port]["protocol"] for port in ports[:4]] == ["smtp", "smtp", "pop3", "pop3"]
    assert [doors[port]["tls_at_once"] for port in ports[:4]] == [False, True, False, True]
    for port in ports[:4]:
        assert doors[port]["tls_versions"] == ["TLSv1.2", "TLSv1.3"]
        assert doors[port]["failure"] == "CERT-UNKNOWN-ISSUER"
        assert "127.0.0.1" in doors[port]["chain"][0]["names"]
        assert datetime.fromisoformat(doors[port]["chain"][0]["ends"]) > NOW
    assert doors[closed_port]["failure"] == "CONNECTION-REFUSED"
    assert not any(
        "AUTH" in line for session in sandbox.sessions for line in map(str, session.transcript) if " C: " in line
    )


@pytest.mark.slow
@pytest.mark.parametrize(("language", "words"), [("en", "1 of 2 ports are open"), ("fr", "1 port ouvert sur 2")])
def test_probe_in_words(courriel: Run, sandbox: Sandbox, closed_port: int, language: str, words: str) -> None:
    ran = courriel("probe", "127.0.0.1", "--port", str(sandbox.port), "--port", str(closed_port), "--lang", language,
                   "--timeout", "2")  # fmt: skip

    assert ran.status == 0
    assert words in ran.out
    assert "TLS 1.2, TLS 1.3" in ran.out


def test_probe_of_a_host_without_a_mail_server(courriel: Run, closed_port: int) -> None:
    ran = courriel("probe", "127.0.0.1", "--port", str(closed_port))

    assert ran.status == 75
    assert "0 of 1 ports are open" in ran.out


def test_an_address_without_servers_is_not_said_to_work(courriel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.delivery.discovery.discover.discover", lambda address: None)
    monkeypatch.setattr("courriel.doctor.examining._domain_steps", lambda *asked: [])

    ran = courriel("doctor", "ada@example.org")

    assert ran.out.splitlines()[0] == "Verdict  ? No server could be examined"
    assert "nothing says which are the servers of example.org" in ran.out
    assert ran.out.splitlines()[-1] == "Verdict  ? Give the URL of the server; nothing was sent."


def test_the_labels_are_pairs() -> None:
    assert all(label.fr and label.en for label in printing.LABELS.values())


# Helpers.


def _forms(secret: str) -> set[str]:
    from base64 import b64encode

    return {
        secret, b64encode(secret.encode()).decode(), b64encode(f"\0ada\0{secret}".encode()).decode(),
        secret.replace("%", "%25"), secret.replace("%", "%25").replace("/", "%2F").replace("=", "%3D"),
    }  # fmt: skip


def _no_space(*_: object) -> None:
    raise OSError(28, os.strerror(28))


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
