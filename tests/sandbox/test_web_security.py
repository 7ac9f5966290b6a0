"""Security of the page: what strangers send, who may ask, and what no mail can do."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import courriel
from courriel import Message, Sandbox, errors
from courriel.dialogue.server.handler import Delivery, ServerSession
from courriel.model.address import Address
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.web.access import Access, host_name
from courriel.sandbox.web.guard import LARGEST
from courriel.sandbox.web.mail_html import mail_html
from courriel.sandbox.web_settings import WebSettings
from courriel.wire.html.bounds import bounded
from courriel.wire.smtp.parameters import MailFrom, RcptTo

SECRET = "correct-horse-battery"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(web_port=0) as opened:
        yield opened


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.web_url, timeout=30, trust_env=False) as client:
        yield client


def put(sandbox: Sandbox, content: str) -> None:
    """A mail of a stranger, to the octet."""
    with socket.create_connection((sandbox.host, sandbox.port), timeout=20) as line, line.makefile("rb") as heard:
        heard.readline()
        for words in (b"EHLO x.org", b"MAIL FROM:<a@b.c>", b"RCPT TO:<d@e.f>", b"DATA",
                      content.replace("\n", "\r\n").encode() + b"\r\n.", b"QUIT"):  # fmt: skip
            line.sendall(words + b"\r\n")
            while heard.readline()[3:4] == b"-":
                pass


# Who may ask.


@pytest.mark.slow
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8025", "127.0.0.1.evil.example", "localhost@evil.example",
                                  "", "[::1", "localhost/x", "10.0.0.1"])  # fmt: skip
def test_a_name_that_was_made_to_lead_here_reads_nothing(page: httpx.Client, host: str) -> None:
    for address in ("/", "/api/mails", "/events", "/static/page.css", "/livez"):
        answer = page.get(address, headers={"Host": host})

        assert answer.status_code in (400, 403), address
        assert "mails" not in answer.text


@pytest.mark.slow
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8025", "LOCALHOST:80", "localhost."])
def test_names_of_this_machine_are_known(page: httpx.Client, host: str) -> None:
    assert page.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.slow
def test_a_further_name_is_known_when_it_was_allowed() -> None:
    with Sandbox(web_port=0, web=WebSettings(hosts=("mail",))) as sandbox:
        answers = [
            httpx.get(f"{sandbox.web_url}livez", headers={"Host": name}, trust_env=False).status_code
            for name in ("mail:8025", "mailer:8025")
        ]

    assert answers == [200, 403]


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},  # another program's page on this machine
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_other_pages_change_and_read_nothing(sandbox: Sandbox, page: httpx.Client, headers: dict[str, str]) -> None:
    courriel.send(Message(sender="a@b.c", to=["d@e.f"], subject="x", text="x"), via=sandbox.url)

    answers = [
        page.request(method, address, headers=headers).status_code
        for method, address in (("GET", "/api/mails"), ("GET", "/events"), ("DELETE", "/api/mails"), ("POST", "/remove"),
                                ("DELETE", "/api/v1/messages"), ("POST", "/m/1/remove"))
    ]  # fmt: skip

    assert set(answers) == {403}
    assert len(sandbox.letters) == 1


@pytest.mark.slow
def test_a_link_from_elsewhere_opens_a_page_and_a_form_does_not(page: httpx.Client) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    assert page.get("/", headers=link).status_code == 200
    assert page.post("/remove", headers=link).status_code == 403


@pytest.mark.slow
def test_our_own_pages_may_change_things(sandbox: Sandbox, page: httpx.Client) -> None:
    own = {"Origin": sandbox.web_url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}

    assert page.post("/remove", headers=own).status_code == 303


def test_no_answer_lets_other_origins_read(page: httpx.Client) -> None:
    assert "access-control-allow-origin" not in page.get("/api/mails").headers
    assert page.options("/api/mails", headers={"Origin": "http://evil.example"}).status_code == 403


def test_the_page_is_not_opened_to_others_without_a_password() -> None:
    with pytest.raises(errors.UsageError, match="password"), Sandbox("0.0.0.0", web_port=0):
        pass


@pytest.mark.slow
def test_the_password_is_asked_for_everywhere(page: httpx.Client) -> None:
    with Sandbox(web_port=0, web=WebSettings(password=SECRET)) as sandbox:
        url = sandbox.web_url
        asked = [
            httpx.get(url + path, trust_env=False) for path in ("", "api/mails", "events", "livez", "static/page.js")
        ]
        wrong = [
            httpx.get(url, headers={"Authorization": word.encode("latin-1")}, trust_env=False).status_code
            for word in ("Basic", "Basic eDp4", "Bearer " + SECRET, "Basic \xff", "Basic " + "A" * 5000)
        ]
        right = httpx.get(url, auth=("anybody", SECRET), trust_env=False)

    assert {answer.status_code for answer in asked} == {401}
    assert asked[0].headers["www-authenticate"].startswith("Basic")
    assert set(wrong) == {401}
    assert right.status_code == 200
    assert SECRET not in repr(WebSettings(password=SECRET))


def test_hosts_are_read_strictly() -> None:
    assert host_name("LocalHost:80") == "localhost"
    assert [host_name(each) for each in ("a b", "a/b", "x@y", "[::1", "a:b", "")] == [
        "a b",
        None,
        None,
        None,
        None,
        None,
    ]
    assert not Access.of().knows("a b")


# How much.


@pytest.mark.slow
def test_a_request_that_is_too_large_is_refused(sandbox: Sandbox, page: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(LARGEST // 2**20 + 2):
            yield b"x" * 2**20

    with socket.create_connection((sandbox.host, sandbox.web_port or 0), timeout=20) as line:
        line.sendall(b"POST /api/mails HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\nx")
        assert line.recv(100).startswith(b"HTTP/1.1 413")
    # Hung up on in the middle is as good.
    with contextlib.suppress(httpx.TransportError):
        assert page.post("/api/mails", content=endless()).status_code == 413
    assert sandbox.letters == []


def test_failures_of_our_own_are_not_told_to_strangers(
    sandbox: Sandbox, page: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(type(inside_of(sandbox)), "mailboxes", broken)
    answer = page.get("/api/mailboxes")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def inside_of(sandbox: Sandbox) -> object:
    """The storage below a sandbox."""
    return sandbox._captured  # noqa: SLF001 - a failure is put where none happens by itself


# What a mail can do: nothing.

ATTACKS = {
    "script": "<script>parent.hurt=1</script>",
    "handler": '<img src=x onerror="parent.hurt=1"><body onload="hurt()"><a onclick="hurt()">x</a>',
    "javascript": '<a href="javascript:hurt()">x</a><a href=" jAvAsCrIpT:hurt()">y</a><a href="data:text/html,<script>1</script>">z</a>',
    "svg": '<svg onload="hurt()"><script>hurt()</script><animate attributeName=href values=javascript:hurt() /></svg>',
    "math": '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=hurt()&gt;">',
    "frame": '<iframe src="http://evil.example"></iframe><object data="x.swf"></object><embed src="x">',
    "form": '<form action="http://evil.example"><input name=password><button formaction="javascript:hurt()">x</button></form>',
    "base": '<base href="http://evil.example/"><a href="x">x</a>',
    "meta": '<meta http-equiv="refresh" content="0;url=http://evil.example"><link rel=stylesheet href="http://evil.example/x.css">',
    "style": '<style>@import url("http://evil.example/x.css"); body{background:url(http://evil.example/y)}</style>',
    "inline style": '<p style="background:url(http://evil.example/z);list-style-image:url(//evil.example/q)">x</p>',
    "style end": "<style></style><script>hurt()</script></style>",
    "picture": '<img src="http://evil.example/pixel.gif"><img src="//evil.example/p"><img src="file:///etc/passwd">'
    '<img srcset="http://evil.example/s 2x"><picture><source srcset="http://evil.example/t"></picture>',
    "background": '<table background="http://evil.example/b"><tr><td background="http://evil.example/c">x</td></tr></table>',
    "nested": "<scr<script>ipt>hurt()</scr</script>ipt>",
    "comment": "<!--[if mso]><script>hurt()</script><![endif]-->",
    "template": "<template><script>hurt()</script></template>{{ 7*7 }}{% raise %}",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_html_of_a_mail_is_cleaned(sandbox: Sandbox, page: httpx.Client, attack: str) -> None:
    put(sandbox, f"Subject: x\nContent-Type: text/html\n\n<div>{ATTACKS[attack]}</div>")

    for address in ("/view/1.html", "/view/latest.html?embed=1", "/view/1.html?images=off"):
        shown = page.get(address)

        text = shown.text.lower()
        body = re.sub(r"&lt;.*?&gt;", "", text)  # what is shown as text is no element
        assert not re.search(r"<(script|iframe|object|embed|form|input|button|link|svg|math|template|source)\b", body)
        assert not re.search(r"<meta(?! charset| name=\"viewport\")|<base(?! target)", body)
        assert not re.search(r"\bon[a-z]+\s*=|javascript:", body)
        assert not re.search(r"(?:src|srcset|background|data)=\"?(?:http|//|file)|url\(|@import", body)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["/view/1.html", "/view/latest.html", "/view/1.html?embed=1"])
def test_the_policy_of_a_mail_lets_nothing_run_and_nothing_load(
    sandbox: Sandbox, page: httpx.Client, address: str
) -> None:
    put(sandbox, "Subject: x\nContent-Type: text/html\n\n<p>x</p>")

    parts = page.get(address).headers["content-security-policy"].split("; ")
    policy = {part.split()[0]: part.split()[1:] for part in parts}

    assert policy["default-src"] == ["'none'"]
    assert policy["img-src"] == ["data:"]
    assert "script-src" not in policy
    assert "allow-scripts" not in policy["sandbox"]
    assert "allow-same-origin" not in policy["sandbox"]
    assert policy["form-action"] == ["'none'"]


@pytest.mark.slow
def test_our_own_pages_allow_no_script_but_ours(page: httpx.Client) -> None:
    for address in ("/", "/help", "/sessions"):
        answer = page.get(address)
        policy = answer.headers["content-security-policy"]

        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"<script(?! src=\"/static/page.js\" defer>)|\bon[a-z]+=\"| style=\"", answer.text)
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.slow
def test_the_frame_of_a_mail_runs_no_script(sandbox: Sandbox, page: httpx.Client) -> None:
    put(sandbox, "Subject: x\nContent-Type: text/html\n\n<p>x</p>")

    (frame,) = re.findall(r"<iframe[^>]*>", page.get("/m/1").text)

    assert re.search(r'sandbox="([^"]*)"', frame)[1] == "allow-popups allow-popups-to-escape-sandbox"  # type: ignore[index]


@pytest.mark.slow
def test_pictures_come_from_the_mail_itself(sandbox: Sandbox, page: httpx.Client) -> None:
    html = '<img src="cid:a@b"><img src="cid:.*"><img src="cid:svg@b"><img src="cid:page@b"><img src="http://evil.example/x">'
    mail = (
        Message(sender="a@b.c", to=["d@e.f"], subject="x", text="x", html=html)
        .with_data(b"\x89PNG\r\n\x1a\nrest", "a.png", inline=True, content_id="a@b")
        .with_data(b"<svg/>", "b.svg", inline=True, content_id="svg@b")
        .with_data(b"<script>", "c.html", inline=True, content_id="page@b")
    )
    courriel.send(mail, via=sandbox.url)

    shown = page.get("/view/1.html")

    assert re.findall(r'src="([^"]*)"', shown.text) == ["data:image/png;base64,iVBORw0KGgpyZXN0"]
    assert shown.headers["x-held-back"] == "1"
    assert "data:" not in page.get("/view/1.html?images=off").text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [
        ("text/html", b"<script>hurt()</script>", False),
        ("image/svg+xml", b"<svg onload='hurt()'/>", False),
        ("application/xhtml+xml", b"<html xmlns='http://www.w3.org/1999/xhtml'/>", False),
        ("image/png", b"<script>hurt()</script>", False),  # it only says that it is a picture
        ("image/png", b"\x89PNG\r\n\x1a\n", True),
        ("application/pdf", b"%PDF-1.4", True),
        ("text/plain", b"<script>hurt()</script>", True),
    ],
)
def test_only_harmless_parts_are_shown(
    sandbox: Sandbox, page: httpx.Client, kind: str, data: bytes, shown: bool
) -> None:
    mail = Message(sender="a@b.c", to=["d@e.f"], subject="x", text="x").with_data(data, "evil.bin", content_type=kind)
    courriel.send(mail, via=sandbox.url)

    answer = page.get("/m/1/part/2")

    assert answer.content == data
    assert answer.headers["content-disposition"].startswith("inline" if shown else "attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    if not shown:
        assert answer.headers["content-type"] in ("application/octet-stream", "image/png")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert page.get("/m/1/part/2?save=1").headers["content-disposition"].startswith("attachment")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a\\\\b.exe", 'x"; filename="y', "=?utf-8?b?DQpTZXQtQ29va2llOiB4PTE=?=", "\u202egpj.exe"],
)
def test_a_name_from_a_mail_breaks_no_header(sandbox: Sandbox, page: httpx.Client, name: str) -> None:
    put(sandbox, f'Subject: x\nContent-Type: application/x; name="{name}"\nContent-Disposition: attachment\n\nx')

    answer = page.get("/m/1/part/1")

    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    disposition = answer.headers["content-disposition"]
    assert not re.search(r"[/\\\r\n]|\.\.", disposition.partition("filename*")[0])
    assert disposition.count('"') == 2


HOSTILE_WORDS = "</title><script>hurt()</script><img src=x onerror=hurt()>"


@pytest.mark.slow
def test_words_of_a_mail_are_words_in_every_view(sandbox: Sandbox, page: httpx.Client) -> None:
    put(
        sandbox,
        f'From: "{HOSTILE_WORDS}" <a@b.c>\nTo: "{HOSTILE_WORDS}" <d@e.f>\nSubject: {HOSTILE_WORDS}\nReply-To: "{HOSTILE_WORDS}" <x@y.z>\n'
        f"X-Other: {HOSTILE_WORDS}\nList-Unsubscribe: <{HOSTILE_WORDS}>\nMessage-ID: <{HOSTILE_WORDS}>\n"
        f"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{HOSTILE_WORDS}\n--b\n"
        f'Content-Type: text/calendar; name="{HOSTILE_WORDS}"\nContent-Disposition: attachment\nContent-ID: <{HOSTILE_WORDS}>\n\n'
        f"BEGIN:VCALENDAR\nMETHOD:{HOSTILE_WORDS}\nBEGIN:VEVENT\nSUMMARY:{HOSTILE_WORDS}\nATTENDEE:{HOSTILE_WORDS}\nEND:VEVENT\n--b--\n",
    )
    tabs = ("html", "text", "headers", "source", "parts", "envelope", "session", "checks", "code")

    for address in ("/", "/list", "/sessions", f"/?search={HOSTILE_WORDS}", f"/?to={HOSTILE_WORDS}", "/compare?a=1&b=1",
                    *(f"/m/1?tab={tab}&search={HOSTILE_WORDS}" for tab in tabs)):  # fmt: skip
        answer = page.get(address)

        assert answer.status_code == 200
        assert "<script>hurt" not in answer.text
        assert "<img src=x" not in answer.text


@pytest.mark.slow
def test_no_secret_is_in_the_session_tab_or_the_api(page: httpx.Client, sandbox: Sandbox) -> None:
    with courriel.SmtpSession(sandbox.server(), courriel.Password("ada", SECRET)) as session:
        session.send(Message(sender="a@b.c", to=["d@e.f"], subject="x", text="x"))
    import base64

    forms = {SECRET, base64.b64encode(f"\0ada\0{SECRET}".encode()).decode(), base64.b64encode(SECRET.encode()).decode()}
    for address in ("/m/1?tab=session", "/sessions", "/api/sessions", "/api/mails/1"):
        text = page.get(address).text
        assert "ada" in text
        assert not [form for form in forms if form in text]


@pytest.mark.slow
def test_nothing_is_fetched(sandbox: Sandbox, page: httpx.Client) -> None:
    """A listener of ours stands for the outside: it hears nobody, whatever is looked at."""
    with socket.create_server(("127.0.0.1", 0)) as outside:
        outside.setblocking(False)
        url = f"http://127.0.0.1:{outside.getsockname()[1]}/x"
        put(
            sandbox,
            f"Subject: x\nList-Unsubscribe: <{url}>\nContent-Type: text/html\n\n<img src='{url}'><a href='{url}'>x</a>"
            f"<link rel=stylesheet href='{url}'><style>@import '{url}';</style>",
        )
        for address in ("/m/1", "/view/1.html", "/m/1?tab=checks", "/api/mails/1", "/api/v1/message/1"):
            assert page.get(address).status_code == 200

        with pytest.raises(BlockingIOError):
            outside.accept()


@pytest.mark.slow
@pytest.mark.parametrize("address", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd",
                                     "/m/..%2f..%2fetc", "/view/../../x.html", "/m/1/part/-1", "/m/1/part/99999999999"])  # fmt: skip
def test_no_address_leads_out(sandbox: Sandbox, page: httpx.Client, address: str) -> None:
    put(sandbox, "Subject: x\n\nx")

    assert page.get(address).status_code in (404, 405)


@pytest.mark.slow
@pytest.mark.parametrize(
    "back", ["http://evil.example", "//evil.example", "/\\evil.example", "javascript:1", "/x\r\nSet-Cookie: y"]
)
def test_no_form_leads_away(page: httpx.Client, back: str) -> None:
    answer = page.post("/settings", data={"lang": "fr", "back": back})

    assert answer.headers["location"] == "/"


@pytest.mark.slow
def test_a_message_id_is_no_path(tmp_path: Path) -> None:
    with Sandbox(web_port=0, folder=tmp_path / "eml", data=tmp_path / "kept") as sandbox:
        put(sandbox, "Message-ID: <../../../evil>\nSubject: ../../evil\n\nx")
        httpx.get(f"{sandbox.web_url}api/mails?search=evil", trust_env=False)
        names = {file.name for file in tmp_path.rglob("*") if file.is_file()}
        modes = {file.stat().st_mode & 0o777 for file in tmp_path.rglob("*") if file.is_file()}

    assert not any("evil" in name for name in names)
    assert modes == {0o600}


@pytest.mark.slow
def test_a_mail_of_a_hundred_thousand_marks_is_looked_at_in_bounds(sandbox: Sandbox, page: httpx.Client) -> None:
    put(
        sandbox,
        "Subject: x\nContent-Type: text/html\n\n"
        + "\n".join(['<img src="http://x/y"><a href="http://z/a">b</a>'] * 50_000),
    )

    shown = page.get("/m/1?tab=checks")

    assert shown.status_code == 200
    assert len(shown.text) < 400_000
    assert page.get("/view/1.html").status_code == 200


@pytest.mark.slow
def test_deeply_nested_html_breaks_nothing(sandbox: Sandbox, page: httpx.Client) -> None:
    put(sandbox, "Subject: x\nContent-Type: text/html\n\n" + "\n".join(["<div><table><td>"] * 5_000))

    assert page.get("/view/1.html").status_code == 200
    assert page.get("/m/1?tab=checks").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("html", "most"),
    [
        ("<div>" * 500_000, 10_000),
        ("<ul><li>" * 300_000, 20_000),
        ("<p>" * 500_000, 100_000),
        ("<div><!--</div>-->" * 150_000, 10_000),  # it is closed for those who only count
        ("".join(f"<font color=c{each}>" for each in range(2000)) + "</p><p>x" * 90_000, 92_000),
    ],
    ids=["div", "ul", "p", "comment", "font"],
)
def test_html_that_takes_a_parser_minutes_is_bounded(html: str, most: int) -> None:
    """The bound is on what the parser is given: its time is nobody's to promise."""
    given = bounded(html)

    assert 0 < len(re.findall("<[a-z]", given)) <= most
    assert "<font" not in given
    mail = CapturedMail().put(
        Delivery(MailFrom(None), (), f"Content-Type: text/html\r\n\r\n{html}".encode()), ServerSession()
    )
    assert mail_html(mail).document


def test_html_of_people_is_not_cut() -> None:
    table = "<table>" + "<tr>" + "<td><b>1</b></td>" * 10 + "</tr>"
    rows = "<table>" + ("<tr>" + "<td>1</td>" * 10 + "</tr>") * 3000 + "</table>"

    assert bounded(table * 20) == table * 20
    assert bounded(rows) == rows


@pytest.mark.slow
def test_a_delivery_without_addresses_in_its_header_is_shown(sandbox: Sandbox, page: httpx.Client) -> None:
    delivery = Delivery(MailFrom(None), (RcptTo(Address.parse("d@e.f")),), b"\r\n\xff\x00")
    inside_of(sandbox).put(delivery, ServerSession())  # type: ignore[attr-defined]

    for tab in ("text", "headers", "source", "parts", "envelope", "session", "checks", "code"):
        assert page.get(f"/m/1?tab={tab}").status_code == 200
