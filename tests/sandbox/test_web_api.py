"""API of the practice server: ours, and the addresses of Mailpit's, as test suites use them."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import courriel
from courriel import Message, Sandbox
from courriel.sandbox import weather
from courriel.sandbox.store.index import SearchIndex
from courriel.types import CapturedMessage, WebSettings


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(web_port=0) as opened:
        yield opened


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.web_url, timeout=30, trust_env=False) as client:
        yield client


def send(sandbox: Sandbox, subject: str, *, to: str = "bob@example.org", **more: object) -> courriel.Receipt:
    message = Message(
        sender="Ada <ada@example.org>",
        to=[to],
        subject=subject,
        text=f"text of {subject}",
        **more,  # type: ignore[arg-type]
    )
    return courriel.send(message, via=sandbox.url)


# Our own.


@pytest.mark.slow
def test_mails_are_listed_searched_and_paged(sandbox: Sandbox, page: httpx.Client) -> None:
    for subject in ("one", "two", "three"):
        send(sandbox, subject)
    send(sandbox, "four", to="cleo@example.org")

    everything = page.get("/api/mails").json()
    assert everything["count"] == everything["total"] == 4
    assert [mail["subject"] for mail in everything["mails"]] == ["four", "three", "two", "one"]
    assert [m["subject"] for m in page.get("/api/mails?to=bob@example.org&limit=2").json()["mails"]] == ["three", "two"]
    assert [m["number"] for m in page.get("/api/mails?search=subject:two").json()["mails"]] == [2]
    assert page.get("/api/mailboxes").json()["mailboxes"] == [
        {"address": "bob@example.org", "count": 3, "unseen": 3},
        {"address": "cleo@example.org", "count": 1, "unseen": 1},
    ]  # fmt: skip


@pytest.mark.slow
def test_one_mail_has_everything_in_it(sandbox: Sandbox, page: httpx.Client) -> None:
    mail = Message(
        sender="Ada <ada@example.org>", to=["Bob <bob@example.org>"], bcc=["secret@example.org"], subject="Été",
        text="plain", html="<p>rich</p>",
    ).with_data(b"1;2\r\n", "a.csv")  # fmt: skip
    courriel.send(mail, via=sandbox.starttls_url)

    found = page.get("/api/mails/latest").json()

    assert found["subject"] == "Été"
    assert found["from"] == {"name": "Ada", "address": "ada@example.org"}
    assert found["envelope"] == {"from": "ada@example.org", "to": ["bob@example.org", "secret@example.org"]}
    assert found["hidden"] == ["secret@example.org"]
    assert (found["text"].strip(), found["html"].strip()) == ("plain", "<p>rich</p>")
    assert [(file["name"], file["size"]) for file in found["attachments"]] == [("a.csv", 5)]
    assert found["session"]["tls"] == "TLSv1.3"
    assert page.get("/api/mails/latest/raw").content == sandbox.letters[0].content
    assert page.get("/api/mails/1/parts/3").content == b"1;2\r\n"


@pytest.mark.slow
def test_latest_is_of_a_recipient_and_of_a_search(sandbox: Sandbox, page: httpx.Client) -> None:
    send(sandbox, "for bob")
    send(sandbox, "for cleo", to="cleo@example.org")

    assert page.get("/api/mails/latest?to=bob@example.org").json()["subject"] == "for bob"
    assert page.get("/api/mails/latest?search=subject:bob").json()["subject"] == "for bob"
    assert "text of for bob" in page.get("/view/latest.txt?to=bob@example.org").text
    assert page.get("/latest?to=bob@example.org").headers["location"] == "/m/1"
    assert page.get("/api/mails/latest?to=nobody@example.org").status_code == 404


@pytest.mark.slow
def test_mails_are_indexed_before_anybody_searches(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    added = threading.Event()
    add = SearchIndex._add  # noqa: SLF001 - when the index takes a mail is seen nowhere else

    def seen(index: SearchIndex, mail: CapturedMessage) -> None:
        add(index, mail)
        added.set()

    monkeypatch.setattr(SearchIndex, "_add", seen)
    send(sandbox, "x")

    assert added.wait(30)


@pytest.mark.slow
def test_waiting_ends_with_the_mail_that_fits(sandbox: Sandbox, page: httpx.Client) -> None:
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(page.get, "/api/wait?to=bob@example.org&subject=second&timeout=20")
        send(sandbox, "first")
        send(sandbox, "second", to="cleo@example.org")
        send(sandbox, "the second one")
        answer = waiting.result(30)

    assert answer.status_code == 200
    assert [mail["subject"] for mail in answer.json()["mails"]] == ["the second one"]


@pytest.mark.slow
def test_waiting_in_vain_says_what_came(sandbox: Sandbox, page: httpx.Client) -> None:
    send(sandbox, "something else")

    answer = page.get("/api/wait?to=nobody@example.org&timeout=1ms")

    assert answer.status_code == 404
    assert [mail["subject"] for mail in answer.json()["came"]] == ["something else"]


@pytest.mark.slow
def test_waiting_leaves_out_what_was_there_before(sandbox: Sandbox, page: httpx.Client) -> None:
    send(sandbox, "old")

    assert page.get("/api/wait?after=1&timeout=1ms").status_code == 404
    assert page.get("/api/wait?search=old&count=1").json()["count"] == 1


@pytest.mark.slow
def test_a_closing_server_ends_who_waits() -> None:
    begun = threading.Event()

    def listen(url: str) -> None:
        with contextlib.suppress(httpx.TransportError), httpx.stream("GET", url, timeout=60, trust_env=False) as answer:
            for _line in answer.iter_lines():
                begun.set()

    with ThreadPoolExecutor(1) as beside:
        with Sandbox(web_port=0) as sandbox:
            listening = beside.submit(listen, f"{sandbox.web_url}events")
            assert begun.wait(20)
        listening.result(20)


@pytest.mark.slow
def test_mails_are_removed_by_number_search_and_mailbox(sandbox: Sandbox, page: httpx.Client) -> None:
    for subject in ("one", "two", "three", "four"):
        send(sandbox, subject, to="cleo@example.org" if subject == "four" else "bob@example.org")

    assert page.delete("/api/mails/1").json() == {"removed": 1}
    assert page.delete("/api/mails?search=subject:two").json() == {"removed": 1}
    assert page.delete("/api/mails?to=cleo@example.org").json() == {"removed": 1}
    assert [letter.subject for letter in sandbox.letters] == ["three"]
    assert page.request("DELETE", "/api/mails", json={"numbers": [3, 99]}).json() == {"removed": 1}
    assert page.get("/api/mails/3").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("condition", [
    "?search=larger:abc", "?search=invoice+before:nonsense", "?search=%3F%3F%3F", "?search=", "?search=+", "?to=",
    "?serach=x", "?search=" + "+".join(f"w{each}" for each in range(31)), "?search=one+" + "x" * 1000,
])  # fmt: skip
def test_a_condition_that_is_not_understood_removes_nothing(
    sandbox: Sandbox, page: httpx.Client, condition: str
) -> None:
    send(sandbox, "invoice one " + " ".join(f"w{each}" for each in range(30)))

    assert page.delete(f"/api/mails{condition}").status_code == 400
    assert page.delete(f"/api/v1/search{condition}").status_code == 400
    assert len(sandbox.letters) == 1


@pytest.mark.slow
def test_a_list_that_is_misnamed_removes_nothing(sandbox: Sandbox, page: httpx.Client) -> None:
    send(sandbox, "one")

    assert page.request("DELETE", "/api/mails", json={"number": [7]}).status_code == 400
    assert page.request("DELETE", "/api/v1/messages", json={"ids": ["7"]}).text == "ok"  # in any case, as there
    assert len(sandbox.letters) == 1


@pytest.mark.slow
@pytest.mark.parametrize("address", ["/api/mails", "/api/wait", "/api/mails/latest", "/api/v1/search"])
def test_a_test_is_told_that_its_search_was_not_understood(sandbox: Sandbox, page: httpx.Client, address: str) -> None:
    send(sandbox, "one")

    answer = page.get(address, params={"search": "subject:one smaller:little"})

    assert answer.status_code == 400
    assert "smaller:little" in answer.json()["error"]


@pytest.mark.slow
def test_the_page_offers_to_delete_no_list_that_it_did_not_understand(sandbox: Sandbox, page: httpx.Client) -> None:
    send(sandbox, "one")

    assert 'action="/remove?search=one"' in page.get("/?search=one").text
    for search in ("larger:abc", "???"):
        shown = page.get("/", params={"search": search}).text
        assert "Not understood" in shown
        assert 'action="/remove?' not in shown
        assert page.post("/remove", params={"search": search}).status_code == 400
    assert len(sandbox.letters) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "address", "headers", "status"),
    [
        ("PATCH", "/api/mails", {}, 405),
        ("POST", "/api/nowhere", {}, 405),
        ("GET", "/api/mails", {"Host": "evil.example"}, 403),
        ("DELETE", "/api/mails", {"Origin": "http://evil.example"}, 403),
        ("GET", "/api/v1/nowhere", {}, 404),
    ],
)
def test_every_refusal_of_the_api_is_json(
    page: httpx.Client, method: str, address: str, headers: dict[str, str], status: int
) -> None:
    answer = page.request(method, address, headers=headers)

    assert answer.status_code == status
    assert answer.json()["error"] == answer.json()["Error"] != ""


@pytest.mark.slow
def test_a_mail_may_be_put_in(sandbox: Sandbox, page: httpx.Client) -> None:
    eml = b"From: Ada <ada@example.org>\nTo: bob@example.org\nBcc: eve@example.org\nSubject: saved\n\nold\n"

    added = page.post("/api/mails", content=eml)

    assert added.status_code == 201
    (letter,) = sandbox.letters
    assert (letter.subject, letter.sender) == ("saved", "ada@example.org")
    assert letter.recipients == ("bob@example.org", "eve@example.org")
    assert page.post("/api/mails", content=b"no mail at all").status_code == 400
    assert page.post("/api/mails?to=a@b.c%0d%0ax", content=b"Subject: x\n\n").status_code == 400


@pytest.mark.slow
def test_what_the_page_puts_in_and_removes_is_seen_by_those_who_read(sandbox: Sandbox, page: httpx.Client) -> None:
    send(sandbox, "first")
    account = courriel.Password("bob@example.org", "any")
    with courriel.ImapSession(sandbox.imap_server(), account) as reader:
        reader.select("INBOX")
        page.post("/api/mails", content=b"From: ada@example.org\nTo: bob@example.org\nSubject: put in\n\nx\n")
        page.delete("/api/mails/1")
        reader.noop()
        assert [letter.subject for letter in reader] == ["put in"]

    with courriel.PopSession(sandbox.pop_server(), account) as box:
        assert [letter.subject for letter in box] == ["put in"]
    page.delete("/api/mails")
    with courriel.PopSession(sandbox.pop_server(), account) as box:
        assert list(box) == []


@pytest.mark.slow
def test_the_page_offers_every_weather_and_each_can_be_played(page: httpx.Client, sandbox: Sandbox) -> None:
    offered = re.findall(r'<option value="([^"]+)"', page.get("/").text)

    patterns = [
        re.sub("NNN", "[0-9]{3}", re.sub("STAGE", "[a-z]+", re.sub(r"\bN\b", "[0-9]+", name))) for name in weather.NAMES
    ]
    assert [name for name in patterns if not any(re.fullmatch(name, each) for each in offered)] == []
    assert len(offered) == len(set(offered)) > 70
    for each in offered:
        sandbox.play(each)


@pytest.mark.slow
def test_a_failure_of_the_table_is_played_once(sandbox: Sandbox, page: httpx.Client) -> None:
    assert page.post("/api/faults", json={"play": "GREYLISTED"}).json() == {"set": True}

    with pytest.raises(courriel.CourrielError) as refused:
        send(sandbox, "x")
    send(sandbox, "y")

    assert "GREYLISTED" in str(refused.value.failure)
    assert page.post("/api/faults", json={"play": "NO-SUCH-THING"}).status_code == 400
    assert page.post("/api/faults", json={"stage": "recipient", "answer": "550 no", "times": "many"}).status_code == 400
    assert page.post("/api/faults", json={"stage": "recipient", "answer": "550 5.1.1 no"}).status_code == 200
    assert page.delete("/api/faults").status_code == 200
    send(sandbox, "z")


@pytest.mark.slow
def test_sessions_tell_what_was_said(sandbox: Sandbox, page: httpx.Client) -> None:
    send(sandbox, "x")

    (session,) = page.get("/api/sessions").json()["sessions"]
    assert any(who == "C" and text.startswith("MAIL FROM") for _seconds, who, text in session["lines"])
    assert "MAIL FROM" in str(sandbox.sessions)


@pytest.mark.slow
def test_the_document_names_every_address(page: httpx.Client) -> None:
    from courriel.sandbox.web.app import OWN

    paths = page.get("/openapi.json").json()["paths"]
    there = {route.path.replace(":int", "") for route in OWN if route.path.startswith("/api/")}
    methods = {(route.path.replace(":int", ""), method.lower()) for route in OWN for method in route.methods or ()}

    assert set(paths) == there
    assert {(path, method) for path, all_of in paths.items() for method in all_of} == {
        (path, method) for path, method in methods if path.startswith("/api/") and method != "head"
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "/api/mails?start=x",
        "/api/mails?limit=-1",
        "/api/wait?timeout=never",
        "/api/wait?timeout=inf",
        "/api/wait?count=²",
    ],
)
def test_a_senseless_number_is_the_callers_mistake(page: httpx.Client, address: str) -> None:
    answer = page.get(address)

    assert answer.status_code == 400
    assert "error" in answer.json()


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"[]", b"{", b"[" * 100_000, b'{"numbers": 7}', b"\xff"])
def test_a_senseless_body_is_the_callers_mistake(page: httpx.Client, body: bytes) -> None:
    assert page.request("DELETE", "/api/mails", content=body).status_code == 400


@pytest.mark.slow
def test_a_mail_is_passed_on_by_hand_and_only_where_a_relay_was_named(sandbox: Sandbox, page: httpx.Client) -> None:
    passed: list[tuple[int, list[str]]] = []

    def pass_on(mail: CapturedMessage, recipients: Sequence[str]) -> str:
        passed.append((mail.number, list(recipients)))
        return "250 2.0.0 gone"

    send(sandbox, "x")
    assert page.post("/m/1/pass-on", data={"to": "real@example.org"}).status_code == 404
    with Sandbox(web_port=0, web=WebSettings(pass_on=pass_on, relay="smtp.example.org")) as relaying:
        send(relaying, "x")
        with httpx.Client(base_url=relaying.web_url, timeout=30, trust_env=False) as other:
            nobody = other.post("/m/1/pass-on", data={"to": " "})
            stranger = other.post("/m/1/pass-on", data={"to": "a@b.c"}, headers={"Origin": "http://evil.example"})
            done = other.post("/m/1/pass-on", data={"to": "real@example.org, two@example.org"})
            shown = other.get("/m/1?tab=envelope").text

    assert (nobody.status_code, stranger.status_code) == (400, 403)
    assert (done.status_code, done.text) == (200, "250 2.0.0 gone\n")
    assert passed == [(1, ["real@example.org", "two@example.org"])]
    assert "smtp.example.org" in shown


@pytest.mark.slow
def test_a_mail_is_returned_by_the_page_and_by_the_api(sandbox: Sandbox, page: httpx.Client) -> None:
    send(sandbox, "x")

    made = page.post("/api/mails/1/bounce", json={"reply": "552 5.2.2 mailbox full", "recipient": "bob@example.org"})
    clicked = page.post("/m/1/bounce", data={"reply": "550 5.1.1 no such user"})
    stranger = page.post("/m/1/bounce", data={}, headers={"Origin": "http://evil.example"})
    wrong = [
        page.post("/api/mails/1/bounce", json=each) for each in ({"reply": "250 ok"}, {"replies": "x"}, {"reply": 5})
    ]
    of_a_report = page.post("/api/mails/2/bounce", json={})

    assert (made.status_code, made.json()["envelope"]) == (201, {"from": "", "to": ["ada@example.org"]})
    assert (clicked.status_code, clicked.headers["location"]) == (303, "/m/3")
    reports = [letter.letter.report for letter in sandbox.letters[1:]]
    assert [each.recipients[0].status for each in reports if each] == ["5.2.2", "5.1.1"]
    assert [each.status_code for each in (stranger, *wrong, of_a_report)] == [403, 400, 400, 400, 400]
    assert 'action="/m/1/bounce"' in page.get("/m/1?tab=envelope").text
    assert "/bounce" not in page.get("/m/2?tab=envelope").text


# Mailpit's.


@pytest.mark.slow
def test_a_message_as_mailpit_has_it(sandbox: Sandbox, page: httpx.Client) -> None:
    mail = Message(
        sender="Ada <ada@example.org>", to=["Bob <bob@example.org>"], bcc=["eve@example.org"], subject="Hello",
        text="plain", html='<p>rich <img src="cid:x@y"></p>',
    ).with_data(b"data", "a.bin").with_data(b"\x89PNG\r\n\x1a\n", "p.png", inline=True, content_id="x@y")  # fmt: skip
    courriel.send(mail, via=sandbox.url)

    (listed,) = page.get("/api/v1/messages").json()["messages"]
    found = page.get(f"/api/v1/message/{listed['ID']}").json()

    assert listed["From"] == found["From"] == {"Name": "Ada", "Address": "ada@example.org"}
    assert listed["To"] == found["To"] == [{"Name": "Bob", "Address": "bob@example.org"}]
    assert listed["Bcc"] == found["Bcc"] == [{"Name": "", "Address": "eve@example.org"}]
    assert listed["Read"] is False
    assert page.get("/api/v1/messages").json()["messages"][0]["Read"] is True
    assert (found["Subject"], found["HTML"].strip()[:7]) == ("Hello", "<p>rich")
    assert found["MessageID"] == sandbox.letters[0].message_id.strip("<>")
    (attached,), (inline,) = found["Attachments"], found["Inline"]
    assert (attached["FileName"], attached["Size"], inline["ContentID"]) == ("a.bin", 4, "x@y")
    assert page.get(f"/api/v1/message/{listed['ID']}/part/{attached['PartID']}").content == b"data"
    assert page.get("/api/v1/message/latest/headers").json()["Subject"] == ["Hello"]
    assert page.get("/api/v1/message/latest/raw").content == sandbox.letters[0].content
    assert "plain" in page.get("/view/latest.txt").text


@pytest.mark.slow
def test_searching_marking_and_deleting_as_there(sandbox: Sandbox, page: httpx.Client) -> None:
    for subject in ("one", "two", "three"):
        send(sandbox, subject)

    found = page.get("/api/v1/search", params={"query": 'to:bob@example.org subject:"two"'}).json()
    assert (found["messages_count"], found["total"], found["messages"][0]["Subject"]) == (1, 3, "two")
    assert page.put("/api/v1/messages", json={"IDs": ["2"], "Read": True}).text == "ok"
    assert page.get("/api/v1/info").json()["Unread"] == 2
    assert page.request("DELETE", "/api/v1/search", params={"query": "subject:two"}).text == "ok"
    assert page.request("DELETE", "/api/v1/messages", json={"IDs": ["1"]}).text == "ok"
    assert [letter.subject for letter in sandbox.letters] == ["three"]
    assert page.request("DELETE", "/api/v1/search", params={"query": ""}).status_code == 400
    assert page.request("DELETE", "/api/v1/messages").text == "ok"
    assert sandbox.letters == []
    assert page.get("/api/v1/message/latest").status_code == 404
    assert page.get("/livez").status_code == page.get("/readyz").status_code == 200
