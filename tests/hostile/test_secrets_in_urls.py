"""A URL with a secret, wherever one may be given, right or wrong: no error, repr or traceback shows the secret."""

from __future__ import annotations

import asyncio
import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import courriel
from courriel import (
    AsyncOutbox,
    AsyncSmtpSession,
    ImapSession,
    Message,
    Outbox,
    PopSession,
    Route,
    Server,
    SmtpPool,
    SmtpSession,
)
from courriel.delivery.settings import profiles
from courriel.errors import CourrielError
from courriel.model.checks.shown import is_like_url, safely_shown

SECRET = "s3cr3t-xyz"
FORMS = [
    form.replace("SECRET", SECRET)
    for form in (
        "scheme://u:SECRET@h.example/db", "scheme://u:SECRET@h.example:99999", "scheme://u:SECRET%zz@h.example",
        "scheme://u:SECRET@h.exa mple", "scheme:u:SECRET@h.example", "scheme//u:SECRET@h.example", "u:SECRET@h.example",
        "scheme://u@h.example?password=SECRET&x=1", "scheme://u:SECRET/x@h.example", "scheme://u:SECRET@[::1",
        "scheme://h.example:u:SECRET", "scheme://u:SECRET@h.example:SECRET", "scheme://u:a#SECRET@h.example",
        "scheme://u:SECRET@h@x.example", "//u:SECRET@h.example",
    )
]  # fmt: skip
OURS_AND_NOT = ["smtp", "postgresql+psycopg", "foo"]
OTHERS = ["smtps", "imaps", "pops", "postgres+asyncpg", "mysql", "sqlite"]
POSTGRES = [
    "postgresql://u:SECRET/x@h.example", "postgresql:///u:SECRET@x", "postgresql://h.example:u:SECRET",
    "postgresql://u:x@h.example?port=SECRET", "postgresql://u:SECRET%zz@h.example/x", "postgresql:u:SECRET@h.example/x",
]  # fmt: skip
MESSAGE = Message(sender="a@b.example", to="c@d.example", text="x")


@pytest.fixture(autouse=True)
def nobody_s_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("COURRIEL_URL", "COURRIEL_CAPTURE", "COURRIEL_OUTBOX", "EMAIL_URL", "SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def by_variable(name: str, ask: Callable[[], object]) -> Callable[[str], object]:
    def act(url: str) -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, url)
            return ask()

    return act


def by_file(where: str, profile: str | None) -> Callable[[str], object]:
    def act(url: str) -> object:
        Path("courriel.toml").write_text(f"{where} = {json.dumps(url)}\n", encoding="utf-8")
        return Outbox() if where == "outbox" else profiles.resolve(profile)

    return act


def in_an_outbox(act: Callable[[Outbox, str], object]) -> Callable[[str], object]:
    def used(url: str) -> object:
        with Outbox("mine.db", elsewhere=True) as outbox:
            return act(outbox, url)

    return used


PLACES: dict[str, Callable[[str], object]] = {
    "Route.parse": Route.parse,
    "Server": Server,
    "Server, tls_name": lambda url: Server("h.example", tls_name=url),
    "Server, ehlo_name": lambda url: Server("h.example", ehlo_name=url),
    "SmtpSession": SmtpSession,
    "AsyncSmtpSession": AsyncSmtpSession,
    "SmtpPool": SmtpPool,
    "PopSession": PopSession,
    "ImapSession": ImapSession,
    "mailbox": courriel.mailbox,
    "Outbox": Outbox,
    "AsyncOutbox": lambda url: asyncio.run(AsyncOutbox(url).open()),
    "put": in_an_outbox(lambda outbox, url: outbox.put(MESSAGE, via=url)),
    "use": in_an_outbox(lambda outbox, url: outbox.use("lane", url)),
    "use, as a name": in_an_outbox(lambda outbox, url: outbox.use(url, "null:")),
    "ways": lambda url: Outbox("mine.db", ways={"lane": url}),
    "COURRIEL_URL": by_variable("COURRIEL_URL", lambda: profiles.resolve(None)),
    "COURRIEL_OUTBOX": by_variable("COURRIEL_OUTBOX", Outbox),
    "COURRIEL_CAPTURE": by_variable("COURRIEL_CAPTURE", profiles.capture),
    "EMAIL_URL": by_variable("EMAIL_URL", lambda: profiles.resolve(None)),
    "courriel.toml, url": by_file("url", None),
    "courriel.toml, a profile": by_file("[profiles.billing]\nurl", "billing"),
    "courriel.toml, outbox": by_file("outbox", None),
}


def told(act: Callable[[str], object], url: str) -> str:
    """Everything that a program can see of it."""
    try:
        made = act(url)
    except (CourrielError, TypeError) as error:
        facts = (getattr(error, "hint", ""), getattr(error, "cause", ""), error.__dict__)
        return "".join(traceback.format_exception(error)) + repr(error) + repr(facts)
    return repr(made)


@pytest.mark.filterwarnings("ignore:port")
@pytest.mark.parametrize(
    "schemes", [OURS_AND_NOT, pytest.param(OTHERS, marks=pytest.mark.slow)], ids=["some schemes", "the others"]
)
@pytest.mark.parametrize("place", PLACES)
def test_no_secret_of_a_url_is_shown(place: str, schemes: list[str]) -> None:
    if schemes is OTHERS and not os.environ.get("COURRIEL_TEST_ALL"):
        first = list(PLACES).index(place)  # each place has two of these, each of these a third of the places
        schemes = [OTHERS[first % len(OTHERS)], OTHERS[(first + 3) % len(OTHERS)]]
    for url in (form.replace("scheme", scheme) for scheme in schemes for form in FORMS):
        # The last frame of a traceback shows the line of this file, never the URL.
        assert SECRET not in told(PLACES[place], url), url


@pytest.mark.parametrize("url", POSTGRES)
def test_no_secret_of_a_database_is_shown(url: str) -> None:
    pytest.importorskip("psycopg")

    said = told(Outbox, url.replace("SECRET", SECRET))

    assert SECRET not in said
    assert "InvalidUrl" in said or "UsageError" in said


def test_an_unknown_scheme_is_said_and_nothing_else() -> None:
    with pytest.raises(CourrielError, match=r"not a URL \(postgresql\+psycopg:…\) \(did you mean 'postgresql'\?\)$"):
        Outbox("postgresql+psycopg://u:secret@h/db")


@pytest.mark.parametrize(
    "text", ["smtp.example.org", "/var/x:y@z/outbox.db"[:6], "C:\\mail\\outbox.db", "a@b", "x:y", ""]
)
def test_what_is_no_url_is_shown(text: str) -> None:
    assert not is_like_url(text)
    assert safely_shown(text) == repr(text)


def test_a_whole_path_may_look_like_anything(tmp_path: Path) -> None:
    with Outbox(tmp_path / "a:b@c.db") as outbox:
        assert "a:b@c.db" in repr(outbox)
