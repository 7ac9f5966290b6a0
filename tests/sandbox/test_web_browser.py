"""The page in a real browser (Debian's Chromium): live, every tab, keys, narrow, dark, French, accessible, harmless."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

import courriel
from courriel import Message, Sandbox
from servers.packages import leave_out, need
from servers.peers import NODE_MODULES

pytestmark = pytest.mark.acceptance

CHROMIUM = "/usr/bin/chromium"
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
TABS = ("html", "text", "headers", "source", "parts", "envelope", "session", "checks", "code")
SECONDS = 30_000.0  # milliseconds that a slow machine may take
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    need(CHROMIUM)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=60_000)
        yield browser
        browser.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(web_port=0) as opened:
        yield opened


@pytest.fixture
def look(chromium: Browser, sandbox: Sandbox) -> Iterator[Callable[..., Page]]:
    """Open an address of the page in a new window; what it asks for elsewhere, or complains about, fails the test."""
    opened: list[Any] = []
    wrong: list[str] = []

    def open_page(address: str = "", *, width: int = 1280, language: str = "en-GB", dark: bool | None = False) -> Page:
        context = chromium.new_context(
            base_url=sandbox.web_url, viewport={"width": width, "height": 900}, locale=language,
            color_scheme="null" if dark is None else "dark" if dark else "light", service_workers="block",
        )  # fmt: skip
        opened.append(context)
        context.set_default_timeout(SECONDS)

        def only_ours(route: Route) -> None:
            if route.request.url.startswith((sandbox.web_url, "data:")):
                route.continue_()
            else:
                wrong.append(f"asked for {route.request.url}")
                route.abort()

        context.route("**/*", only_ours)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(address)
        return page

    yield open_page
    for context in opened:
        context.close()
    assert wrong == []


def send(sandbox: Sandbox, subject: str, *, to: str = "bob@example.org", html: str = "", text: str = "Bonjour") -> None:
    message = Message(sender="Ada <ada@example.org>", to=[to], subject=subject, text=text, html=html)
    courriel.send(message.with_data(PNG, "dot.png"), via=sandbox.url)


def press(page: Page, key: str) -> None:
    """Press a key once the page listens."""
    expect(page.locator("body")).to_have_attribute("data-live", "yes")
    page.keyboard.press(key)


def raw(sandbox: Sandbox, content: str) -> None:
    """A mail of a stranger, to the octet."""
    with socket.create_connection((sandbox.host, sandbox.port), timeout=20) as line, line.makefile("rb") as heard:
        heard.readline()
        for words in (b"EHLO x.org", b"MAIL FROM:<a@b.c>", b"RCPT TO:<d@e.f>", b"DATA",
                      content.replace("\n", "\r\n").encode() + b"\r\n.", b"QUIT"):  # fmt: skip
            line.sendall(words + b"\r\n")
            while heard.readline()[3:4] == b"-":
                pass


def test_a_mail_is_there_without_reloading(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    page = look()
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    expect(page.locator("body")).to_have_attribute("data-live", "yes")

    send(sandbox, "The first")

    expect(page.get_by_role("link", name=re.compile("The first"))).to_be_visible()
    expect(page.locator("#boxes")).to_contain_text("bob@example.org")
    expect(page.locator("#live")).to_have_text("New mail")

    sandbox.clear()

    expect(page.get_by_text("Nothing yet.")).to_be_visible()


def test_every_tab_shows_its_view(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    mail = Message(
        sender="Ada <ada@example.org>", to=["bob@example.org"], bcc=["eve@example.org"], subject="All of it",
        text="the text", html="<p>the <b>rich</b> text</p>",
    ).with_data(PNG, "dot.png")  # fmt: skip
    courriel.send(mail, via=sandbox.starttls_url)
    page = look()
    page.get_by_role("link", name=re.compile("All of it")).click()
    tabs = page.get_by_role("navigation", name="Views of the mail")

    expect(page.frame_locator("iframe").locator("b")).to_have_text("rich")
    for name, expected in (
        ("Text", "the text"), ("Headers", "Message-ID"), ("Source", "Content-Type: multipart"), ("Parts", "image/png"),
        ("Envelope", "eve@example.org"), ("Session", "MAIL FROM"), ("Checks", "A text part goes with the HTML"),
        ("Code", "def test_the_mail_is_sent(mail_outbox, assert_mail)"),
    ):  # fmt: skip
        tabs.get_by_role("link", name=name).click()
        expect(page.locator("section.tab")).to_contain_text(expected)
        expect(tabs.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
    expect(page.locator(".files")).to_contain_text("dot.png")


def test_widths_images_and_dark_change_the_frame(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    html = "<style>@media (prefers-color-scheme: dark){p{color:rgb(1,2,3)}}</style><p>x</p><img src='cid:a@b' alt=a>"
    mail = Message(sender="a@b.c", to=["d@e.f"], subject="x", text="x", html=html)
    courriel.send(mail.with_data(PNG, "a.png", inline=True, content_id="a@b"), via=sandbox.url)
    page = look("/m/1", dark=None)
    frame = page.frame_locator("iframe")

    expect(frame.locator("img")).to_have_js_property("naturalWidth", 1)
    page.get_by_role("button", name="Phone").click()
    assert (page.locator("iframe").bounding_box() or {})["width"] == 375
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(frame.locator("p")).to_have_css("color", "rgb(1, 2, 3)")
    page.get_by_role("button", name="No images").click()
    expect(frame.locator("img")).to_have_js_property("naturalWidth", 0)


def test_a_search_finds_and_says_what_it_did_not_understand(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    send(sandbox, "Invoice 42")
    send(sandbox, "Reminder", to="cleo@example.org")
    page = look()

    page.keyboard.press("/")
    page.keyboard.type("subject:invoice before:soon")
    page.keyboard.press("Enter")

    expect(page.locator(".mails li")).to_have_count(1)
    expect(page.locator(".mails")).to_contain_text("Invoice 42")
    expect(page.locator("#list")).to_contain_text("before:soon")
    page.get_by_role("link", name="clear").click()
    page.get_by_role("link", name=re.compile("cleo@example.org")).first.click()
    expect(page.locator(".mails")).to_contain_text("Reminder")
    expect(page.locator(".mails li")).to_have_count(1)


def test_everything_is_done_by_keys(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    for subject in ("one", "two", "three"):
        send(sandbox, subject)
    page = look()

    press(page, "j")
    expect(page.locator("article h1")).to_have_text("three")
    press(page, "j")
    expect(page.locator("article h1")).to_have_text("two")
    press(page, "k")
    expect(page.locator("article h1")).to_have_text("three")
    press(page, "3")
    expect(page.get_by_role("link", name="Headers")).to_have_attribute("aria-current", "page")
    press(page, "#")
    expect(page.locator("article h1")).to_have_text("two")
    assert [letter.subject for letter in sandbox.letters] == ["one", "two"]
    press(page, "u")
    expect(page.locator(".mails li.new")).to_have_count(2)
    press(page, "?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the mail")).to_be_focused()


def test_a_refusal_is_played_by_one_click(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    page = look()

    page.get_by_role("button", name="Orange").click()

    expect(page.locator(".pending")).to_contain_text("ORANGE-TRY-LATER")
    with pytest.raises(courriel.CourrielError):
        send(sandbox, "x")
    page.goto("sessions")
    expect(page.locator(".dialogue").first).to_contain_text("OFR")
    send(sandbox, "y")
    assert [letter.subject for letter in sandbox.letters] == ["y"]


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en-GB", "The connection is cut after the final dot"), ("fr-FR", "La liaison est coupée après le point final")],
)
def test_bad_weather_is_chosen_from_the_list(
    sandbox: Sandbox, look: Callable[..., Page], language: str, shown: str
) -> None:
    page = look(language=language)
    choice = page.locator("#failure")

    expect(choice.locator("option[value='cut-after-dot']")).to_contain_text(shown)
    choice.select_option("cut-after-dot")
    page.locator(".other button").click()

    expect(page.locator(".pending")).to_contain_text("cut-after-dot")
    with pytest.raises(courriel.CourrielError):
        send(sandbox, "x")
    send(sandbox, "y")
    assert [letter.subject for letter in sandbox.letters] == ["y"]


def test_a_file_that_is_dropped_in_is_opened(sandbox: Sandbox, look: Callable[..., Page], tmp_path: Path) -> None:
    page = look()
    transfer = page.evaluate_handle(
        "() => { const all = new DataTransfer();"
        " all.items.add(new File(['From: ada@example.org\\nTo: bob@example.org\\nSubject: dropped\\n\\nx'], 'a.eml'));"
        " return all; }"
    )

    page.dispatch_event("body", "drop", {"dataTransfer": transfer})

    expect(page.locator("article h1")).to_have_text("dropped")


def test_two_mails_are_compared(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    send(sandbox, "one", text="same\nold line")
    send(sandbox, "two", text="same\nnew line")
    page = look("/m/1?tab=code")

    page.get_by_label("with mail no.").fill("2")
    page.get_by_role("button", name="Compare").click()

    expect(page.locator(".gone").last).to_contain_text("old line")
    expect(page.locator(".come").last).to_contain_text("new line")


@pytest.mark.parametrize("address", ["", "m/1", "m/1?tab=session", "m/1?tab=parts"])
def test_a_narrow_window_needs_no_sideways_scrolling(sandbox: Sandbox, look: Callable[..., Page], address: str) -> None:
    send(sandbox, "A subject that is rather long for a telephone, as they are " * 2, html="<p>x</p>")
    page = look(address, width=360)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(page.locator("#list")).to_be_visible(visible=not address)
    expect(page.locator("#main")).to_be_visible(visible=bool(address))


def test_the_page_is_french_and_dark_when_asked(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    send(sandbox, "Été")
    page = look("m/1", language="fr-FR", dark=True)

    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.get_by_role("link", name="Vérifications")).to_be_visible()
    expect(page.get_by_role("heading", name="Réception")).to_be_visible()
    expect(page.locator("body")).to_have_css("background-color", "rgb(16, 18, 27)")

    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("link", name="Checks")).to_be_visible()
    page.get_by_role("button", name=re.compile("Colours")).click()
    page.get_by_role("button", name=re.compile("Colours")).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("body")).to_have_css("background-color", "rgb(244, 245, 249)")


@pytest.mark.most_cases(2)  # both widths, both colour schemes
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_no_violation(sandbox: Sandbox, look: Callable[..., Page], colours: str, width: int) -> None:
    if not AXE.exists():
        leave_out("axe-core is not here: make servers")
    raw(
        sandbox,
        "Subject: bare\nContent-Type: text/html\n\n<p>x <img src='http://x.example/y'> <a href='http://localhost/'>z</a></p>",
    )
    send(sandbox, "Hello", html="<p>x</p>")
    sandbox.play("GREYLISTED", times=1)
    page = look("", dark=colours == "dark", width=width)
    script = AXE.read_text("utf-8")
    for address in (
        "",
        "m/2",
        *(f"m/1?tab={tab}" for tab in TABS),
        "sessions",
        "help",
        "compare?a=1&b=2",
        "?search=before:soon",
    ):
        page.goto(address)
        page.evaluate(script)  # by the debugger: the policy of the page takes no script of others
        found = page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], iframes: false})"
        )
        violations = [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for each in found["violations"]
            for node in each["nodes"]
        ]
        assert violations == [], address


HOSTILE = """<script>parent.document.title='hurt'; document.title='hurt'; fetch('http://evil.example/s')</script>
<img src=x onerror="parent.document.title='hurt'"><img src="http://evil.example/pixel"><svg onload="document.title='hurt'"></svg>
<iframe srcdoc="<script>top.document.title='hurt'</script>"></iframe><meta http-equiv=refresh content="0;url=http://evil.example/r">
<style>@import url(http://evil.example/c.css); p{background:u\\72l(http://evil.example/b)} @font-face{font-family:x;src:url(http://evil.example/f)} *{font-family:x}</style>
<p style="background-image:url(http://evil.example/i)">seen</p><form action="http://evil.example/f"><input name=q autofocus></form>
<a id=link href="javascript:document.title='hurt'">press</a><base href="http://evil.example/"><link rel=stylesheet href="http://evil.example/l.css">
<video src="http://evil.example/v" autoplay></video><object data="http://evil.example/o"></object><a ping="http://evil.example/ping" href="#x">y</a>"""


@pytest.mark.parametrize("address", ["m/1", "view/1.html", "view/latest.html?embed=1"])
def test_a_hostile_mail_does_nothing(sandbox: Sandbox, look: Callable[..., Page], address: str) -> None:
    raw(sandbox, f"Subject: quiet\nContent-Type: text/html\n\n{HOSTILE}")
    page = look(address)  # what it asks for elsewhere fails the test
    page.wait_for_load_state("networkidle")

    place: Any = page.frame_locator("iframe") if address == "m/1" else page
    expect(place.get_by_text("seen", exact=True)).to_be_visible()
    place.get_by_text("press").click()
    assert "hurt" not in page.title()
    assert page.url.startswith(sandbox.web_url)


def test_even_html_that_was_not_cleaned_does_nothing(
    sandbox: Sandbox, look: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frame and the policy alone: the first of the three layers is taken away."""
    import nh3

    monkeypatch.setattr(nh3, "clean", lambda html, **_options: html)
    raw(sandbox, f"Subject: quiet\nContent-Type: text/html\n\n<p>seen</p>{HOSTILE}")
    for address in ("m/1", "view/1.html"):
        page = look(address)

        assert page.title().startswith("quiet")


def test_hostile_words_are_shown_as_words(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    words = "<img src=x onerror=alert(1)>"
    raw(sandbox, f'From: "{words}" <a@b.c>\nSubject: {words}\nX-Y: {words}\n\n{words}')
    for tab in TABS:
        page = look(f"m/1?tab={tab}")

        expect(page.locator("article h1")).to_have_text(words)
        assert page.locator("img").count() == 0


def test_the_preview_address_of_a_receipt_opens_the_mail(sandbox: Sandbox, look: Callable[..., Page]) -> None:
    receipt = courriel.send(Message(sender="a@b.c", to=["d@e.f"], subject="seen", text="x"), via=sandbox.url)

    page = look(receipt.preview_url)

    expect(page.locator("article h1")).to_have_text("seen")
    assert json.loads(json.dumps(receipt.preview_url)) == f"{sandbox.web_url}m/1"


# A page with its files.


def test_a_page_of_a_folder_arrives_whole_with_its_pictures_and_styles(
    sandbox: Sandbox, look: Callable[..., Page], tmp_path: Path
) -> None:
    (tmp_path / "img").mkdir()
    (tmp_path / "css").mkdir()
    for name in ("logo.png", "paper.png", "retina.png"):
        (tmp_path / "img" / name).write_bytes(PNG + name.encode())
    (tmp_path / "css" / "mail.css").write_text("@import 'colours.css'; h1{font-size:40px}")
    (tmp_path / "css" / "colours.css").write_text("h1{color:rgb(200, 0, 100)}")
    (tmp_path / "order.html").write_text(
        "<link rel=stylesheet href=css/mail.css><h1>Order 42</h1>"
        "<img id=logo src='img/logo.png' width=80 height=80 alt=Logo>"
        "<img id=wide srcset='img/retina.png 1x' src='img/retina.png' width=120 height=40 alt=Wide>"
        "<table><tr><td style='padding:20px'><img id=cell src='./img/paper.png?v=2' width=60 height=60 alt=P></td></tr></table>"
    )
    message = Message(
        sender="ada@example.org", to="bob@example.org", subject="Order", html_file=tmp_path / "order.html"
    )  # fmt: skip
    courriel.send(message, via=sandbox.url)

    page = look("/m/1")

    frame = page.frame_locator("iframe").first
    for picture in ("Logo", "Wide", "P"):
        shown = frame.get_by_alt_text(picture)
        expect(shown).to_be_visible()
        # A picture that is shown has its own size; a broken one has none.
        assert shown.evaluate("image => image.complete && image.naturalWidth") == 1
    assert frame.locator("h1").evaluate("h => getComputedStyle(h).color + getComputedStyle(h).fontSize") == (
        "rgb(200, 0, 100)40px"
    )
