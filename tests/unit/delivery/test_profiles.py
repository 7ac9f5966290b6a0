"""Settings: sources, their priority, and errors that name the source."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from courriel.delivery.secrets import SecretReference
from courriel.delivery.settings import locations, profiles
from courriel.delivery.settings.profiles import NothingSet, explain, resolve
from courriel.delivery.urls.route import Route
from courriel.errors import InvalidUrl, UsageError
from courriel.model.address import Address
from courriel.model.servers.server import Security


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)  # whatever the umask says
    return path


@pytest.fixture
def home() -> Path:
    return Path.home()


# Order.


def test_each_source_yields_to_the_one_before_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: list[str] = []

    def next_source(via: str | None = None) -> None:
        server = resolve(via).server
        assert server is not None
        hosts.append(server.host)

    machine = locations.machine_file()
    assert machine is not None
    write(machine, 'url = "smtps://machine"')
    next_source()
    write(locations.user_file(), 'url = "smtps://user"')
    next_source()
    write(home / "pyproject.toml", '[tool.courriel]\nurl = "smtps://farther"')
    next_source()
    write(home / "project" / "pyproject.toml", '[tool.courriel]\nurl = "smtps://project"')
    next_source()
    write(home / "project" / "courriel.toml", 'url = "smtps://nearer"')
    next_source()
    monkeypatch.setenv("COURRIEL_CONFIG", str(write(home.parent / "named.toml", 'url = "smtps://named"')))
    next_source()
    monkeypatch.setenv("MAIL_SERVER", "flask")
    next_source()
    monkeypatch.setenv("EMAIL_HOST", "django")
    next_source()
    monkeypatch.setenv("MAILER_DSN", "smtps://symfony")
    next_source()
    monkeypatch.setenv("EMAIL_URL", "submission://dj")
    next_source()
    monkeypatch.setenv("COURRIEL_URL", "smtps://ours")
    next_source()
    next_source("smtps://argument")

    assert hosts == [
        "machine", "user", "farther", "project", "nearer", "named", "flask", "django", "symfony", "dj", "ours",
        "argument",
    ]  # fmt: skip


def test_without_any_setting_the_error_says_what_to_set() -> None:
    with pytest.raises(NothingSet) as refused:
        resolve()

    for way in ("via=", "COURRIEL_URL=smtps://", "courriel.toml", str(locations.user_file()), "memory:"):
        assert way in str(refused.value)


def test_a_route_is_taken_as_it_is() -> None:
    route = Route.parse("smtps://smtp.example.org")

    assert resolve(route) is route


def test_the_url_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "url", "smtps://ada:secret@smtp.example.org\n")
    monkeypatch.setenv("COURRIEL_URL_FILE", str(file))

    assert resolve().reveal_url() == "smtps://ada:secret@smtp.example.org"


def test_a_variable_and_its_file_variant_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_URL", "memory:")
    monkeypatch.setenv("COURRIEL_URL_FILE", "/run/secrets/url")

    with pytest.raises(UsageError, match="COURRIEL_URL and COURRIEL_URL_FILE are both set"):
        resolve()


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_URL_FILE", "/not/there")

    with pytest.raises(UsageError, match="COURRIEL_URL_FILE=/not/there: No such file"):
        resolve()


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_URL", "")
    monkeypatch.setenv("EMAIL_HOST", "")

    with pytest.raises(NothingSet):
        resolve()


def test_an_error_in_a_url_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_URL", "smtpss://smtp.example.org")

    with pytest.raises(InvalidUrl, match=r"COURRIEL_URL: 'smtpss' is not a scheme \(did you mean 'smtps'\?\)"):
        resolve()


# Files.


def test_a_profile_in_a_file_equals_one_made_at_run_time() -> None:
    write(
        locations.user_file(),
        '[profiles.billing]\nurl = "orange:billing@orange.fr"\npassword = "env:WORD"\n'
        'from = "Billing <billing@orange.fr>"\n',
    )

    route = resolve("billing")

    assert route == Route.parse(
        "smtps://billing%40orange.fr@smtp.orange.fr?password=env:WORD&from=Billing%20<billing@orange.fr>"
    )
    assert route.sender == Address("billing", "orange.fr", "Billing")
    assert route.password == SecretReference("env", "WORD")


def test_the_default_is_a_profile_too() -> None:
    write(Path("courriel.toml"), '[default]\nurl = "memory:"\nfrom = "ada@example.org"\n')

    assert resolve() == resolve("default") == Route.parse("memory:?from=ada@example.org")


def test_a_profile_of_the_user_is_seen_beside_those_of_the_project() -> None:
    write(locations.user_file(), '[profiles.mine]\nurl = "null:"\n[profiles.both]\nurl = "null:"\n')
    write(Path("courriel.toml"), '[profiles.both]\nurl = "memory:"\n')

    assert resolve("mine").kind == "null"
    assert resolve("both").kind == "memory"


def test_the_search_ends_at_the_home_folder(home: Path) -> None:
    write(home.parent / "courriel.toml", 'url = "memory:"')

    with pytest.raises(NothingSet):
        resolve()


def test_outside_the_home_folder_the_search_goes_to_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "srv" / "app"
    outside.mkdir(parents=True)
    monkeypatch.chdir(outside)
    write(tmp_path / "courriel.toml", 'url = "memory:"')

    assert resolve().kind == "memory"
    assert locations.searched()[-1] == Path("/")


def test_a_pyproject_without_us_is_passed_over(home: Path) -> None:
    write(Path("pyproject.toml"), '[project]\ndependencies = ["courriel"]\n')
    write(home / "project" / "courriel.toml", 'url = "memory:"')

    assert resolve().kind == "memory"


def test_a_broken_pyproject_without_our_name_is_ignored() -> None:
    write(Path("pyproject.toml"), "[[[")

    with pytest.raises(NothingSet):
        resolve()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("url = ", "it is not TOML"),
        (
            'urll = "memory:"',
            "'urll' is not a setting (did you mean 'url'?): url, password, from, proxy, proxy_password",
        ),
        (
            '[profiles.a]\nurl = "memory:"\npasword = "prompt"',
            "a: 'pasword' is not a setting (did you mean 'password'?)",
        ),
        ('[profiles.a]\nfrom = "a@b.org"', "a: url is missing"),
        ('from = "a@b.org"\n[profiles.a]\nurl = "memory:"', "the settings at its top need a url as well"),
        ("url = 25", "default: url is a text in quotes"),
        ('url = ""', "default: url is a text in quotes"),
        ('url = "memory:"\n[default]\nurl = "null:"', "one of the two"),
        ('default = "billing"', "default is a table: [default]"),
        ("profiles = 3", "profiles is a table: [profiles]"),
        ("[profiles]\na = 3", "profiles.a is a table"),
        ('[profiles."a b"]\nurl = "memory:"', "profiles.a b: a name is made of letters"),
        ('[profiles.default]\nurl = "memory:"', "profiles.default"),
        ('url = "smtpss://h"', "default: 'smtpss' is not a scheme"),
        ('url = "smtps://ada@h.example"\npassword = "hunter2"', "default: a password stands here by reference"),
        ('url = "smtps://ada:x@h.example"\npassword = "prompt"', "the password stands twice"),
        ('url = "memory:"\npassword = "prompt"', "memory: nobody logs in here"),
        ('url = "memory:"\nfrom = "ada"', "'ada' is not an address"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_place(text: str, sentence: str) -> None:
    file = write(Path.cwd() / "courriel.toml", text)
    # An error in one profile is raised for all: a mistyped setting is found at once, not when it is needed.
    with pytest.raises(UsageError) as refused:
        resolve()

    assert sentence in str(refused.value)
    assert str(file) in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_the_users_own_file_may_name_a_command() -> None:
    write(locations.user_file(), 'url = "smtps://ada@h.example"\npassword = "cmd:pass show mail"')

    assert resolve().password == SecretReference("cmd", "pass show mail")


@pytest.mark.parametrize(
    ("platform", "environment", "tail"),
    [
        ("linux", {}, ".config/courriel/courriel.toml"),
        ("linux", {"XDG_CONFIG_HOME": "/xdg"}, "/xdg/courriel/courriel.toml"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, ".config/courriel/courriel.toml"),
        ("darwin", {}, "Library/Application Support/courriel/courriel.toml"),
        ("win32", {"APPDATA": "/app"}, "/app/courriel/courriel.toml"),
        ("win32", {}, "AppData/Roaming/courriel/courriel.toml"),
    ],
)
def test_the_users_file_follows_the_conventions_of_the_platform(
    platform: str, environment: dict[str, str], tail: str
) -> None:
    assert locations.user_file(platform, environment).as_posix().endswith(tail)


# Names.


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("biling", "no profile has the name 'biling' (did you mean 'billing'?): known are billing, shop"),
        ("smtp.example.org", "if it is a server, write smtps://smtp.example.org"),
        ("localhost", "if it is a server, write smtps://localhost"),
    ],
)
def test_an_unknown_profile_is_refused_with_those_that_are_known(name: str, sentence: str) -> None:
    write(Path("courriel.toml"), '[profiles.shop]\nurl = "memory:"\n[profiles.billing]\nurl = "memory:"\n')

    with pytest.raises(UsageError) as refused:
        resolve(name)

    assert sentence in str(refused.value)


def test_where_no_profile_is_known_the_error_says_where_they_stand() -> None:
    with pytest.raises(UsageError, match=r"none is known \(they are \[profiles.name\] in courriel.toml\)"):
        resolve("billing")


@pytest.mark.parametrize("via", ["", " billing", "billing\n", "smtps//x", "a b"])
def test_what_is_neither_a_name_nor_a_url_is_refused_as_a_url(via: str) -> None:
    with pytest.raises(InvalidUrl):
        resolve(via)


# Capture.


def test_captured_mail_stays_in_memory_with_the_sender_of_the_way_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COURRIEL_CAPTURE", "1")

    with caplog.at_level(logging.WARNING, "courriel"):
        routes = [resolve("smtps://smtp.example.org?from=ada@example.org") for _ in range(3)]

    assert routes == [Route.parse("memory:?from=ada@example.org")] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "COURRIEL_CAPTURE is set: no mail goes to a server, everything is kept in memory:"
    ]


def test_captured_mail_may_be_kept_as_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURRIEL_CAPTURE", str(tmp_path))

    assert resolve("smtps://smtp.example.org") == Route("file", folder=str(tmp_path))
    assert resolve("console:").kind == "console"


def test_capturing_needs_no_other_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_CAPTURE", "yes")

    assert resolve().kind == "memory"


@pytest.mark.parametrize("word", ["", "0", "no", "False", "off"])
def test_capture_can_be_set_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_CAPTURE", word)

    assert profiles.capture() is None


@pytest.mark.parametrize("word", ["maybe", "mails", "./mails", "2"])
def test_capture_is_never_guessed(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_CAPTURE", word)

    with pytest.raises(UsageError, match="1, 0 or the whole path of a folder"):
        resolve("smtps://smtp.example.org")


# Other programs' variables.


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"EMAIL_URL": "smtps://ada:s%23@h.example:587"}, "smtp+starttls://ada:s%23@h.example"),
        ({"EMAIL_URL": "smtps://h.example"}, "smtp+starttls://h.example"),
        ({"EMAIL_URL": "submission://ada:s@h.example"}, "smtp+starttls://ada:s@h.example"),
        ({"EMAIL_URL": "smtp+tls://h.example:25"}, "smtp+starttls://h.example:25"),
        ({"EMAIL_URL": "smtp+ssl://h.example:465"}, "smtps://h.example"),
        ({"EMAIL_URL": "smtp://ada:s@h.example:465/?ssl=True"}, "smtps://ada:s@h.example"),
        ({"EMAIL_URL": "smtp://ada:s@h.example:587/?tls=True&timeout=9"}, "smtp+starttls://ada:s@h.example?timeout=9"),
        ({"EMAIL_URL": "smtp://h.example"}, "smtp://h.example?tls=none"),
        ({"EMAIL_URL": "smtp://"}, "smtp://localhost"),
        ({"EMAIL_URL": "smtp://h.example?_default_from_email=a@b.org"}, "smtp://h.example?tls=none&from=a@b.org"),
        ({"EMAIL_URL": "console://"}, "console:"),
        ({"EMAIL_URL": "consolemail://"}, "console:"),
        ({"EMAIL_URL": "memory://"}, "memory:"),
        ({"EMAIL_URL": "dummymail://"}, "null:"),
        ({"EMAIL_URL": "file:///mails"}, "file:///mails"),
        ({"MAILER_DSN": "smtp://ada:s@h.example:587"}, "smtp+starttls://ada:s@h.example"),
        ({"MAILER_DSN": "smtp://h.example"}, "smtp://h.example?tls=opportunistic"),
        ({"MAILER_DSN": "smtp://localhost"}, "smtp://localhost"),
        ({"MAILER_DSN": "smtp://ada:s@h.example:465"}, "smtps://ada:s@h.example"),
        ({"MAILER_DSN": "smtps://h.example?verify_peer=0&local_domain=c.example"}, "smtps://h.example?verify=0&ehlo=c.example"),
        ({"MAILER_DSN": "gmail+smtp://ada%40gmail.com:s@default"}, "smtps://ada%40gmail.com:s@smtp.gmail.com"),
        ({"MAILER_DSN": "null://null"}, "null:"),
        (
            {"MAILER_DSN": "failover(smtps://ada:s@h.example smtp://localhost)?retry_period=60"},
            "failover(smtps://ada:s@h.example smtp://localhost)?retry=60",
        ),
        ({"MAILER_DSN": "roundrobin(null://null smtps://h.example)"}, "roundrobin(null: smtps://h.example)"),
        ({"EMAIL_HOST": "h.example"}, "smtp://h.example?tls=none"),
        (
            {"EMAIL_HOST": "h.example", "EMAIL_PORT": "587", "EMAIL_USE_TLS": "True", "EMAIL_HOST_USER": "a@b",
             "EMAIL_HOST_PASSWORD": "s", "DEFAULT_FROM_EMAIL": "Ada <a@b.org>"},
            "smtp+starttls://a%40b@h.example?password=env:EMAIL_HOST_PASSWORD&from=Ada%20<a@b.org>",
        ),
        ({"EMAIL_HOST": "h.example", "EMAIL_PORT": "465", "EMAIL_USE_SSL": "1"}, "smtps://h.example"),
        (
            {"EMAIL_HOST": "h.example", "EMAIL_USE_SSL": "1", "EMAIL_HOST_USER": "a",
             "EMAIL_HOST_PASSWORD_FILE": "/run/s"},
            "smtps://a@h.example:25?password=file:/run/s",
        ),
        (
            {"MAIL_SERVER": "h.example", "MAIL_PORT": "587", "MAIL_USE_TLS": "true", "MAIL_USERNAME": "a",
             "MAIL_PASSWORD": "s", "MAIL_DEFAULT_SENDER": "a@b.org"},
            "smtp+starttls://a@h.example?password=env:MAIL_PASSWORD&from=a@b.org",
        ),
        ({"MAIL_SERVER": "h.example", "MAIL_PORT": "465", "MAIL_SSL_TLS": "True", "MAIL_FROM": "a@b.org"},
         "smtps://h.example?from=a@b.org"),
        ({"MAIL_SERVER": "h.example", "MAIL_PORT": "587", "MAIL_STARTTLS": "yes"}, "smtp+starttls://h.example"),
    ],
)  # fmt: skip
def test_other_programs_variables_have_the_meaning_they_have_there(
    variables: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert resolve().reveal_url() == url


def test_a_note_says_that_smtps_means_starttls_in_email_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_URL", "smtps://h.example")

    route = resolve()

    assert route.server is not None
    assert route.server.security is Security.STARTTLS
    assert "EMAIL_URL: smtps: means STARTTLS there" in route.warnings[0]


def test_a_note_names_options_that_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_DSN", "smtps://h.example?restart_threshold=10")

    assert resolve().warnings == ("MAILER_DSN: restart_threshold= is not used",)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"EMAIL_URL": "smtp://ada:hunter2@h.example"},
            "EMAIL_URL: the password of 'ada' would go to h.example:25 in clear",
        ),
        ({"EMAIL_URL": "amazonses://h.example"}, "EMAIL_URL: 'amazonses' is not one of the schemes of EMAIL_URL"),
        ({"EMAIL_URL": "h.example"}, "EMAIL_URL: it is not a URL"),
        ({"EMAIL_URL": "smtps://ada:hun/ter2@h.example"}, "EMAIL_URL: "),
        ({"EMAIL_URL": "smtp://h.example?tls=perhaps"}, "tls='perhaps' is neither true nor false"),
        ({"MAILER_DSN": "failover(smtp://a sendmail://default)"}, "MAILER_DSN: sendmail: smtp, smtps, gmail+smtp"),
        (
            {"MAILER_DSN": "failover(smtp://a smtp://ada:hunter2@b"},
            "MAILER_DSN: failover(…): the brackets do not match",
        ),
        ({"MAILER_DSN": "sendmail://default"}, "MAILER_DSN: sendmail: smtp, smtps, gmail+smtp and null are read"),
        ({"EMAIL_HOST": "h", "EMAIL_PORT": "smtp"}, "EMAIL_HOST: EMAIL_PORT='smtp' is not a port"),
        (
            {"EMAIL_HOST": "h", "EMAIL_USE_TLS": "1", "EMAIL_USE_SSL": "1"},
            "EMAIL_USE_TLS and EMAIL_USE_SSL are both on",
        ),
        ({"EMAIL_HOST": "h?verify=0"}, "EMAIL_HOST: "),
        ({"EMAIL_HOST": "evil@h", "EMAIL_USE_TLS": "1"}, "EMAIL_HOST: 'evil@h' is not the name of a server"),
        ({"EMAIL_HOST": "h:25"}, "EMAIL_HOST: 'h:25' is not the name of a server"),
        ({"EMAIL_HOST": "h/x"}, "EMAIL_HOST: 'h/x' is not the name of a server"),
        ({"EMAIL_HOST": "h\r\nRCPT"}, "EMAIL_HOST: "),
        (
            {"MAIL_SERVER": "h", "MAIL_USE_TLS": "sometimes"},
            "MAIL_SERVER: MAIL_USE_TLS='sometimes' is neither true nor false",
        ),
    ],
)
def test_an_error_names_the_variable_of_the_other_program(
    variables: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(InvalidUrl) as refused:
        resolve()

    assert sentence in str(refused.value)
    assert "COURRIEL_URL goes before it" in str(refused.value)
    assert "ter2" not in str(refused.value)


# Showing them.


def test_every_setting_is_shown_with_its_source_and_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_URL", "smtps://ada:hunter2@smtp.example.org:587")
    file = write(Path.cwd() / "courriel.toml", '[profiles.shop]\nurl = "memory:"\n')
    user = write(locations.user_file(), '[profiles.shop]\nurl = "null:"\n[profiles.bad]\nurl = "smtpss://h"\n')

    rows = [(row.name, row.value, row.source) for row in explain()]

    assert rows[0] == ("url", "smtps://ada:***@smtp.example.org:587", "COURRIEL_URL")
    assert rows[1][0] == "warning"
    assert ("profiles.shop", "memory:", str(file)) in rows
    assert ("profiles.shop", "null:", f"{user} (hidden by a nearer file)") in rows
    assert "'smtpss' is not a scheme" in rows[-1][1]
    assert "hunter2" not in str(rows)


def test_a_file_that_is_wrong_is_shown_and_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_CAPTURE", "1")
    write(Path("courriel.toml"), "url = ")

    rows = explain()

    assert rows[0].name == "COURRIEL_CAPTURE"
    assert rows[1].source == "error"
    assert "it is not TOML" in rows[1].value
