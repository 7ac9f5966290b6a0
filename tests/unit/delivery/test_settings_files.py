"""Trust in settings files: files of other users are refused, consent is exact, project files are limited."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.delivery.secrets import SecretReference
from courriel.delivery.settings import files, locations, profiles
from courriel.delivery.settings.files import Owned, SettingsFile, objection
from courriel.delivery.settings.profiles import NothingSet, explain, resolve
from courriel.errors import InvalidUrl, UsageError

ME, EVE, MY_GROUP, STAFF = 1000, 666, 1000, 50

posix = pytest.mark.skipif(files.WINDOWS, reason="owners and modes are POSIX's")


def write(path: Path, text: str = 'url = "memory:"', mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every file of the test belong to another user, neither the current one nor root."""
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 4321)
    if real == 0:
        _give_away(monkeypatch)


def _give_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests run by root, whose files would be trusted: report another owner."""
    of = Owned.of
    monkeypatch.setattr(Owned, "of", lambda there: Owned(EVE if there.st_uid == 0 else there.st_uid, *_rest(of(there))))


def _rest(facts: Owned) -> tuple[int, int]:
    return facts.group, facts.mode


# The rule, as a table.


def facts(
    owner: int = ME, mode: int = 0o644, group: int = MY_GROUP, *, folder: Owned | None = None, linked: bool = False
) -> SettingsFile:
    return SettingsFile(
        Path("/p/courriel.toml"), b"", Owned(owner, group, mode), folder or Owned(ME, MY_GROUP, 0o755), linked
    )


ROOTS = Owned(0, 0, 0o755)
EVES = Owned(EVE, EVE, 0o755)
TMP = Owned(0, 0, 0o1777)
TEAMS = Owned(ME, STAFF, 0o2775)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (facts(), ""),
        (facts(mode=0o600), ""),
        (facts(mode=0o664), ""),  # the group that was made with the account
        (facts(mode=0o664, group=STAFF), "others than you may write to it (mode 0664)"),
        (facts(mode=0o666), "others than you may write to it (mode 0666)"),
        (facts(EVE), "it belongs to user 666, and neither to you nor to root"),
        (facts(EVE, folder=EVES), "it belongs to user 666, and neither to you nor to root"),
        (facts(EVE, folder=TMP), "it belongs to user 666, and neither to you nor to root"),
        (facts(0), ""),
        (facts(0, folder=ROOTS), ""),
        (facts(0, mode=0o666, folder=ROOTS), "others than you may write to it (mode 0666)"),
        (facts(0, folder=EVES), "it lies in a folder of user 666, who can have put it there"),
        (facts(0, folder=TMP), ""),
        (facts(0, folder=TMP, linked=True), "it is a link, in a folder where others than you may write"),
        (facts(folder=TMP), ""),
        (facts(folder=TMP, linked=True), "it is a link, in a folder where others than you may write"),
        (facts(folder=TEAMS, linked=True), "it is a link, in a folder where others than you may write"),
        (facts(folder=EVES, linked=True), "it is a link, in a folder where others than you may write"),
        (facts(linked=True), ""),
        (facts(folder=ROOTS, linked=True), ""),
    ],
)
@posix
def test_a_file_is_believed_when_nobody_else_can_have_written_it(
    file: SettingsFile, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_user_name", lambda user: f"user {user}")

    assert objection(file, ME, frozenset((MY_GROUP,))) == reason


@pytest.mark.parametrize("folder", [EVES, Owned(ME, MY_GROUP, 0o755)])
def test_root_believes_a_users_file_no_more_than_a_user_does(folder: Owned) -> None:
    assert "it belongs to user" in objection(facts(ME, folder=folder), 0)
    assert "it lies in a folder of user" in objection(facts(0, folder=folder), 0)
    assert objection(facts(0, folder=ROOTS), 0) == ""


@given(
    st.builds(
        SettingsFile,
        st.just(Path("/p/courriel.toml")),
        st.just(b""),
        st.builds(Owned, st.just(EVE), st.sampled_from((EVE, STAFF, MY_GROUP, 0)), st.integers(0, 0o7777)),
        st.builds(Owned, st.sampled_from((ME, EVE, 0)), st.just(0), st.integers(0, 0o7777)),
        st.booleans(),
    )
)
@posix
def test_a_strangers_file_is_never_believed(file: SettingsFile) -> None:
    assert objection(file, ME, frozenset((MY_GROUP, 0))) != ""
    assert objection(file, 0, frozenset((0,))) != ""


# Planted files.


@posix
@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("courriel.toml", 'url = "memory:"'),
        ("../courriel.toml", 'url = "memory:"'),
        ("../courriel.toml", "not even TOML ["),
        ("../pyproject.toml", '[tool.courriel]\nurl = "memory:"'),
        ("../pyproject.toml", '[tool.courriel]\noutbox = "outbox.db"'),
    ],
)
def test_a_planted_file_is_an_error_that_names_it(place: str, text: str) -> None:
    planted = write(Path.cwd() / place, text)

    for ask in (resolve, lambda: resolve("billing"), locations.named_outbox):
        with pytest.raises(UsageError) as refused:
            ask()
        assert f"{planted.resolve()}: it belongs to " in str(refused.value)
        assert f"courriel config trust {planted.resolve()}" in str(refused.value)
    assert any(row.source == "error" and str(planted.resolve()) in row.value for row in explain())


@posix
@pytest.mark.usefixtures("strangers")
def test_a_strangers_pyproject_that_does_not_mean_us_is_passed_over() -> None:
    write(Path("pyproject.toml"), '[project]\ndependencies = ["courriel"]\n')

    with pytest.raises(NothingSet):
        resolve()


@posix
@pytest.mark.usefixtures("strangers")
def test_what_the_environment_and_the_argument_say_needs_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path("courriel.toml"))

    assert resolve("null:").kind == "null"
    monkeypatch.setenv("COURRIEL_URL", "console:")
    assert resolve().kind == "console"


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_root_does_not_use_the_file_of_the_folders_owner() -> None:
    """With real owners: file and folder belong to another user."""
    os.chown(write(Path("courriel.toml")), 12345, 12345)
    os.chown(Path.cwd(), 12345, 12345)

    with pytest.raises(UsageError, match="it belongs to user 12345, and neither to you nor to root"):
        resolve()


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_to_a_file_of_ours_in_a_strangers_folder_is_not_believed(link: object, tmp_path: Path) -> None:
    ours = write(tmp_path / "elsewhere" / "courriel.toml")
    assert callable(link)
    link(ours, Path.cwd() / "courriel.toml")
    os.chown(Path.cwd(), 12345, 12345)

    with pytest.raises(UsageError, match="folder"):
        resolve()


@posix
def test_a_link_of_our_own_is_followed(tmp_path: Path) -> None:
    Path("courriel.toml").symlink_to(write(tmp_path / "elsewhere" / "settings.toml"))

    assert resolve().kind == "memory"


@posix
def test_a_file_that_everybody_may_write_to_is_refused() -> None:
    write(Path("courriel.toml"), mode=0o666)

    with pytest.raises(UsageError, match=r"others than you may write to it \(mode 0666\)"):
        resolve()


@posix
def test_a_file_exchanged_after_the_check_is_not_the_one_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check and read use one descriptor, whatever the path names by then."""
    file = write(Path.cwd() / "courriel.toml")
    settled = files.own_objection

    def exchange(judged: SettingsFile) -> str:
        file.unlink()
        write(file, 'url = "null:"')
        return settled(judged)

    monkeypatch.setattr(files, "own_objection", exchange)

    assert resolve().kind == "memory"


@posix
@pytest.mark.parametrize("name", ["courriel.toml", "pyproject.toml"])
def test_what_is_no_regular_file_is_refused_at_once(name: str) -> None:
    os.mkfifo(name)

    with pytest.raises(UsageError, match=f"{name}: it is not a regular file"):
        resolve()


@posix
def test_a_link_that_leads_nowhere_is_an_error_and_not_passed_over() -> None:
    Path("courriel.toml").symlink_to("not-there")

    with pytest.raises(UsageError, match="it is a link that leads nowhere"):
        resolve()


@posix
@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000])
def test_a_file_that_crashes_the_parser_raises_usage_error(text: str) -> None:
    write(Path("courriel.toml"), text)

    with pytest.raises(UsageError, match=r"courriel\.toml: it "):
        resolve()


# The user's own file, and the machine's.


@posix
@pytest.mark.usefixtures("strangers")
def test_a_users_file_that_belongs_to_somebody_else_is_refused() -> None:
    """sudo keeps HOME: root would run commands from another user's file."""
    write(locations.user_file(), 'url = "smtps://ada@h.example"\npassword = "cmd:id"')

    with pytest.raises(UsageError, match=r"nobody else should be able to change it .*sudo -H"):
        resolve()


@posix
def test_a_machines_file_that_others_may_write_to_is_refused() -> None:
    machine = locations.machine_file()
    assert machine is not None
    write(machine, mode=0o666)

    with pytest.raises(UsageError, match=r"etc/courriel/courriel\.toml: others than you may write to it"):
        resolve()


def test_the_machines_file_lies_in_etc() -> None:
    import importlib.util

    spec = importlib.util.find_spec("courriel.delivery.settings.locations")
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)

    assert fresh.machine_file() == (None if files.WINDOWS else Path("/etc/courriel/courriel.toml"))


@posix
def test_a_password_that_other_users_may_read_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    file = write(locations.user_file(), 'url = "smtps://ada:hunter2@h.example"', mode=0o644)

    with caplog.at_level(logging.WARNING, "courriel"):
        resolve().say_warnings()

    sentence = f"{file} holds a password, and other users may read it: chmod 600 {file}"
    assert [record.getMessage() for record in caplog.records] == [sentence]
    assert sentence in [row.value for row in explain() if row.name == "warning"]


@posix
@pytest.mark.parametrize(
    ("text", "mode"),
    [('url = "smtps://ada:hunter2@h.example"', 0o600), ('url = "smtps://ada@h.example"\npassword = "keyring"', 0o644)],
)
def test_no_warning_without_a_secret_or_without_readers(text: str, mode: int) -> None:
    write(locations.user_file(), text, mode)

    assert resolve().warnings == ()


# Consent.


@pytest.fixture(params=["COURRIEL_CONFIG", "COURRIEL_TRUST file", "COURRIEL_TRUST folder", "approval"])
def agreed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with consent, in each of the possible ways; the test writes it with `agree`."""
    file = write(Path.cwd() / "courriel.toml", 'url = "smtps://ada@h.example"\npassword = "cmd:pass show mail"')
    match request.param:
        case "COURRIEL_CONFIG":
            monkeypatch.setenv("COURRIEL_CONFIG", str(file))
        case "COURRIEL_TRUST file":
            monkeypatch.setenv("COURRIEL_TRUST", os.pathsep.join(("/not/there", str(file))))
        case "COURRIEL_TRUST folder":
            monkeypatch.setenv("COURRIEL_TRUST", str(file.parent))
        case _:
            read = files.read(file)
            assert read is not None
            files.approve(read, locations.approvals_file())
    return file


def test_a_file_that_was_agreed_to_may_say_everything(agreed: Path) -> None:
    assert resolve().password == SecretReference("cmd", "pass show mail")
    assert any(row.name == "file" and row.value == str(agreed) for row in explain())


@posix
@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("variable", ["COURRIEL_CONFIG", "COURRIEL_TRUST"])
def test_a_strangers_file_is_used_when_the_environment_agrees(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, str(write(Path.cwd() / "courriel.toml")))

    assert resolve().kind == "memory"


def test_an_approval_ends_with_the_content_that_was_approved() -> None:
    file = write(Path.cwd() / "courriel.toml", 'url = "smtps://ada@h.example"\npassword = "env:WORD"')
    read = files.read(file)
    assert read is not None
    files.approve(read, locations.approvals_file())
    assert resolve().password == SecretReference("env", "WORD")

    write(file, 'url = "smtps://ada@evil.example"\npassword = "env:WORD"')

    with pytest.raises(InvalidUrl, match="password=env: is not taken from a project's file"):
        resolve()


@posix
def test_an_approval_can_be_taken_back() -> None:
    file = write(Path.cwd() / "courriel.toml")
    read = files.read(file)
    assert read is not None
    files.approve(read, locations.approvals_file())

    assert files.disapprove(file, locations.approvals_file())
    assert not files.disapprove(file, locations.approvals_file())
    assert files.approved(locations.approvals_file()) == {}
    assert locations.approvals_file().stat().st_mode & 0o777 == 0o600


@posix
def test_approvals_that_somebody_else_can_have_written_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(Path.cwd() / "courriel.toml")
    read = files.read(file)
    assert read is not None
    files.approve(read, locations.approvals_file())
    locations.approvals_file().chmod(0o666)

    with pytest.raises(UsageError, match=r"trusted\.json: others than you may write to it"):
        resolve()


@posix
@pytest.mark.usefixtures("strangers")
def test_an_approval_is_not_written_where_it_belongs_to_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    file = files.read(write(Path.cwd() / "courriel.toml"))
    assert file is not None

    with pytest.raises(UsageError, match="sudo -H"):
        files.approve(file, locations.approvals_file())
    assert not locations.approvals_file().exists()


@pytest.mark.parametrize("text", ["[", "[]", '"x"', "[" * 100_000])
def test_approvals_that_cannot_be_read_are_an_error(text: str) -> None:
    write(locations.approvals_file(), text)

    with pytest.raises(UsageError, match=r"trusted\.json: it is not"):
        files.approved(locations.approvals_file())


@pytest.mark.parametrize("variable", ["COURRIEL_CONFIG", "COURRIEL_TRUST"])
def test_consent_is_to_one_place_and_not_to_every_folder(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path("courriel.toml"))
    monkeypatch.setenv(variable, "courriel.toml")

    with pytest.raises(UsageError, match=rf"{variable}=courriel\.toml: a whole path"):
        resolve()


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_CONFIG", str(tmp_path / "gone.toml"))

    with pytest.raises(UsageError, match=r"gone\.toml: COURRIEL_CONFIG \(or --config\) names this file"):
        resolve()


def test_the_null_device_says_that_there_is_no_projects_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path("courriel.toml"))
    monkeypatch.setenv("COURRIEL_CONFIG", os.devnull)

    with pytest.raises(NothingSet):
        resolve()


def test_on_windows_a_projects_file_counts_once_it_is_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(Path.cwd() / "courriel.toml")
    monkeypatch.setattr(files, "WINDOWS", True)

    with pytest.raises(UsageError, match="on Windows a file in a project's folder is used when it has been approved"):
        resolve()
    read = files.read(file)
    assert read is not None
    monkeypatch.setattr(files, "WINDOWS", os.name == "nt")  # os.geteuid, while it is written
    files.approve(read, locations.approvals_file())
    monkeypatch.setattr(files, "WINDOWS", True)

    assert resolve().kind == "memory"


def test_on_windows_the_users_own_file_needs_no_approval(monkeypatch: pytest.MonkeyPatch) -> None:
    write(locations.user_file(), 'url = "smtps://ada@h.example"\npassword = "cmd:pass"', mode=0o666)
    monkeypatch.setattr(files, "WINDOWS", True)

    assert resolve().password == SecretReference("cmd", "pass")


# What a project's file may say without consent.


@posix
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('url = "smtps://ada@h.example"\npassword = "cmd:rm -r x"', "password=cmd: is not taken from a project's file"),
        ('url = "smtps://ada@h.example?password=cmd:rm%20x"', "password=cmd: is not taken from a project's file"),
        ('url = "smtps://ada@h.example"\npassword = "env:HOME"', "password=env: is not taken from a project's file"),
        ('url = "smtps://ada@h.example?password=file:/x"', "password=file: is not taken from a project's file"),
        ('url = "smtps://h.example?auth=external&client_cert=/x"', "client_cert= is not taken"),
        ('url = "smtps://ada@h.example?verify=0"', "the keyring's password over a line"),
        ('url = "smtps://ada@h.example?name=evil.example"\npassword = "keyring"', "the keyring's password"),
        ('url = "smtp://ada@h.example?tls=none&allow_clear_credentials=1"', "the keyring's password"),
        ('url = "file:///etc"', "the folder /etc is outside the project"),
        ('url = "maildir:///home"', "the folder /home is outside the project"),
        ('url = "failover(null: failover(file:///etc))"', "the folder /etc is outside the project"),
    ],
)
def test_a_projects_file_is_kept_within_the_project(text: str, sentence: str) -> None:
    file = write(Path.cwd() / "courriel.toml", text)

    with pytest.raises(InvalidUrl) as refused:
        resolve()

    assert sentence in str(refused.value)
    assert str(file) in str(refused.value)
    assert "courriel config trust" in str(refused.value)


@posix
def test_what_stays_within_the_project_is_allowed() -> None:
    write(
        Path("courriel.toml"),
        f"""
        outbox = "data/outbox.db"
        [profiles.a]
        url = "smtps://ada:plain@h.example?verify=0"
        [profiles.b]
        url = "smtps://ada@h.example"
        password = "prompt"
        [profiles.c]
        url = "smtps://ada@h.example"
        [profiles.d]
        url = "file://{Path.cwd()}/mails"
    """,
    )

    assert locations.named_outbox() == (str(Path.cwd() / "data/outbox.db"), str(Path.cwd() / "courriel.toml"))
    assert [resolve(name).kind for name in "abcd"] == ["smtp", "smtp", "smtp", "file"]


@posix
@pytest.mark.parametrize("outbox", ["../outbox.db", "/var/lib/outbox.db", "link/outbox.db", "postgresql://h/db"])
def test_a_projects_file_names_no_outbox_elsewhere(outbox: str, tmp_path: Path) -> None:
    Path("link").symlink_to(tmp_path)
    write(Path("courriel.toml"), f'outbox = "{outbox}"')

    with pytest.raises(UsageError, match=r"courriel\.toml: outbox: a project's file cannot name one outside"):
        locations.named_outbox()


def test_a_file_that_was_agreed_to_names_any_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_CONFIG", str(write(Path.cwd() / "courriel.toml", 'outbox = "/var/lib/outbox.db"')))

    found = locations.named_outbox()
    assert found is not None
    assert Path(found[0]) == Path("/var/lib/outbox.db")


def test_the_effective_outbox_is_shown_with_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    user = write(locations.user_file(), 'outbox = "postgresql://u:hunter2@h/db"')

    assert ("outbox", "postgresql://…", str(user)) in [(row.name, row.value, row.source) for row in explain()]
    monkeypatch.setenv("COURRIEL_OUTBOX", "/var/lib/x.db")
    assert ("outbox", "/var/lib/x.db", "COURRIEL_OUTBOX") in [(row.name, row.value, row.source) for row in explain()]
    assert profiles.own_variable("COURRIEL_OUTBOX") == ("/var/lib/x.db", "COURRIEL_OUTBOX")
