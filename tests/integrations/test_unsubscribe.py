"""One-click unsubscribe without a web server: links, tokens, forms, answers, and what is done and not done."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Message, errors
from courriel.integrations.unsubscribe import Subscription, UnsubscribeEndpoint, UnsubscribeLinks
from courriel.integrations.unsubscribe.endpoint import Asked
from courriel.integrations.unsubscribe.form import LARGEST, BrokenForm, UnknownForm, fields_of
from courriel.integrations.unsubscribe.links import UNDO_SECONDS
from courriel.integrations.unsubscribe.page import PageAnswer
from courriel.integrations.unsubscribe.wrong_tokens import MOST_CLIENTS, WINDOW, WRONG, WrongTokens

KEY, OTHER = b"a key of thirty-two octets or so, now", b"another key of thirty-two octets or so"
URL = "https://news.example.org/unsubscribe"
CLICK = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
TOKEN_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def links() -> UnsubscribeLinks:
    return UnsubscribeLinks(URL, KEY)


def token_of(link: str) -> str:
    return link.removeprefix(URL + "/")


class Visitor:
    """Asks an endpoint, and notes what it does."""

    def __init__(self, links: UnsubscribeLinks, clock: Callable[[], float], *, undo: bool = True) -> None:
        self.done: list[tuple[str, ...]] = []
        self.fails: BaseException | None = None
        self.endpoint = UnsubscribeEndpoint(
            links,
            lambda *said: self.note("out", *said),
            on_undo=(lambda *said: self.note("in", *said)) if undo else None,
            titles={"news": "Weekly <news>"},
            clock=clock,
        )

    def note(self, *said: str) -> None:
        if self.fails is not None:
            raise self.fails
        self.done.append(said)

    def ask(self, link: str, method: str = "GET", *, language: str = "en", client: str = "192.0.2.1") -> PageAnswer:
        return self.endpoint.respond(Asked(method, link.removeprefix("https:/"), language, client), "", b"")

    def post(
        self, link: str, body: bytes = CLICK, content_type: str = FORM, *, client: str = "192.0.2.1"
    ) -> PageAnswer:
        asked = Asked("POST", link.removeprefix("https:/"), "en", client)
        return self.endpoint.respond(asked, content_type, body)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def visitor(links: UnsubscribeLinks, clock: Clock) -> Visitor:
    return Visitor(links, clock)


# Links.


@pytest.mark.slow
@given(
    local=st.text("abcdefghijklmnopqrstuvwxyz0123456789.+-_é", min_size=1, max_size=40),
    name=st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable() and text.strip() != ""),
)
def test_a_link_is_read_back_and_tells_nobody_its_address(local: str, name: str) -> None:
    links = UnsubscribeLinks(URL, KEY)
    try:
        link = links.link(f"{local}@example.org", name)
    except (errors.InvalidAddress, errors.UsageError):
        return

    assert links.read(token_of(link)) == Subscription(f"{local}@example.org", name)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token_of(link))
    assert b"@example" not in base64.urlsafe_b64decode(token_of(link) + "===")


def test_a_link_is_the_same_each_time_and_as_long_for_addresses_of_other_lengths(links: UnsubscribeLinks) -> None:
    link = links.link("ada@example.org", "news")

    assert link == links.link("Ada <ada@example.org>", "news")
    assert len({len(links.link(f"{'x' * length}@example.org", "news")) for length in range(1, 30)}) <= 2
    assert link != links.link("ada@example.org", "offers")


def test_a_link_goes_into_a_message(links: UnsubscribeLinks) -> None:
    longest = links.link(f"{'é' * 32}@{'x' * 63}.{'y' * 63}.{'z' * 40}.example.org", "n" * 100)

    message = Message(
        sender="ada@example.org", to="bob@example.org", subject="News", text="…",
        list_unsubscribe=longest, one_click=True,
    )  # fmt: skip

    assert f"<{longest}>".encode() in message.as_bytes()


def test_no_character_of_a_token_can_be_another(links: UnsubscribeLinks) -> None:
    token = token_of(links.link("ada@example.org", "news"))

    for place, right in enumerate(token):
        for wrong in TOKEN_CHARACTERS.replace(right, "") + "=+/ \0é":
            assert links.read(token[:place] + wrong + token[place + 1 :]) is None, (place, wrong)


def test_no_octet_of_a_token_can_be_another_and_none_can_be_missing(links: UnsubscribeLinks) -> None:
    token = token_of(links.link("ada@example.org", "news"))
    sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))

    for place, right in enumerate(sealed):
        for wrong in {0, right ^ 1, right ^ 0x80, 255} - {right}:
            changed = sealed[:place] + bytes([wrong]) + sealed[place + 1 :]
            assert links.read(base64.urlsafe_b64encode(changed).rstrip(b"=").decode()) is None
    for length in range(len(token)):
        assert links.read(token[:length]) is None
    for added in ("A", "AAAA", "=", "==", ".", "/"):
        assert links.read(token + added) is None


@given(st.text(max_size=1000))
def test_no_text_is_an_error(token: str) -> None:
    assert UnsubscribeLinks(URL, KEY).read(token) is None


def test_a_key_that_is_followed_by_another_still_opens_its_links() -> None:
    old = UnsubscribeLinks(URL, OTHER).link("ada@example.org", "news")
    rotated = UnsubscribeLinks(URL, KEY, former=[OTHER])

    assert rotated.read(token_of(old)) == Subscription("ada@example.org", "news")
    assert UnsubscribeLinks(URL, KEY).read(token_of(old)) is None
    assert UnsubscribeLinks(URL, OTHER).read(token_of(rotated.link("ada@example.org", "news"))) is None


def test_a_link_ends_when_it_was_said_to(clock: Clock) -> None:
    links = UnsubscribeLinks(URL, KEY, clock=clock)
    token = token_of(
        links.link("ada@example.org", "news", expires=datetime.fromtimestamp(clock.now, UTC) + timedelta(30))
    )

    clock.now += 30 * 86_400 - 1
    before = links.read(token)
    clock.now += 1

    assert before == Subscription("ada@example.org", "news")
    assert links.read(token) == Subscription("ada@example.org", "news", expired=True)


@pytest.mark.parametrize("expires", [datetime(2099, 1, 1), datetime(2000, 1, 1, tzinfo=UTC), "tomorrow", 5])
def test_a_time_that_means_nothing_is_refused(links: UnsubscribeLinks, expires: Any) -> None:
    with pytest.raises(errors.UsageError, match="expires: "):
        links.link("ada@example.org", "news", expires=expires)


@pytest.mark.parametrize("name", ["", " ", "*", "a\nb", "a\0", "x" * 101, "\udc80", 5, None])
def test_a_name_of_a_list_that_is_none_is_refused(links: UnsubscribeLinks, name: Any) -> None:
    with pytest.raises(errors.UsageError, match="name of a list"):
        links.link("ada@example.org", name)


def test_an_address_that_is_none_is_refused(links: UnsubscribeLinks) -> None:
    with pytest.raises(errors.InvalidAddress):
        links.link("ada", "news")


@pytest.mark.parametrize("url", [
    "http://news.example.org/u", "ftp://news.example.org/u", "https://", "https:///u", "news.example.org/u", "",
    "https://news.example.org/u?x=1", "https://news.example.org/u#x", "https://ada:secret@news.example.org/u",
    "https://news.example.org:port/u", "https://[::1/u", "https://news.example.org/a b", "https://e.org/" + "x" * 200,
    None, "https://news.example.org/u>",
])  # fmt: skip
def test_an_endpoint_that_no_provider_could_post_to_is_refused(url: Any) -> None:
    with pytest.raises(errors.UsageError, match="https"):
        UnsubscribeLinks(url, KEY)


def test_keys_are_read_where_secrets_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_bytes(OTHER + b"\n")
    monkeypatch.setenv("UNSUBSCRIBE_KEY", KEY.decode())

    link = UnsubscribeLinks(URL, f"file:{tmp_path / 'key'}").link("ada@example.org", "news")

    both = UnsubscribeLinks(URL, "env:UNSUBSCRIBE_KEY", former=[f"file:{tmp_path / 'key'}"])
    assert link == UnsubscribeLinks(URL, OTHER).link("ada@example.org", "news")
    assert both.read(token_of(link)) == Subscription("ada@example.org", "news")


@pytest.mark.parametrize("key", [
    "a secret that stands in the program itself", b"short", "env:NOT_SET_HERE", "file:/nowhere", bytearray(40), None,
])  # fmt: skip
def test_a_key_that_is_none_is_refused_and_not_quoted(key: Any) -> None:
    with pytest.raises(errors.CourrielError) as refused:
        UnsubscribeLinks(URL, key)

    assert "stands in the program" not in str(refused.value)
    assert "short" not in str(refused.value)


def test_former_keys_are_a_list() -> None:
    with pytest.raises(errors.UsageError, match="a list of keys"):
        UnsubscribeLinks(URL, KEY, former=OTHER)  # type: ignore[arg-type]


def test_neither_key_nor_address_is_in_a_repr(links: UnsubscribeLinks) -> None:
    subscription = links.read(token_of(links.link("ada@example.org", "news")))

    assert repr(links) == f"UnsubscribeLinks({URL!r})"
    assert "ada" not in repr(subscription)


# Requests.


def test_get_and_head_show_a_page_and_change_nothing(visitor: Visitor, links: UnsubscribeLinks) -> None:
    link = links.link("ada@example.org", "news")

    for method in ("GET", "HEAD", "GET"):
        shown = visitor.ask(link, method)
        assert shown.status == 200
        assert b"List-Unsubscribe" in shown.body
    assert visitor.done == []


def test_a_click_unsubscribes_as_often_as_it_is_made(visitor: Visitor, links: UnsubscribeLinks) -> None:
    link = links.link("ada@example.org", "news")

    answers = [visitor.post(link) for _ in range(3)]

    assert {each.status for each in answers} == {200}
    assert answers[0].body == answers[2].body
    assert b"You are unsubscribed" in answers[0].body
    assert visitor.done == [("out", "ada@example.org", "news")] * 3


def test_an_answer_has_no_cookie_no_redirect_and_the_headers_of_a_page_that_is_private(
    visitor: Visitor, links: UnsubscribeLinks
) -> None:
    link = links.link("ada@example.org", "news")

    for given_answer in (visitor.ask(link), visitor.post(link), visitor.ask(URL), visitor.post(link, b"")):
        headers = dict(given_answer.headers)
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"].startswith("noindex")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Content-Length"] == str(len(given_answer.body))
        assert not headers.keys() & {"Set-Cookie", "Location"}
        assert token_of(link).encode() not in given_answer.body
        assert b"ada@example.org" not in given_answer.body


def test_a_page_is_in_the_language_that_the_reader_prefers(visitor: Visitor, links: UnsubscribeLinks) -> None:
    link = links.link("ada@example.org", "news")

    for wanted, said in {
        "fr": "Vous désabonner de « Weekly &lt;news&gt; » ?",
        "fr-CA,en;q=0.9": "Vous désabonner",
        "de, fr;q=0.3, en;q=0.7": "Unsubscribe from “Weekly &lt;news&gt;”?",
        "en;q=0, fr;q=0.1": "Vous désabonner",
        "en;q=nonsense, fr;q=0.1": "Vous désabonner",
        "EN-gb": "Unsubscribe from",
    }.items():
        shown = visitor.ask(link, language=wanted)
        assert said in shown.body.decode().replace("\N{NO-BREAK SPACE}", " "), wanted
        assert f'<html lang="{dict(shown.headers)["Content-Language"]}">' in shown.body.decode()


@pytest.mark.parametrize("name", ["a list that has no title", "<script>alert(1)</script>", "{address}", '"quoted"'])
def test_the_name_of_a_list_is_text_in_the_page(visitor: Visitor, links: UnsubscribeLinks, name: str) -> None:
    shown = visitor.ask(links.link("a&b@example.org", name)).body.decode()

    assert "<script" not in shown
    assert name.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") in shown


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "post", ""])
def test_other_methods_change_nothing(visitor: Visitor, links: UnsubscribeLinks, method: str) -> None:
    refused = visitor.ask(links.link("ada@example.org", "news"), method)

    assert refused.status == 405
    assert dict(refused.headers)["Allow"] == "GET, HEAD, POST"
    assert visitor.done == []


BOUNDARY = "multipart/form-data; boundary=line"
PART = b'--line\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'


@pytest.mark.parametrize(("content_type", "body"), [
    (FORM, CLICK),
    ("Application/X-WWW-Form-URLencoded; charset=utf-8", CLICK),
    ("", CLICK),
    (FORM, b"utm_source=x&List-Unsubscribe=One-Click"),
    (FORM, b"List-Unsubscribe=One%2DClick"),
    (BOUNDARY, PART + b"--line--\r\n"),
    (BOUNDARY, PART + b"--line--"),
    (BOUNDARY, b"preamble\r\n" + PART + b"--line--\r\nepilogue"),
    ('Multipart/Form-Data; charset=utf-8; Boundary="line"', PART + b"--line--\r\n"),
    (BOUNDARY, PART.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain\r\n\r\n") + b"--line--\r\n"),
    (BOUNDARY, PART.replace(b'"', b"") + b"--line--\r\n"),
    (BOUNDARY, PART.replace(b"data;", b'data; filename="name=x";') + b"--line--\r\n"),
    (BOUNDARY, b"--line\r\nX: y\r\ncontent-disposition:form-data;name=List-Unsubscribe\r\n\r\nOne-Click\r\n--line--"),
])  # fmt: skip
def test_every_spelling_of_the_form_is_a_click(
    visitor: Visitor, links: UnsubscribeLinks, content_type: str, body: bytes
) -> None:
    answered = visitor.post(links.link("ada@example.org", "news"), body, content_type)

    assert answered.status == 200
    assert visitor.done == [("out", "ada@example.org", "news")]


@pytest.mark.parametrize(("content_type", "body", "status"), [
    (FORM, b"", 400),
    (FORM, b"List-Unsubscribe", 400),
    (FORM, b"List-Unsubscribe=", 400),
    (FORM, b"List-Unsubscribe=one", 400),
    (FORM, b"list-unsubscribe=One-Click", 400),
    (FORM, b"x=List-Unsubscribe=One-Click", 400),
    (FORM, b"\xff\xfe" + CLICK, 400),
    (FORM, b"&".join([b"a=b"] * 100), 400),
    (FORM, b"&" * 9000, 400),
    (FORM, b"%" * 9000, 400),
    (FORM, b"undo=1", 410),
    (FORM, CLICK + b"&" + b"x" * LARGEST, 413),
    ("text/plain", CLICK, 415),
    ("application/json", b'{"List-Unsubscribe": "One-Click"}', 415),
    ("multipart/mixed; boundary=line", PART + b"--line--", 415),
    ("multipart/form-data", PART + b"--line--", 400),
    (BOUNDARY, PART, 400),
    (BOUNDARY, PART[:-2], 400),
    (BOUNDARY, PART[:40], 400),
    (BOUNDARY, b"", 400),
    (BOUNDARY, b"--line--\r\n", 400),
    (BOUNDARY, PART.replace(b"\r\n", b"\n") + b"--line--", 400),
    (BOUNDARY, b"--line\r\n\r\n" * 400 + b"--line--", 400),
    (BOUNDARY, b"--line\r\nContent-Disposition: form-data; x=\r\n\r\nOne-Click\r\n--line--", 400),
    ('multipart/form-data; boundary="' + "x" * 9000, PART, 400),
    ("multipart/form-data; boundary=" + "x" * 71, PART, 400),
])  # fmt: skip
def test_a_body_that_does_not_ask_for_it_changes_nothing(
    visitor: Visitor, links: UnsubscribeLinks, content_type: str, body: bytes, status: int
) -> None:
    refused = visitor.post(links.link("ada@example.org", "news"), body, content_type)

    assert refused.status == status
    assert visitor.done == []


@pytest.mark.slow
@given(st.lists(st.tuples(st.text("abcdefgh-é", min_size=1), st.text("xyz=&%\r\n-é", max_size=20)), max_size=10))
def test_forms_are_read_as_another_library_writes_them(fields: list[tuple[str, str]]) -> None:
    unique = dict(fields)
    files = {name: (None, value.encode()) for name, value in unique.items()}

    for written in (httpx.Request("POST", URL, data=unique), httpx.Request("POST", URL, files=files)):
        if unique:
            content_type = written.headers["content-type"]
            assert dict(fields_of(content_type, written.read())) == unique


@given(st.binary(max_size=300), st.sampled_from([FORM, BOUNDARY, "", "text/plain"]))
def test_no_body_is_an_error_of_ours(body: bytes, content_type: str) -> None:
    for content in (body, PART + body, PART + b"--line" + body, CLICK + body):
        with suppress(UnknownForm, BrokenForm):
            fields_of(content_type, content)


# What goes wrong.


def test_a_link_that_is_not_ours_is_answered_and_changes_nothing(visitor: Visitor) -> None:
    strange = UnsubscribeLinks(URL, OTHER).link("ada@example.org", "news")

    for link in (strange, URL, URL + "/", URL + "/" + "A" * 5000, strange[:-1]):
        assert visitor.ask(link, client=link[-9:]).status == 404
        assert visitor.post(link, client=link[-9:]).status == 404
    assert visitor.done == []


def test_a_link_over_its_time_is_told_from_a_wrong_one(clock: Clock) -> None:
    links = UnsubscribeLinks(URL, KEY, clock=clock)
    visitor = Visitor(links, clock)
    link = links.link("ada@example.org", "news", expires=datetime.fromtimestamp(clock.now + 60, UTC))

    clock.now += 60

    assert [visitor.ask(link).status, visitor.post(link).status] == [410, 410]
    assert b"has expired" in visitor.ask(link).body
    assert visitor.done == []


def test_what_a_program_could_not_do_is_not_said_to_be_done(
    visitor: Visitor, links: UnsubscribeLinks, caplog: pytest.LogCaptureFixture
) -> None:
    link = links.link("ada@example.org", "news")
    visitor.fails = RuntimeError("no row for ada@example.org")

    failed = visitor.post(link)
    visitor.fails = None
    again = visitor.post(link)

    assert failed.status == 500
    assert b"You are not unsubscribed yet" in failed.body
    assert b'value="One-Click"' in failed.body
    assert again.status == 200
    assert visitor.done == [("out", "ada@example.org", "news")]
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "RuntimeError, raised in" in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize(
    "error", [errors.OutboxUnreachable("down"), errors.OutboxFull("full"), TimeoutError(), ConnectionRefusedError()]
)
def test_a_store_that_is_away_says_when_to_come_back(
    visitor: Visitor, links: UnsubscribeLinks, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    visitor.fails = error

    failed = visitor.post(links.link("ada@example.org", "news"))

    assert failed.status == 503
    assert dict(failed.headers)["Retry-After"] == "60"
    assert b"You are not unsubscribed yet" in failed.body
    assert f"answered by 503: {type(error).__name__}" in caplog.text


def test_nothing_that_is_logged_tells_an_address_or_a_token(
    visitor: Visitor, links: UnsubscribeLinks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    link = links.link("ada@example.org", "news")

    visitor.post(link)
    visitor.ask(link + "x")
    visitor.fails = ValueError(f"ada@example.org {link}")
    visitor.post(link)

    logged = [str(vars(each)) + each.getMessage() for each in caplog.records]
    assert len(logged) == 2
    assert not [each for each in logged if "ada" in each or token_of(link)[:9] in each]


def test_a_coroutine_that_nobody_awaits_is_not_said_to_be_done(clock: Clock, links: UnsubscribeLinks) -> None:
    async def remove(address: str, list_name: str) -> None:
        pytest.fail("nobody awaits it")

    def remove_later(address: str, list_name: str) -> object:
        return remove(address, list_name)

    endpoint = UnsubscribeEndpoint(links, remove_later, clock=clock)

    answered = endpoint.respond(Asked("POST", "/" + token_of(links.link("a@b.org", "news"))), FORM, CLICK)

    assert answered.status == 500
    assert not endpoint.awaits
    assert UnsubscribeEndpoint(links, remove).awaits


# Taking it back.


def undo_token(body: bytes) -> str:
    found = re.search(rb'name="undo" value="([^"]+)"', body)
    assert found
    return found[1].decode()


def test_the_page_offers_to_take_it_back_for_an_hour(clock: Clock) -> None:
    links = UnsubscribeLinks(URL, KEY, clock=clock)
    visitor = Visitor(links, clock)
    link = links.link("ada@example.org", "news")
    undo = b"page=1&undo=" + undo_token(visitor.post(link, CLICK + b"&page=1").body).encode()

    taken_back = visitor.post(link, undo)
    clock.now += UNDO_SECONDS
    too_late = visitor.post(link, undo)

    assert taken_back.status == 200
    assert b"You are subscribed again" in taken_back.body
    assert (too_late.status, b"too late" in too_late.body) == (410, True)
    assert visitor.done == [("out", "ada@example.org", "news"), ("in", "ada@example.org", "news")]


def test_a_provider_that_clicks_is_not_handed_the_means_to_take_it_back(
    visitor: Visitor, links: UnsubscribeLinks
) -> None:
    assert b"undo" not in visitor.post(links.link("ada@example.org", "news")).body


def test_the_means_to_take_it_back_is_for_one_address_and_list(visitor: Visitor, links: UnsubscribeLinks) -> None:
    ours = links.link("ada@example.org", "news")
    undo = undo_token(visitor.post(ours, CLICK + b"&page=1").body)

    for link in (links.link("bob@example.org", "news"), links.link("ada@example.org", "offers")):
        assert visitor.post(link, b"undo=" + undo.encode()).status == 410
    for forged in (token_of(ours), undo[:-2] + "AA", "1", ""):
        assert visitor.post(ours, b"undo=" + forged.encode()).status == 410
    assert visitor.ask(f"{URL}/{undo}").status == 404
    assert [each[0] for each in visitor.done] == ["out"]


def test_what_could_not_be_taken_back_can_be_tried_again(visitor: Visitor, links: UnsubscribeLinks) -> None:
    link = links.link("ada@example.org", "news")
    undo = undo_token(visitor.post(link, CLICK + b"&page=1").body)
    visitor.fails = RuntimeError()

    failed = visitor.post(link, b"undo=" + undo.encode())
    visitor.fails = None

    assert (failed.status, b"You are not subscribed again" in failed.body) == (500, True)
    assert visitor.post(link, b"undo=" + undo_token(failed.body).encode()).status == 200


def test_without_a_function_for_it_nothing_is_taken_back(clock: Clock, links: UnsubscribeLinks) -> None:
    visitor = Visitor(links, clock, undo=False)
    link = links.link("ada@example.org", "news")

    assert b"<form" not in visitor.post(link, CLICK + b"&page=1").body
    assert visitor.post(link, b"undo=1").status == 400


# Wrong tokens, many of them.


def test_a_client_with_many_wrong_tokens_gets_short_answers_and_its_valid_ones_are_taken(
    visitor: Visitor, links: UnsubscribeLinks, clock: Clock
) -> None:
    statuses = [visitor.post(f"{URL}/{number}").status for number in range(WRONG + 3)]
    link = links.link("ada@example.org", "news")

    assert statuses == [404] * WRONG + [429] * 3
    assert dict(visitor.ask(URL).headers)["Retry-After"] == "60"
    assert [visitor.post(link).status for _ in range(100)] == [200] * 100
    assert visitor.ask(link).status == 200
    assert visitor.ask(URL, client="192.0.2.2").status == 404
    clock.now += WINDOW
    assert visitor.ask(URL).status == 404


def test_the_memory_of_wrong_tokens_is_bounded(clock: Clock) -> None:
    wrong = WrongTokens(clock)

    for number in range(MOST_CLIENTS + 50):
        wrong.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    assert len(wrong) == MOST_CLIENTS


def test_the_addresses_of_one_network_are_one_client(clock: Clock) -> None:
    wrong = WrongTokens(clock)

    counted = [wrong.count(f"2001:db8:1:2::{number:x}") for number in range(WRONG + 1)]

    assert counted == [False] * WRONG + [True]
    assert not wrong.count("2001:db8:1:3::1")
    for strange in ("", "unix:/socket", "999.1.1.1"):
        assert not wrong.count(strange)
