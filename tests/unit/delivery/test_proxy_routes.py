"""proxy= and proxy_password= in URLs, profiles, rows of an outbox and files of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import InvalidUrl, Proxy, Route, Security, Server, UsageError
from courriel.delivery.secrets import SecretReference
from courriel.delivery.settings import locations, profiles
from courriel.outbox.lanes import Lanes


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("smtps://mx.example.org?proxy=socks5h://p.example", "smtps://mx.example.org?proxy=socks5h://p.example:1080"),
        ("imaps://mx.example.org?proxy=http%3A%2F%2Fada@p.example:3128", "imaps://mx.example.org?proxy=http://ada@p.example:3128"),
        ("pops://mx.example.org?proxy=socks5://ada:p%2540ss@p.example", "pops://mx.example.org?proxy=socks5://ada:***@p.example:1080"),
        ("smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=env:P", "smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=env:P"),
        ("smtps://mx.example.org?proxy=environment", "smtps://mx.example.org?proxy=environment"),
        ("orange:ada@orange.fr?proxy=environment", "smtps://ada%40orange.fr@smtp.orange.fr?proxy=environment&from=ada@orange.fr"),
        ("smtp://localhost?proxy=socks5h://127.0.0.1", "smtp+starttls://localhost:25?proxy=socks5h://127.0.0.1:1080"),
    ],
)  # fmt: skip
def test_a_url_is_read_and_written_again(url: str, written: str) -> None:
    route = Route.parse(url)

    assert route.url == written
    assert Route.parse(route.reveal_url()) == route
    assert "ss@" not in repr(route)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_any_login_survives_the_url(user: str, password: str) -> None:
    try:
        proxy = Proxy("socks5h", "p.example", 99, user, password)
    except UsageError:
        return
    route = Route.of(Server("mx.example.org", proxy=proxy))

    if password == "***":
        return
    assert Route.parse(route.reveal_url()) == route
    assert Route.parse(route.reveal_url()).server_to_reach().proxy == proxy


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("smtps://mx.example.org?proxy_password=env:P", "without proxy="),
        ("smtps://mx.example.org?proxy=http://p.example:80&proxy_password=env:P", "without a user"),
        ("smtps://mx.example.org?proxy=http://ada:s3cret@p.example:80&proxy_password=env:P", "twice"),
        ("smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=s3cret", "by reference"),
        ("smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=prompt", "prompt"),
        ("smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=login:ada", "login"),
        ("smtps://mx.example.org?proxy=http://ada:s3%40cret@p.example:80", "each % of them is written %25"),
        ("smtps://mx.example.org?proxy=http://ada:***@p.example:80", "masked"),
        ("smtps://mx.example.org?proxy=https://ada:s3cret@p.example:80", "reached by TLS"),
        ("smtps://mx.example.org?proxy=", "empty"),
        ("smtps://mx.example.org?proxy=environment&proxy_password=env:P", "without a user"),
        ("lmtp:///run/lmtp?proxy=http://p.example:80", "local socket"),
        ("memory:?proxy=http://p.example:80", "makes no sense"),
    ],
)
def test_a_wrong_option_is_refused_and_nothing_of_a_password_is_quoted(url: str, words: str) -> None:
    with pytest.raises(InvalidUrl) as refused:
        Route.parse(url)

    assert words in str(refused.value)
    assert "s3" not in str(refused.value)


def test_a_login_in_clear_behind_a_proxy_is_refused_for_this_machine_too() -> None:
    with pytest.raises(InvalidUrl):
        Route.parse("smtp://ada:s3cret@localhost?tls=none&proxy=socks5h://127.0.0.1")


def test_the_password_is_read_when_a_session_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY_PASSWORD", "s3cret")
    route = Route.parse("smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=env:PROXY_PASSWORD")

    server = route.server_to_reach()

    assert server.proxy == Proxy("http", "p.example", 80, "ada", "s3cret")
    assert route.server is not None
    assert route.server.proxy == Proxy("http", "p.example", 80, "ada")


def test_a_password_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROXY_PASSWORD", raising=False)
    route = Route.parse("smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=env:PROXY_PASSWORD")

    with pytest.raises(UsageError) as missing:
        route.server_to_reach()

    assert "PROXY_PASSWORD" in str(missing.value)
    assert (missing.value.stage, missing.value.hint_id) == ("authenticate", "PASSWORD-NOT-FOUND")


def test_the_environment_is_looked_up_when_a_session_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("all_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5h://ada:s3cret@p.example")
    route = Route.parse("smtps://mx.example.org?proxy=environment")

    assert route.server_to_reach().proxy == Proxy("socks5h", "p.example", 1080, "ada", "s3cret")
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert route.server_to_reach().proxy is None
    assert "s3cret" not in repr(route)


def test_a_server_with_a_proxy_is_a_route_that_hides_its_password() -> None:
    proxy = Proxy("socks5h", "p.example", 1080, "ada", "s3cret")

    route = Route.of(Server("mx.example.org", security=Security.TLS, proxy=proxy))

    assert route.proxy_password == SecretReference("plain", "s3cret")
    assert "s3cret" not in f"{route!r} {route.url} {route.server!r}"
    assert route.server_to_reach().proxy == proxy


@pytest.fixture
def project(empty_house: Path) -> Path:
    """The current folder, without settings."""
    return empty_house


def test_a_profile_names_a_proxy_percent_encoded_once(project: Path) -> None:
    (project / "courriel.toml").write_text(
        '[profiles.billing]\nurl = "smtps://mx.example.org"\nproxy = "http://ada:p%40ss@p.example:3128"\n'
    )

    assert profiles.resolve("billing").server_to_reach().proxy == Proxy("http", "p.example", 3128, "ada", "p@ss")


def test_a_profile_of_ones_own_names_where_the_password_lies(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P", "s3cret")
    own = locations.user_file(environment={})
    own.parent.mkdir(parents=True)
    own.write_text('url = "smtps://mx.example.org"\nproxy = "socks5h://ada@p.example"\nproxy_password = "env:P"\n')

    assert profiles.resolve().server_to_reach().proxy == Proxy("socks5h", "p.example", 1080, "ada", "s3cret")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('proxy = "http://ada@p.example:80"\nproxy_password = "env:P"', "proxy_password=env: is not taken"),
        ('proxy = "http://ada@p.example:80"\nproxy_password = "keyring"', "proxy_password=keyring is not taken"),
        ('proxy = "http://ada@p.example:80"\nproxy_password = "cmd:x"', "proxy_password=cmd: is not taken"),
        ('proxy = "http://p.example"', "no usual port"),
        ('proxy_password = "file:/x"', "without a user"),
        ("proxy = true", "text in quotes"),
    ],
)
def test_what_a_projects_file_may_not_say(project: Path, lines: str, words: str) -> None:
    (project / "courriel.toml").write_text(f'url = "smtps://mx.example.org"\n{lines}\n')

    with pytest.raises(UsageError) as refused:
        profiles.resolve()

    assert words in str(refused.value)
    assert "courriel.toml" in str(refused.value)


def test_a_proxy_stands_once(project: Path) -> None:
    (project / "courriel.toml").write_text(
        'url = "smtps://mx.example.org?proxy=environment"\nproxy = "socks5h://p.example"\n'
    )

    with pytest.raises(UsageError, match="stands beside a url"):
        profiles.resolve()


def test_the_name_of_a_lane_has_the_proxy_and_not_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = Lanes({}, allow_references=True)

    lane = lanes.lane("smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=env:P")

    assert lane == "smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=env:P"
    assert lane != lanes.lane("smtps://mx.example.org")


@pytest.mark.parametrize(
    "given",
    [
        "smtps://mx.example.org?proxy=http://ada:s3cret@p.example:80",
        Server("mx.example.org", proxy=Proxy("socks5h", "p.example", 1080, "ada", "s3cret")),
        "smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password=cmd:s3cret",
    ],
)
def test_no_password_of_a_proxy_is_written_into_a_row(given: str | Server) -> None:
    with pytest.raises(InvalidUrl) as refused:
        Lanes({}).lane(given)

    assert refused.value.hint_id == "SECRET-IN-OUTBOX"
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("kind", ["env:P", "file:/etc/shadow", "keyring", "cmd:id"])
def test_a_row_of_others_sends_no_secret_of_this_machine_to_its_proxy(kind: str) -> None:
    lane = f"smtps://mx.example.org?proxy=http://ada@p.example:80&proxy_password={kind}"

    with pytest.raises(InvalidUrl) as refused:
        Lanes({}).way(lane)

    assert refused.value.hint_id == "SECRET-IN-OUTBOX"
