"""Unsubscribes on the suppression list of an outbox: what is put afterwards does not leave; and they are taken back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from courriel import AsyncOutbox, Message, Outbox, errors
from courriel.integrations.unsubscribe import UnsubscribeLinks, asgi, unsubscribe_asgi, unsubscribe_wsgi

CLICK = {"List-Unsubscribe": "One-Click"}
LINKS = UnsubscribeLinks("https://news.example.org/unsubscribe", b"a key of thirty-two octets or so, now")
LINK = LINKS.link("Ada@example.org", "news")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.db") as opened:
        yield opened


def mail() -> Message:
    return Message(
        sender="news@example.org", to="ada@example.org", subject="News", text="…", list_unsubscribe=LINK, one_click=True
    )


def entries(outbox: Outbox) -> list[tuple[str, str]]:
    return sorted((entry.reason, entry.stream) for entry in outbox.suppressions.of("ada@example.org"))


def undo_in(page: str) -> dict[str, str]:
    found = re.search(r'name="undo" value="([^"]+)"', page)
    assert found
    return {"undo": found[1]}


@pytest.mark.slow
def test_who_has_unsubscribed_gets_no_more_of_that_list(outbox: Outbox) -> None:
    with httpx.Client(transport=httpx.WSGITransport(unsubscribe_wsgi(LINKS, outbox))) as client:
        answers = [client.post(LINK, data={**CLICK, "page": "1"}) for _ in range(2)]

        with pytest.raises(errors.SuppressedRecipients):
            outbox.put(mail(), via="null:", stream="news")
        other = outbox.put(mail(), via="null:", stream="offers")
        taken_back = client.post(LINK, data=undo_in(answers[1].text))

    assert [each.status_code for each in (*answers, taken_back)] == [200, 200, 200]
    assert outbox.put(mail(), via="null:", stream="news") != other


@pytest.mark.slow
def test_what_else_stands_against_an_address_stays(outbox: Outbox) -> None:
    outbox.suppressions.add("ada@example.org", "complaint")
    outbox.suppressions.add("ada@example.org", "unsubscribe", stream="offers")
    with httpx.Client(transport=httpx.WSGITransport(unsubscribe_wsgi(LINKS, outbox))) as client:
        answer = client.post(LINK, data={**CLICK, "page": "1"})
        between = entries(outbox)
        client.post(LINK, data=undo_in(answer.text))

    assert between == [("complaint", ""), ("unsubscribe", "news"), ("unsubscribe", "offers")]
    assert entries(outbox) == [("complaint", ""), ("unsubscribe", "offers")]


@pytest.mark.slow
def test_an_outbox_that_is_awaited_has_the_same_list(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with AsyncOutbox(tmp_path / "outbox.db") as outbox:
            app: asgi.AsgiApp = unsubscribe_asgi(LINKS, outbox)
            with pytest.raises(errors.UsageError, match="coroutine function"):
                unsubscribe_wsgi(LINKS, outbox)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:  # type: ignore[arg-type]
                answer = await client.post(LINK, data={**CLICK, "page": "1"})
                listed = len(await outbox.suppressions.of("ada@example.org"))
                await client.post(LINK, data=undo_in(answer.text))
                return [answer.status_code, listed, len(await outbox.suppressions.of("ada@example.org"))]

    assert asyncio.run(story()) == [200, 1, 0]


def test_an_outbox_that_cannot_be_written_is_not_said_to_have_it(outbox: Outbox) -> None:
    app = unsubscribe_wsgi(LINKS, outbox)
    outbox.close()

    with httpx.Client(transport=httpx.WSGITransport(app)) as client:
        assert client.post(LINK, data=CLICK).status_code == 503


def test_what_is_neither_a_function_nor_an_outbox_is_refused() -> None:
    for target in ("news", None, 5):
        with pytest.raises(errors.UsageError, match="or an outbox"):
            unsubscribe_wsgi(LINKS, target)  # type: ignore[arg-type]
    with pytest.raises(errors.UsageError, match="or an outbox"):
        unsubscribe_wsgi(LINKS, print, on_undo="news")  # type: ignore[arg-type]
