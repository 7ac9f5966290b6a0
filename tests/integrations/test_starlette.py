"""A service with Starlette or FastAPI: its pool and outbox, and errors as HTTP answers, in the test's own process."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from courriel import AsyncOutbox, AsyncSmtpPool, Message, Reply, Sandbox, errors
from courriel.integrations.starlette import answer_errors, lifespan, outbox, pool, response_to, status_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette 1 would rather have another HTTP client than the one of our tests
    from starlette.testclient import TestClient

MESSAGE = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def service(sandbox: Sandbox, folder: Path) -> FastAPI:
    app = FastAPI(lifespan=lifespan(sandbox.url, outbox=folder / "outbox.db", worker=True))
    answer_errors(app)

    @app.post("/now")
    async def now(to: str, mail: Annotated[AsyncSmtpPool, Depends(pool)]) -> int:
        return (await mail.send(MESSAGE, to=to)).reply.code

    @app.post("/soon")
    async def soon(mails: Annotated[AsyncOutbox, Depends(outbox)], key: str, text: str = "x") -> str:
        message = Message(sender="ada@example.org", to="bob@example.org", subject="soon", text=text)
        return (await mails.put(message, via=sandbox.url, key=key)).id

    return app


@pytest.mark.slow
def test_a_fastapi_service_sends_now_and_soon(sandbox: Sandbox, tmp_path: Path) -> None:
    with TestClient(service(sandbox, tmp_path)) as client:
        assert client.post("/now", params={"to": "bob@example.org"}).json() == 250
        assert client.post("/now", params={"to": "bob@example.org"}).json() == 250
        assert client.post("/soon", params={"key": "1"}).status_code == 200
        sandbox.wait_for(subject="soon")

    by_pool = [session for session in sandbox.sessions if str(session.transcript).count("MAIL FROM") == 2]
    assert len(by_pool) == 1
    assert "QUIT" in str(by_pool[0].transcript)


@pytest.mark.slow
def test_starlette_alone_needs_no_fastapi(sandbox: Sandbox) -> None:
    async def now(request: Request) -> Response:
        receipt = await pool(request).send(MESSAGE)
        return JSONResponse(receipt.complete)

    app = Starlette(routes=[Route("/now", now)], lifespan=lifespan(sandbox.url))

    with TestClient(app) as client:
        assert client.get("/now").json() is True


@pytest.mark.slow
@pytest.mark.parametrize(("language", "words"), [("fr-FR, en;q=0.5", "ne peut pas"), ("de, en", "cannot be sent")])
def test_what_is_no_address_is_said_in_the_language_of_the_request(
    sandbox: Sandbox, tmp_path: Path, language: str, words: str
) -> None:
    with TestClient(service(sandbox, tmp_path)) as client:
        answer = client.post("/now", params={"to": "bob"}, headers={"Accept-Language": language})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["title"]
    assert "bob" in answer.json()["detail"]
    assert sandbox.sessions == []


@pytest.mark.slow
def test_a_server_that_puts_off_is_503_with_retry_after(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.answer("recipient", "451 4.7.1 greylisted")

    with TestClient(service(sandbox, tmp_path)) as client:
        answer = client.post("/now", params={"to": "bob@example.org"})

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["retryable"] is True
    assert answer.json()["refused"] == ["bob@example.org"]
    assert str(sandbox.port) not in answer.text
    assert "greylisted" not in answer.text


@pytest.mark.slow
def test_a_mail_in_doubt_is_not_to_be_sent_again(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.answer("message", "hang up")

    with TestClient(service(sandbox, tmp_path)) as client:
        answer = client.post("/now", params={"to": "bob@example.org"})

    assert answer.status_code == 502
    assert (answer.json()["retryable"], answer.json()["in_doubt"]) == (False, True)
    assert "retry-after" not in answer.headers


def test_another_mail_under_a_known_key_is_a_conflict(sandbox: Sandbox, tmp_path: Path) -> None:
    with TestClient(service(sandbox, tmp_path)) as client:
        client.post("/soon", params={"key": "1"})
        answer = client.post("/soon", params={"key": "1", "text": "another"})

    assert answer.status_code == 409


REFUSED, LATER = Reply(550, ("5.7.1 no",)), Reply(451, ("4.3.0 later",))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidAddress("x"), 422),
        (errors.InvalidMessage("x"), 422),
        (errors.RecipientsRefused(REFUSED, stage="recipient"), 422),
        (errors.MessageRefused(REFUSED, stage="message"), 502),
        (errors.MessageRefused(LATER, stage="message"), 503),
        (errors.ConnectionFailed("x", in_doubt=True), 502),
        (errors.TlsFailed("x"), 502),
        (errors.RemoteProtocolError("x"), 502),
        (errors.OutboxFull("x"), 503),
        (errors.OutboxUnreachable("x"), 503),
        (errors.OutboxUncertain("x"), 503),
        (errors.TicketNotFound("x"), 404),
        (errors.KeyReused("x"), 409),
        (errors.UsageError("x"), 500),
        (errors.InvalidUrl("x"), 500),
        (errors.MissingExtra("x"), 500),
    ],
)
def test_each_error_has_its_status(error: errors.CourrielError, status: int) -> None:
    assert status_of(error) == status


def test_every_error_has_a_status_with_words_in_both_languages(caplog: pytest.LogCaptureFixture) -> None:
    kinds = [kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)]
    assert len(kinds) > 30

    with caplog.at_level(logging.CRITICAL):
        for kind in kinds:
            for language in ("en", "fr"):
                headers = [(b"accept-language", language.encode())]
                named = {"capability": "SIZE"} if kind is errors.NotSupported else {}
                error = kind(REFUSED if issubclass(kind, errors.Refused) else "x", **named)
                answer = response_to(error, Request({"type": "http", "headers": headers}))
                assert 400 <= answer.status_code < 600
                assert answer.headers["content-language"] == language


@pytest.mark.slow
def test_what_is_the_services_own_fault_is_logged_with_its_traceback(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.answer("sender", "550 5.7.1 not you")

    with TestClient(service(sandbox, tmp_path)) as client:
        assert client.post("/now", params={"to": "bob@example.org"}).status_code == 502

    (record,) = [record for record in caplog.records if record.name == "courriel.starlette"]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None


def test_a_service_without_its_lifespan_says_what_is_missing() -> None:
    app = FastAPI()

    @app.get("/")
    async def now(mail: Annotated[AsyncSmtpPool, Depends(pool)]) -> None: ...

    with TestClient(app) as client, pytest.raises(errors.UsageError, match="lifespan"):
        client.get("/")


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"via": "smtp://host.example:port"}, "port"), ({"via": "no-such-profile"}, "no-such-profile")],
)
def test_a_wrong_setting_ends_the_start_and_not_the_first_mail(
    settings: dict[str, str], word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(errors.UsageError, match=word), TestClient(Starlette(lifespan=lifespan(settings["via"]))):
        pass


def test_a_worker_without_an_outbox_is_refused() -> None:
    with pytest.raises(errors.UsageError, match="outbox"):
        lifespan("smtp://127.0.0.1:2525", worker=True)


def test_a_profile_without_a_pool_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "courriel.toml").write_text(f'[profiles.billing]\nurl = "{sandbox.url}"\n')
    monkeypatch.chdir(tmp_path)

    with pytest.raises(errors.UsageError, match="pool = 4"), TestClient(Starlette(lifespan=lifespan("billing"))):
        pass


@pytest.mark.slow
def test_nothing_of_starlette_is_imported_without_it() -> None:
    program = """
import sys
sys.modules["starlette"] = None
import courriel
try:
    import courriel.integrations.starlette
except ImportError as error:
    assert isinstance(error, courriel.MissingExtra) and "courriel[starlette]" in str(error)
else:
    raise SystemExit("it was imported")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
