"""What an HTTP provider cannot express is refused before an octet leaves; so are URLs that say too little."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage

import pytest

import courriel
from courriel import InvalidUrl, Message, Notify, ReadyMessage, Return, Route, errors
from courriel._dataclass import replace
from courriel.delivery.http_providers import brevo, graph, mailjet
from courriel.delivery.http_providers.transport import HttpTransport
from courriel.model.content import Content
from courriel.session.encoding import IN_SEVEN_BITS, submission_of
from http_providers.conftest import PROVIDERS, mail
from servers.http_providers import HttpProviderServer

Connect = Callable[..., HttpTransport]
Url = Callable[..., str]

MIXED = (
    b"From: ada@contoso.example\r\nTo: bob@example.org\r\nSubject: x\r\nMessage-ID: <1@x.example>\r\n"
    b"Date: Mon, 30 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
)


def raw(rest: bytes, header: bytes = MIXED) -> ReadyMessage:
    return Message.parse(header + rest)


def refused(server: HttpProviderServer, transport: HttpTransport, message: object, **options: object) -> str:
    with pytest.raises(errors.NotSupported) as failed:
        transport.send(message, **options)  # type: ignore[arg-type]
    assert server.connections == 0
    assert failed.value.failure is not None
    assert failed.value.failure.id == "HTTP-CANNOT-EXPRESS"
    assert not failed.value.retryable
    return str(failed.value)


EVERYWHERE: dict[str, tuple[object, dict[str, object], str]] = {
    "delivery reports": (mail(), {"notify": [Notify.FAILURE]}, "notify"),
    "reports with the whole mail": (mail(), {"ret": Return.FULL}, "notify, ret"),
    "require_tls": (mail(), {"require_tls": True}, "require_tls"),
    "another return address (VERP)": (mail(), {"sender": "bounce+bob@contoso.example"}, "bounces"),
    "the null sender": (mail(), {"sender": ""}, "null sender"),
    "fewer recipients than the header": (mail(cc="carol@example.org"), {"to": "bob@example.org"}, "carol@example.org"),
    "another recipient": (mail(), {"to": "carol@example.org"}, "bob@example.org"),
    "a signature of its own": (raw(b"DKIM-Signature: v=1; a=rsa-sha256\r\n\r\nHello\r\n"), {}, "DKIM-Signature"),
    "an address beyond ASCII": (mail(to="zoé@example.org"), {}, "ASCII"),
    "a resent mail": (
        raw(b"Resent-From: ada@contoso.example\r\nResent-To: carol@example.org\r\n\r\nHello\r\n"), {}, "Resent-To"
    ),
}  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("what", EVERYWHERE)
def test_no_provider_can_express_it(server: HttpProviderServer, connect: Connect, provider: str, what: str) -> None:
    message, options, said = EVERYWHERE[what]

    assert said in refused(server, connect(provider), message, **options)


def calendar() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@contoso.example", "bob@example.org", "x"
    message.set_content("Hello")
    message.add_alternative("<p>Hello</p>", subtype="html")
    message.add_alternative("BEGIN:VCALENDAR", subtype="calendar")
    return message


SIGNED = (
    b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"
    b"--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
)
TWO_TEXTS = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n\r\nWorld\r\n--b--\r\n"
OPEN = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"Bcc: eve@evil.example\r\n", "Bcc"),
        (b"bCc: bob@example.org\r\n", "Bcc"),
        (b"X-A:\rBcc: eve@evil.example\r\n", "for certain"),
        (b"X-A:\nBcc: eve@evil.example\r\n", "for certain"),
        (b"X-A: \0\r\n", "for certain"),
    ],
)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_hidden_field_of_a_submission_brings_no_recipient(
    server: HttpProviderServer, connect: Connect, provider: str, line: bytes, said: str
) -> None:
    """A message of ours has no Bcc; a submission that a program makes has what it was given, and Graph reads it."""
    usual = submission_of(mail(), IN_SEVEN_BITS)
    octets = line + bytes(usual.content)

    with pytest.raises(errors.NotSupported, match=said):
        connect(provider).submit(replace(usual, content=Content((octets,), len(octets))))

    assert server.heard == []


TAKEN_APART: list[tuple[str, object, str]] = [
    ("brevo", mail(html=""), "no HTML"),
    ("brevo", mail(subject=""), "no subject"),
    ("brevo", mail(to=(), bcc="bob@example.org"), "nobody stands in To"),
    ("brevo", mail(reply_to=["a@x.example", "b@x.example"]), "Reply-To"),
    ("brevo", mail(list_unsubscribe="mailto:u@contoso.example"), "List-Unsubscribe"),
    ("brevo", mail().with_data(b"x", "virus.exe"), "virus.exe"),
    ("brevo", mail().with_data(b"x", "été.pdf"), "été.pdf"),
    ("brevo", mail(bcc=[f"n{n}@example.org" for n in range(brevo.MOST_RECIPIENTS)]), "99 recipients"),
    ("brevo", mail().with_data(bytes(brevo.LARGEST), "large.pdf"), "20,000,000"),
    ("mailjet", mail(to=(), bcc="bob@example.org"), "nobody stands in To"),
    ("mailjet", mail(reply_to=["a@x.example", "b@x.example"]), "Reply-To"),
    ("mailjet", mail(headers={"X-Mailer": "mine"}), "X-Mailer"),
    ("mailjet", mail(headers={"List-Id": "<l.example>"}), "List-Id"),
    ("mailjet", mail(bcc=[f"n{n}@example.org" for n in range(mailjet.MOST)]), "50 recipients"),
    ("mailjet", mail().with_data(b"", "empty.pdf"), "empty"),
    ("mailjet", mail().with_data(bytes(mailjet.LARGEST), "large.pdf"), "15,000,000"),
    ("mailjet", calendar(), "text/calendar"),
    ("mailjet", raw(SIGNED), "multipart/signed"),
    ("mailjet", raw(TWO_TEXTS), "two text parts"),
    ("mailjet", raw(OPEN), "for certain"),
    ("mailjet", raw(b"X-Twice: 1\r\nX-Twice: 2\r\n\r\nHello\r\n"), "twice"),
    ("graph", mail().with_data(bytes(graph.LARGEST), "large.pdf"), "4 MB"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "message", "said"), TAKEN_APART)
def test_what_its_interface_cannot_say_is_refused_by_name(
    server: HttpProviderServer, connect: Connect, provider: str, message: object, said: str
) -> None:
    assert said in refused(server, connect(provider), message)


def test_graph_takes_what_the_others_cannot(server: HttpProviderServer, connect: Connect) -> None:
    transport = connect("graph")

    for message in (mail(html=""), calendar(), raw(SIGNED), mail(list_unsubscribe="mailto:u@contoso.example")):
        assert transport.send(message).complete


def test_images_in_the_html_go_by_mailjet_and_not_by_brevo(server: HttpProviderServer, connect: Connect) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@contoso.example", "bob@example.org", "x"
    message.set_content("Hello")
    message.add_alternative("<img src='cid:logo'>", subtype="html")
    message.get_payload()[1].add_related(b"PNG", "image", "png", cid="<logo>", filename="logo.png")  # type: ignore[union-attr,index]

    assert "Content-ID" in refused(server, connect("brevo"), message)
    assert connect("mailjet").send(message).complete
    assert server.taken[0].mail["InlinedAttachments"] == [
        {"ContentType": "image/png", "Filename": "logo.png", "Base64Content": "UE5H", "ContentID": "logo"}
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_rule_for_recipients_lets_nobody_get_mail_by_the_header(
    server: HttpProviderServer, url: Url, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURRIEL_REDIRECT_TO", "qa@contoso.example")

    with pytest.raises(errors.NotSupported):
        courriel.send(mail(), via=url(provider))
    monkeypatch.delenv("COURRIEL_REDIRECT_TO")
    with pytest.raises(errors.InvalidMessage):
        courriel.send(mail(), via=url(provider, "&allowlist=contoso.example"))
    monkeypatch.setenv("COURRIEL_CAPTURE", "1")
    receipt = courriel.send(mail(), via=url(provider))

    assert receipt.server == "memory:"
    assert server.connections == 0


# URLs.

WRITTEN = {
    "graph:ada@contoso.example?password=login:ada@contoso.example": "graph.microsoft.com:443",
    "graph://ada%40contoso.example@graph.microsoft.us?password=login:gov": "graph.microsoft.us:443",
    "brevo:?password=env:BREVO_KEY": "api.brevo.com:443",
    "brevo:?timeout=30&password=file:/run/secrets/brevo&proxy=http://proxy.example.org:3128": "api.brevo.com:443",
    "mailjet:PUBLIC?password=cmd:pass%20show%20mailjet": "api.mailjet.com:443",
    "mailjet://PUBLIC@localhost:8443?ca=/etc/ca.pem&password=env:KEY&from=ada@contoso.example": "localhost:8443",
}


@pytest.mark.parametrize("url", WRITTEN)
def test_a_url_is_read_and_written_again(url: str) -> None:
    route = Route.parse(url)

    assert route.name == WRITTEN[url]
    assert (route.by_http, route.leaves, route.pooled, route.reads) == (True, True, False, False)
    again = Route.parse(route.reveal_url())
    assert again == route
    assert again.reveal_url() == route.reveal_url()
    assert route.url.startswith(url.partition("?")[0])


def test_a_secret_in_a_url_is_masked() -> None:
    route = Route.parse("mailjet://PUBLIC:hush@localhost:8443")

    assert "hush" not in f"{route.url} {route!r} {route}"
    assert Route.parse(route.reveal_url()) == route


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("graph:?password=env:T", "address of the mailbox"),
        ("graph:ada?password=env:T", "address of the mailbox"),
        ("graph:ada@x.example:hush", "no password stands here"),
        ("brevo:ada@x.example?password=env:K", "no user"),
        ("brevo:?password=login:ada", "stored login"),
        ("mailjet:?password=env:K", "public key"),
        ("mailjet:P?verify=0", "verify="),
        ("mailjet:P?pool=4", "pool="),
        ("mailjet:P?auth=plain", "auth="),
        ("graph://ada%40x.example@h.example/v1.0", "follows the host"),
        ("graf:ada@x.example", "graph"),
    ],
)
def test_a_url_that_says_too_little_or_too_much_is_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidUrl) as failed:
        Route.parse(url)

    assert said in str(failed.value)
    assert "hush" not in str(failed.value)


def test_a_profile_cannot_sign_what_the_provider_signs() -> None:
    with pytest.raises(InvalidUrl, match="signs it itself"):
        replace(Route.parse("brevo:?password=env:K"), dkim="example")


def test_a_token_of_another_resource_is_not_sent_to_graph(
    server: HttpProviderServer, url: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    from courriel.delivery.oauth import store
    from courriel.delivery.oauth.login import StoredLogin

    store.save(
        StoredLogin(
            "ada@contoso.example", "microsoft", "ada@contoso.example", "id", "browser", ("smtp.office365.com",),
            access_token="token-secret-1", expires_at=9e9,
        )
    )  # fmt: skip

    with pytest.raises(errors.UsageError) as failed:
        courriel.connect(f"graph://ada%40contoso.example@{server.place}?password=login:ada@contoso.example")

    assert failed.value.hint_id == "LOGIN-WRONG-HOST"
    assert server.connections == 0


def test_no_key_is_an_error_that_says_where_it_may_lie(server: HttpProviderServer) -> None:
    with pytest.raises(errors.UsageError, match=r"password=env:NAME"):
        courriel.connect(f"brevo://{server.place}")
