"""URLs that are wrong, ambiguous or made to harm: refused before anything is opened, without showing a secret."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel.delivery.urls.route import Route
from courriel.errors import InvalidUrl, UsageError
from fast_part import examples

PIN = "sha256:" + "ab" * 32

READ_ALOUD = [
    # Schemes.
    ("", "the URL is empty"),
    ("smtp.example.org", "a URL begins with a scheme, as smtps://smtp.example.org"),
    ("127.0.0.1:25", "a URL begins with a scheme"),
    ("://x", "a URL begins with a scheme"),
    ("smtpss://h.example", "'smtpss' is not a scheme (did you mean 'smtps'?)"),
    ("smtp+tls://h.example", "smtp+tls means two things elsewhere: write smtp+starttls:// (587) or smtps://"),
    ("gmial:ada@gmail.com", "'gmial' is not a scheme (did you mean 'gmail'?)"),
    ("smtp.example.org:587", "if it is a server, write smtps://smtp.example.org"),
    ("localhost:1025", "if it is a server, write smtps://localhost"),
    ("gmx.con:ada@gmx.com", "'gmx.con' is not a scheme (did you mean 'gmx.com'?)"),
    ("zzzzzz:x", "nor the short name of a provider: orange, free"),
    ("imaps://h.example?ehlo=x", "ehlo= makes no sense with imaps"),
    ("imaps://h.example?binary=1", "binary= makes no sense with imaps"),
    ("smtps://h.example?binary=yes", "binary='yes': 1 is the only value"),
    ("imaps://h.example/INBOX", "'/INBOX' follows the host, where only options may"),
    ("imaps://h.example?tls=none", "tls=none contradicts imaps://, which says TLS from the first byte; write imap://"),
    ("imap://ada@h.example?tls=none", "the password of 'ada' would go to h.example:143 in clear"),
    ("imaps://ada@h.example?auth=apop", "auth='apop' is not a way to log in"),
    ("icloud+imap://ada@icloud.com", "your address follows without slashes"),
    ("pops://h.example?ehlo=x", "ehlo= makes no sense with pops"),
    ("pops://h.example?from=ada@h.example", "from= makes no sense with pops"),
    ("pops://h.example/inbox", "'/inbox' follows the host, where only options may"),
    ("pops://h.example?tls=none", "tls=none contradicts pops://, which says TLS from the first byte; write pop://"),
    ("pop://ada@h.example?tls=none", "the password of 'ada' would go to h.example:110 in clear"),
    ("pop://h.example?auth=apop", "auth=apop without a user name"),
    ("smtps://ada@h.example?auth=apop", "auth='apop' is not a way to log in"),
    ("pops://ada@h.example?auth=apopp", "is not a way to log in (did you mean 'apop'?)"),
    ("icloud+pop:ada@icloud.com", "has no POP3"),
    ("orange+pop:ada", "wants the whole address as login"),
    ("orange+pop://ada@orange.fr", "your address follows without slashes"),
    ("orange+smtp:ada@orange.fr", "'orange+smtp' is not a scheme"),
    ("sandbox://", "sandbox:// (whichever practice server is running) is not there yet"),
    ("sendmail:", "is not there yet; smtp://localhost"),
    ("failover()", "failover(…): no way stands in the brackets"),
    ("roundrobin(memory: null:", "the brackets do not match"),
    ("failover(smtps://a imap://b)", "way 2: b:143 is for reading mail"),
    # Hosts and ports.
    ("smtps://", "no host: smtps://smtp.example.org"),
    ("smtps:smtp.example.org", "'smtp.example.org' follows the host"),
    ("smtps:///etc/passwd", "'/etc/passwd' follows the host"),
    ("smtps://h.example/inbox", "'/inbox' follows the host, where only options may"),
    ("smtps://h.example:", "'' is not a port"),
    ("smtps://h.example:0", "'0' is not a port: a number from 1 to 65535 follows the colon"),
    ("smtps://h.example:65536", "'65536' is not a port"),
    ("smtps://h.example:abc", "'abc' is not a port"),
    ("smtps://h.example:-1", "'-1' is not a port"),
    ("smtps://h.example:\uff12\uff15", "is not a port"),
    ("smtps://2001:db8::1", "an IPv6 address stands in brackets: [2001:db8::1]"),
    ("smtps://[h.example]", "in [brackets] stands an IPv6 address"),
    ("smtps://[::1]x:25", "in [brackets] stands an IPv6 address"),
    ("smtps://[::1", "a bracket before the address is never closed"),
    ("smtps://[::g]", "is not the name of a server"),
    ("smtps://-bad-.example", "is not the name of a server"),
    ("smtps://h..example", "is not the name of a server"),
    ("smtps://h.example,i.example", "is not the name of a server"),
    ("smtps://%68.example", "the host holds a %"),
    ("smtps://h.example%0d%0aRCPT", "the host holds a %"),
    ("smtps://h.example%00.org", "the host holds a %"),
    ("smtps://[fe80::1%250a%0d]", "a control character, %0D, cannot stand here"),
    ("smtps://evil.example\\@good.example", "a \\ in the user name or the password is written %5C"),
    ("smtps://good.example\\.evil.example", "the host holds a \\"),
    ("smtps://" + "a" * 64 + ".example", "is not the name of a server"),
    # Control characters, raw and encoded.
    (" smtps://h.example", "U+0020 as character 1 of the URL"),
    ("smtps://h.example\n", "U+000A as character 18 of the URL"),
    ("smtps://h.example\r\nRCPT TO:<x@y>", "U+000D as character 18"),
    ("smtps://h.exa\tmple", "U+0009"),
    ("smtps://h.example\u202e", "U+202E"),
    ("smtps://h.example\u00ad", "U+00AD"),
    ("smtps://h.example\ud800", "U+D800"),
    ("smtps://a%0d%0ab@h.example", "the user name: a control character, %0D, cannot stand here"),
    ("smtps://a%C2%85b@h.example", "the user name: a control character, %85, cannot stand here"),
    ("smtps://a%ff@h.example", "the user name: what is percent-encoded is not text in UTF-8"),
    ("smtps://a%00b@h.example", "the user name: a control character, %00"),
    ("file:///a%0ab", "the folder: a control character, %0A, cannot stand here"),
    ("lmtp:///run/%0d%0a", "the path: a control character, %0D"),
    ("smtps://h.example?ehlo=x%0d%0aMAIL", "ehlo=: a control character, %0D"),
    ("smtps://h.example?ehlo=a%20b", "EHLO name 'a b'"),
    ("memory:?from=a%0d%0a@b.example", "from=: a control character, %0D"),
    ("smtps://h.example?x%0d%0a=1", "what follows the ? is not an option"),
    ("smtps://h.example?" + "x" * 8192, "8192 are the most"),
    # Logins.
    (
        "smtps://ada@example.org@h.example",
        "two @ before the host: an @ in the user name or the password is written %40",
    ),
    ("smtps://a@b@c@d@e@h.example", "two @ before the host"),
    ("smtps://@h.example", "an @ without a user name before it"),
    ("smtps://ada:@h.example", "the password of 'ada' is empty"),
    ("smtps://ada@h.example?user=bob", "the user stands twice"),
    ("smtps://ada:x@h.example?password=prompt", "the password stands twice"),
    ("smtps://h.example?password=prompt", "a password without a user name"),
    ("smtp://ada:secret@h.example?tls=opportunistic", "tls=opportunistic never goes with a login"),
    ("smtp://ada:secret@h.example?tls=none", "the password of 'ada' would go to h.example:587 in clear"),
    ("smtps://ada@h.example?auth=plian", "auth='plian' is not a way to log in (did you mean 'plain'?)"),
    ("smtps://h.example?auth=plain", "auth=plain without a user name"),
    ("smtps://ada@h.example?auth=none", "auth=none, and yet 'ada' is to log in"),
    ("smtps://ada@h.example?auth=plain,plain", "the same mechanism twice"),
    ("smtps://ada@h.example?auth=plain,xoauth2", "a secret is a password or a token"),
    ("smtps://ada@h.example?auth=external", "auth=external needs client_cert="),
    # Options.
    ("smtps://h.example?tiemout=3", "'tiemout' is not an option (did you mean 'timeout'?)"),
    ("smtps://h.example?Timeout=3", "'Timeout' is not an option (did you mean 'timeout'?)"),
    ("smtps://h.example?timeout", "timeout= is empty"),
    ("smtps://h.example?timeout=", "timeout= is empty"),
    ("smtps://h.example?", "what follows the ? is not an option"),
    ("smtps://h.example?timeout=1&timeout=2", "timeout= stands twice"),
    ("smtps://h.example?timeout=0", "timeout='0': a number of seconds above zero"),
    ("smtps://h.example?timeout=-1", "timeout='-1': a number of seconds above zero"),
    ("smtps://h.example?timeout=inf", "timeout='inf'"),
    ("smtps://h.example?timeout=1e3", "timeout='1e3'"),
    ("smtps://h.example?connect_timeout=5s", "connect_timeout='5s'"),
    ("smtps://h.example?verify=1", "verify='1': 0 is the only value"),
    ("smtps://h.example?verify=false", "verify='false': 0 is the only value"),
    ("smtps://h.example?verify=0&ca=system", "verify=0 beside ca= or pin="),
    ("smtps://h.example?ca=sytem", "'sytem' is not a source of trust"),
    (f"smtps://h.example?ca={PIN}", "ca= holds a fingerprint: that is pin="),
    ("smtps://h.example?pin=abcd", "pin='abcd': sha256: and the fingerprint"),
    ("smtps://h.example?pin=sha256:abcd", "64 hexadecimal digits"),
    ("smtps://h.example?client_key=/k.pem", "client_key= without client_cert="),
    ("smtps://h.example?tls=none", "tls=none contradicts smtps://, which says TLS from the first byte"),
    ("submission://h.example?tls=opportunistic", "tls=opportunistic contradicts submission://"),
    ("smtp://h.example?tls=maybe", "tls='maybe' is not known"),
    ("smtp://h.example?tls=none&ca=bundled", "ca= is for TLS, and tls=none speaks in clear"),
    ("smtp://localhost?verify=0", "verify= is for TLS, and smtp:// to this machine speaks in clear: add tls=required"),
    ("smtps://ada@h.example?allow_clear_credentials=1", "allow_clear_credentials=1 makes no sense here"),
    ("smtp://h.example?tls=none&allow_clear_credentials=1", "allow_clear_credentials=1 makes no sense here"),
    ("smtps://h.example?from=ada", "'ada' is not an address: it has no @"),
    ("memory:?timeout=3", "timeout= makes no sense with memory:"),
    ("file:///x?tls=none", "tls= makes no sense with file:"),
    ("orange:ada@orange.fr?tls=none", "tls= makes no sense with orange:"),
    ("smtps://h.example?pool=0", "pool='0': a number from 1 on"),
    ("smtps://h.example?pool=many", "pool='many': a number from 1 on"),
    ("smtps://h.example?pool=1001", "pool=1001: a number from 1 to 1,000"),
    ("smtps://h.example?max_messages=-1", "max_messages='-1': a number from 1 on"),
    ("smtps://h.example?rate=30", "rate=: '30' is not a rate"),
    ("smtps://h.example?rate=30/m&rate=1/s", "rate= stands twice"),
    ("imaps://ada@h.example?pool=2", "pool= makes no sense with imaps"),
    ("memory:?pool=2", "pool= makes no sense with memory"),
    ("smtps://h.example?proxy=ftp://p", "proxy: one of socks5h://, socks5://, http:// begins it"),
    ("smtps://h.example?proxy=socks5://p:99999", "proxy: what follows the host is not a port"),
    # Folders and short names.
    ("memory:x", "memory: stands alone"),
    ("console://x", "console: stands alone"),
    ("file:", "file: three slashes and a whole path"),
    ("file:mails", "file: three slashes and a whole path"),
    ("file://host/mails", "file: three slashes and a whole path"),
    ("file:///", "a whole path of this machine is wanted"),
    ("file:////host/share", "a whole path of this machine is wanted"),
    ("file:///%5C%5Chost%5Cshare", "a whole path of this machine is wanted"),
    ("gmail://ada", "your address follows without slashes, as gmail:ada@gmail.com"),
    ("gmail:ada", "wants the whole address as login, as gmail:ada@gmail.com, and not 'ada'"),
    ("gmail:ada@gmail.com?user=bob@gmail.com", "the user stands twice"),
]


@pytest.mark.parametrize(("url", "sentence"), READ_ALOUD, ids=lambda text: ascii(text[:40])[1:-1])
def test_a_wrong_url_is_refused_with_a_sentence_that_helps(url: str, sentence: str) -> None:
    with pytest.raises(InvalidUrl) as refused:
        Route.parse(url)

    assert sentence in str(refused.value)
    assert str(refused.value).isprintable()
    assert refused.value.hint_id in ("URL-MALFORMED", "HOST-MALFORMED", "CLEAR-CREDENTIALS")
    assert refused.value.session_usable


@pytest.mark.parametrize(
    "url",
    [
        "smtps://ada:hun/ter2@h.example",
        "smtps://ada:hun?ter2@h.example",
        "smtps://ada:hun?ter2=x@h.example",
        "smtps://ada:hun#ter2@h.example",
        "smtps://ada:hun@ter2@h.example",
        "smtps://ada:hun%ter2@h.example",
        "smtps://ada:hun%fe%ffter2@h.example",
        "smtps://ada:hun\\ter2@h.example",
        "smtps://ada:hun ter2@h.example",
        "smtps://ada:hun\tter2@h.example",
        "smtps://ada:12/hunter2@h.example",
        "smtps://ada:12?hunter2@h.example",
        "smtps://ada:12?hunter2=1@h.example",
        "smtps://ada:12?hunter=1@h.example",
        "smtps://ada:hunter2@h.example:abc",
        "smtps://ada:hunter2@h.example:99999",
        "smtps://ada:hunter2@-bad-.example",
        "smtps://ada:hunter2@h.example?tiemout=1",
        "smtps://ada:hunter2@h.example?auth=plian",
        "smtps://ada:hunter2@",
        "smtps://ada:hunter2@h.example?password=prompt",
        "smtps://ada@h.example?password=hunter2",
        "smtps://ada@h.example?password=plain:hunter2",
        "smtps://ada@h.example?password=env:hunter2!",
        "smtps://ada@h.example?password=keyring:hunter2",
        "gmail:ada@gmail.com:hunter2",
        "gmail:ada@gmail.com?password=hunter2",
        "smtp://ada:hunter2@h.example?tls=none",
        "smtp://ada:hunter2@h.example?tls=opportunistic",
        "imaps://ada:hunter2@h.example?ehlo=x",
        "pops://ada:hunter2@h.example?tls=none",
        "pop3+starttls://ada:hunter2@h.example?ehlo=x",
        "gmail+pop:ada@gmail.com:hunter2",
        "smtpss://ada:hunter2@h.example",
        "memory://ada:hunter2@h.example",
        "file://ada:hunter2@h.example/x",
    ],
)
def test_a_refusal_never_shows_a_piece_of_the_password(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        Route.parse(url)

    link: BaseException | None = refused.value
    while link is not None:
        said = str(link) + repr(link)
        assert "hun" not in said.replace("hundred", "").replace("chunking", "")
        assert "ter2" not in said
        link = link.__cause__


@pytest.mark.parametrize("char", ["#", "/", "?", "@", "%"])
def test_a_character_that_a_password_must_encode_is_named_with_its_encoding(char: str) -> None:
    with pytest.raises(InvalidUrl, match=f"%{ord(char):02X}"):
        Route.parse(f"smtps://ada:hun{char}ter2@h.example")


@pytest.mark.parametrize("value", [None, 25, b"smtps://h.example", ["smtps://h.example"]])
def test_what_is_not_text_is_not_a_url(value: object) -> None:
    with pytest.raises(InvalidUrl, match="a way out is a URL"):
        Route.parse(value)  # type: ignore[arg-type]


_WORDS = r"smtps smtp lmtp memory file gmail : // / @ ? & = # % %40 %0d%0a [ ] ::1 h.example ada 25 tls none from \ é"
_PIECES = st.sampled_from([*re.findall(r"\S+", _WORDS), "\r\n", " ", "\x00"])


@pytest.mark.slow
@settings(max_examples=examples(400), deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(_PIECES, max_size=14).map("".join)))
def test_any_text_is_a_route_or_a_refusal_and_nothing_else(text: str) -> None:
    try:
        route = Route.parse(text)
    except InvalidUrl as refused:
        said = str(refused)
    else:
        assert Route.parse(route.reveal_url()) == route
        assert route.reveal_url().isascii()
        said = repr(route)

    assert said.isprintable()
