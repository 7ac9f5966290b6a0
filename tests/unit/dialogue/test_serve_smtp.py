"""SMTP server: the same replies whether input arrives at once, by line or by octet."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel import errors
from courriel.dialogue.flow import Receive, Secure, Send
from courriel.dialogue.server.handler import (
    Answer,
    Delivery,
    DuringData,
    ServerConfig,
    ServerHandler,
    ServerLimits,
    ServerSession,
    Stall,
)
from courriel.dialogue.server.handler import Disconnect as CutLine
from courriel.dialogue.server.smtp import SmtpServerDialogue
from courriel.model.address import Address
from courriel.model.envelope import Notify, Return
from courriel.model.servers.server import Dialect
from courriel.reply import Reply
from courriel.wire.smtp.parameters import MailFrom, RcptTo
from fast_part import examples
from hostile.lists import hostile, shown
from pairs.runner import CUTS, Cut, KeepingHandler, Served, serve_client

BEGIN = b"EHLO client.example.org\r\nMAIL FROM:<ada@example.org>\r\nRCPT TO:<bob@example.org>\r\n"
SECRET = "correct horse"
LOGINS = ServerConfig(mechanisms=("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"))
LMTP = ServerConfig(dialect=Dialect.LMTP)


@pytest.fixture(params=CUTS)
def cut(request: pytest.FixtureRequest) -> Cut:
    chosen: Cut = request.param
    return chosen


def received(served: Served) -> list[bytes]:
    assert isinstance(served.handler, KeepingHandler)
    return [delivery.content for delivery in served.handler.deliveries]


def kinds(served: Served) -> set[str]:
    assert isinstance(served.handler, KeepingHandler)
    return {finding.kind for delivery in served.handler.deliveries for finding in delivery.findings}


# The conversation.


def test_a_whole_conversation_is_answered_to_the_letter(cut: Cut) -> None:
    served = serve_client(BEGIN + b"DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n", cut=cut)

    assert served.lines == [
        "220 localhost ESMTP courriel",
        "250-localhost at your service",
        "250-PIPELINING",
        "250-SIZE 33554432",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-DSN",
        "250-CHUNKING",
        "250-BINARYMIME",
        "250-ENHANCEDSTATUSCODES",
        "250 HELP",
        "250 2.1.0 Sender taken",
        "250 2.1.5 Recipient taken",
        "354 End with a dot alone on its line",
        "250 2.0.0 Message taken",
        "221 2.0.0 Goodbye",
    ]
    assert received(served) == [b"Subject: x\r\n\r\n.dot\r\n"]


def test_one_burst_of_commands_is_answered_by_one_burst() -> None:
    served = serve_client(BEGIN + b"NOOP\r\nRSET\r\nQUIT\r\n")

    assert served.codes == "250 250 250 250 250 221"
    assert served.bursts == 2  # the greeting, and the rest


def test_every_answer_but_greeting_hello_and_go_on_has_an_enhanced_code(cut: Cut) -> None:
    said = b"FOO\r\nNOOP\r\nHELP\r\nVRFY x\r\nVRFY\r\nEXPN x\r\nRSET\r\n"
    said += b"MAIL x\r\nRCPT TO:<a@b.c>\r\nDATA\r\nAUTH PLAIN\r\nQUIT\r\n"

    served = serve_client(b"EHLO x.org\r\n" + said, cut=cut)

    answers = [line for line in served.lines if not line.startswith(("220", "250-", "250 HELP"))]
    assert len(answers) == 12
    assert [line for line in answers if not re.match(r"(\d)\d\d[ -]\1\.\d+\.\d+ ", line)] == []


def test_commands_in_small_letters_and_with_spaces_behind_are_understood(cut: Cut) -> None:
    assert (
        serve_client(b"ehlo x.org\r\nmail from:<a@b.c>  \r\nrcpt to:<d@e.f>\r\nquit  \r\n", cut=cut).codes
        == "250 250 250 221"
    )


def test_mail_is_refused_before_ehlo(cut: Cut) -> None:
    assert serve_client(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n", cut=cut).codes == "503 503 503"


def test_helo_brings_no_extensions(cut: Cut) -> None:
    served = serve_client(b"HELO x.org\r\nMAIL FROM:<a@b.c> SIZE=3\r\nMAIL FROM:<a@b.c>\r\n", cut=cut)

    assert served.lines[1] == "250 localhost at your service"
    assert served.codes == "250 555 250"


@pytest.mark.parametrize(
    ("name", "code"),
    [("localhost", "250"), ("15b0717dc4c2", "250"), ("[127.0.0.1]", "250"), ("[IPv6:::1]", "250"), ("a_b.c", "250"),
     ("a b", "501"), ("", "501"), ("é.example", "501"), ("<x>", "501"), ("a" * 256, "501")],
)  # fmt: skip
def test_the_name_of_ehlo_has_a_grammar(name: str, code: str) -> None:
    assert serve_client(f"EHLO {name}\r\n".encode()).codes == code


def test_a_second_ehlo_and_rset_forget_the_message(cut: Cut) -> None:
    assert serve_client(BEGIN + b"EHLO x.org\r\nRCPT TO:<a@b.c>\r\n", cut=cut).codes.endswith("250 503")
    assert serve_client(BEGIN + b"RSET\r\nRCPT TO:<a@b.c>\r\n", cut=cut).codes.endswith("250 503")


def test_a_second_mail_within_a_message_is_refused(cut: Cut) -> None:
    assert serve_client(BEGIN + b"MAIL FROM:<c@d.e>\r\n", cut=cut).codes == "250 250 250 503"


def test_a_reply_never_repeats_the_clients_words(cut: Cut) -> None:
    served = serve_client(b"XYZZY <script>\r\nEHLO <script>\r\nMAIL FROM:<script>\r\nMAIL <script>\r\n", cut=cut)

    assert b"script" not in served.output


# Addresses and parameters.


ONE_LINE = [text for text in hostile("addresses") if not re.search("[\r\n]", text)]


@pytest.mark.parametrize("verb", ["MAIL FROM", "RCPT TO"])
@pytest.mark.parametrize("text", ONE_LINE, ids=shown)
def test_a_hostile_address_is_taken_as_the_address_it_is_or_refused(verb: str, text: str) -> None:
    handler = Seeing()
    begin, utf8 = ("", " SMTPUTF8") if verb == "MAIL FROM" else ("MAIL FROM:<> SMTPUTF8\r\n", "")

    served = serve_client(f"EHLO x.org\r\n{begin}{verb}:<{text}>{utf8}\r\nQUIT\r\n".encode(), handler=handler)

    seen = handler.seen[1 if begin else 0 :]
    answer = served.codes.split()[-2]
    if seen == ["<>"]:
        assert (text, verb) == ("", "MAIL FROM")
    elif text == "postmaster" and verb == "RCPT TO":
        assert seen == ["postmaster@localhost"]
    elif answer == "250":
        address = Address.parse(text)
        assert seen == [address.spec]
        assert not address.name
        assert text.endswith(address.domain) or not address.domain.isascii() or not text.isascii()
    else:
        assert answer in ("500", "501", "553", "555")
        assert seen == []


@pytest.mark.parametrize("text", ["a@b.com", '"a\r\nRCPT TO:<evil@x.com>"@b.com'])
def test_a_line_break_in_an_address_ends_the_command(text: str) -> None:
    handler = Seeing()

    serve_client(f"EHLO x.org\r\nMAIL FROM:<{text}>\r\nQUIT\r\n".encode(), handler=handler)

    assert handler.seen == ([] if "\r" in text else [text])


@pytest.mark.parametrize(
    "text", ['"a b"@c.de', '"a@b"@c.de', '"> SIZE=9"@c.de', "user@[127.0.0.1]", "user@[IPv6:::1]", "a+b@c.de"]
)
def test_an_odd_but_lawful_address_is_taken_unchanged(text: str) -> None:
    handler = Seeing()

    served = serve_client(f"EHLO x.org\r\nMAIL FROM:<{text}>\r\nRCPT TO:<{text}>\r\n".encode(), handler=handler)

    assert served.codes == "250 250 250"
    assert handler.seen == [text, text]


def test_the_null_sender_is_taken_and_the_null_recipient_is_not(cut: Cut) -> None:
    served = serve_client(b"EHLO x.org\r\nMAIL FROM:<>\r\nRCPT TO:<>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n.\r\n", cut=cut)

    assert served.codes == "250 250 553 250 354 250"
    assert isinstance(served.handler, KeepingHandler)
    assert served.handler.deliveries[0].origin.sender is None


@pytest.mark.parametrize("name", ["postmaster", "Postmaster"])
def test_the_postmaster_needs_no_domain(name: str) -> None:
    handler = Seeing()

    serve_client(f"EHLO x.org\r\nMAIL FROM:<>\r\nRCPT TO:<{name}>\r\n".encode(), handler=handler)

    assert handler.seen == ["<>", f"{name}@localhost"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("MAIL FROM:<a@b.c> SIZE=33554432", "250"), ("MAIL FROM:<a@b.c> SIZE=33554433", "552"),
        ("MAIL FROM:<a@b.c> SIZE=99999999999999999999", "552"), ("MAIL FROM:<a@b.c> SIZE=999999999999999999999", "501"),
        ("MAIL FROM:<a@b.c> SIZE=-1", "501"), ("MAIL FROM:<a@b.c> SIZE=", "501"), ("MAIL FROM:<a@b.c> SIZE", "501"),
        ("MAIL FROM:<a@b.c> SIZE=1 SIZE=1", "501"), ("MAIL FROM:<a@b.c> SIZE=٣", "501"),
        ("MAIL FROM:<a@b.c> BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+2Bb", "250"),
        ("MAIL FROM:<a@b.c> BODY=BINARYMIME", "250"), ("MAIL FROM:<a@b.c> BODY=9BIT", "501"),
        ("MAIL FROM:<a@b.c> SMTPUTF8=1", "501"),
        ("MAIL FROM:<a@b.c> RET=ALL", "501"), ("MAIL FROM:<a@b.c> ENVID=a+0Ab", "501"),
        ("MAIL FROM:<a@b.c> ENVID=+XY", "501"),
        ("MAIL FROM:<a@b.c> REQUIRETLS", "555"), ("MAIL FROM:<a@b.c> AUTH=<>", "555"),
        ("MAIL FROM:<a@b.c> XYZ=1", "555"),
        ("MAIL FROM:<a@b.c>SIZE=1", "501"), ("MAIL FROM:a@b.c", "501"),
        ("MAIL FROM <a@b.c>", "501"), ("MAIL TO:<a@b.c>", "501"),
        ("MAIL FROM:< a@b.c>", "553"), ("MAIL FROM:<@x.y;a@b.c>", "553"), ("MAIL FROM:<Ada <a@b.c>>", "501"),
        ("MAIL FROM:<é@b.c>", "553"), ("MAIL FROM:<é@b.c> SMTPUTF8", "250"), ("MAIL FROM: <a@b.c>", "250"),
    ],
)  # fmt: skip
def test_mail_is_read_strictly(line: str, code: str) -> None:
    assert serve_client(f"EHLO x.org\r\n{line}\r\n".encode()).codes == f"250 {code}"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b.c", "250"), ("NOTIFY=NEVER", "250"), ("NOTIFY=NEVER,SUCCESS", "501"),
        ("NOTIFY=", "501"), ("NOTIFY=ALWAYS", "501"), ("ORCPT=a@b.c", "501"), ("ORCPT=rfc822;a+0D+0Ab", "501"),
        ("ORCPT=utf-8;\\x{E9}@b.c", "250"), ("SIZE=1", "555"), ("> ORCPT=x", "501"),
    ],
)  # fmt: skip
def test_rcpt_is_read_strictly(line: str, code: str) -> None:
    assert serve_client(f"EHLO x.org\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c> {line}\r\n".encode()).codes == f"250 250 {code}"


@pytest.mark.parametrize("option", hostile("esmtp_options"), ids=shown)
def test_a_hostile_option_is_refused_or_says_what_it_says(option: str) -> None:
    handler = Seeing()

    served = serve_client(f"EHLO x.org\r\nMAIL FROM:<a@b.c> {option}\r\n".encode(), handler=handler)

    # A line break ends the command, as it should; the parameter before it may have been valid.
    assert handler.seen[:1] in ([], ["a@b.c"])
    assert (served.codes.split()[1] == "250") == (option.partition("\r")[0] == "SIZE=1")


def test_what_is_asked_for_a_message_reaches_the_desk() -> None:
    served = serve_client(
        b"EHLO x.org\r\nMAIL FROM:<a@b.c> SIZE=5 BODY=8BITMIME RET=HDRS ENVID=a+2Bb SMTPUTF8\r\n"
        b"RCPT TO:<d@e.f> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x+2By@e.f\r\nDATA\r\n\xc3\xa9\r\n.\r\n"
    )

    assert isinstance(served.handler, KeepingHandler)
    (delivery,) = served.handler.deliveries
    origin, (recipient,) = delivery.origin, delivery.recipients
    assert (origin.size, origin.eight_bit, origin.utf8, origin.ret, origin.envid) == (
        5,
        True,
        True,
        Return.HEADERS,
        "a+b",
    )
    assert recipient.notify == {Notify.SUCCESS, Notify.FAILURE}
    assert recipient.original == "rfc822;x+y@e.f"
    assert {finding.kind for finding in delivery.findings} == {"early-data"}


# The end of the data (hazard H76).


@pytest.mark.parametrize("end", hostile("end_of_data"), ids=shown)
def test_nothing_but_a_dot_between_two_line_ends_ends_the_data(end: str, cut: Cut) -> None:
    smuggled = b"MAIL FROM:<evil@x.org>\r\nRCPT TO:<victim@x.org>\r\nDATA\r\nevil\r\n"

    served = serve_client(BEGIN + b"DATA\r\nhello" + end.encode() + smuggled + b"\r\n.\r\nQUIT\r\n", cut=cut)

    assert served.codes == "250 250 250 354 250 221"
    (content,) = received(served)
    # Only a dot at the beginning of a line is removed (RFC 5321 4.5.2).
    assert content == b"hello" + re.sub(rb"(?<=\r\n)\.", b"", end.encode()) + smuggled + b"\r\n"
    assert kinds(served) & {"bare-lf", "bare-cr", "nul", "single-dot"}


def test_a_message_without_a_line_is_empty(cut: Cut) -> None:
    assert received(serve_client(BEGIN + b"DATA\r\n.\r\n", cut=cut)) == [b""]


@pytest.mark.parametrize("body", hostile("bodies"), ids=shown)
def test_a_stuffed_body_comes_back_to_the_octet(body: str, cut: Cut) -> None:
    content = body.encode() + b"\r\n"
    stuffed = re.sub(rb"(^|\r\n)\.", rb"\1..", content)

    served = serve_client(BEGIN + b"DATA\r\n" + stuffed + b".\r\nQUIT\r\n", cut=cut)

    assert received(served) == [content]


@pytest.mark.slow
@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"a", b"\0"]), max_size=30), st.integers(1, 7))
@settings(max_examples=examples(200), deadline=None)
def test_any_content_comes_back_whatever_the_portions(parts: list[bytes], size: int) -> None:
    content = b"".join(parts) + b"\r\n"
    said = BEGIN + b"DATA\r\n" + re.sub(rb"(?:^|(?<=\r\n))\.", b"..", content) + b".\r\nQUIT\r\n"

    served = Served(ServerConfig(), KeepingHandler()).receive(
        *(said[at : at + size] for at in range(0, len(said), size))
    )

    assert received(served) == [content]
    assert served.ending == "heard it all"


def test_what_follows_the_end_is_the_next_command(cut: Cut) -> None:
    served = serve_client(BEGIN + b"DATA\r\na\r\n.\r\nMAIL FROM:<c@d.e>\r\nQUIT\r\n", cut=cut)

    assert served.codes == "250 250 250 354 250 250 221"


# BDAT (RFC 3030).


def test_chunks_make_one_message_whatever_is_in_them(cut: Cut) -> None:
    served = serve_client(BEGIN + b"BDAT 6\r\na\r\n.\r\nBDAT 1\r\nbBDAT 0 LAST\r\nQUIT\r\n", cut=cut)

    assert served.codes == "250 250 250 250 250 250 221"
    assert received(served) == [b"a\r\n.\r\nb"]


BINARY = b"EHLO x.org\r\nMAIL FROM:<a@b.c> BODY=BINARYMIME\r\nRCPT TO:<d@e.f>\r\n"


def test_what_is_binary_has_no_lines_to_speak_of_below_its_header(cut: Cut) -> None:
    odd = b"Subject: x\r\n\r\n" + b"\r\n.\r\n\0\r\n\n\xff" + b"x" * 2_000

    served = serve_client(
        BINARY + b"BDAT %d LAST\r\n" % len(odd) + odd, cut=cut, config=ServerConfig(limits=ServerLimits(line=1_000))
    )

    assert received(served) == [odd]
    assert kinds(served) == set()
    assert served.handler.deliveries[0].origin.binary  # type: ignore[attr-defined]


def test_the_header_of_what_is_binary_is_looked_at_as_any_other(cut: Cut) -> None:
    odd = b"Subject: x\nTo: \0\r\n\r\n\0"

    assert kinds(serve_client(BINARY + b"BDAT %d LAST\r\n" % len(odd) + odd, cut=cut)) == {"bare-lf", "nul"}


def test_a_refused_chunk_is_heard_to_its_end_all_the_same(cut: Cut) -> None:
    assert serve_client(b"EHLO x.org\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", cut=cut).codes == "250 503 250"
    no_recipient = b"EHLO x.org\r\nMAIL FROM:<>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n"
    assert serve_client(no_recipient, cut=cut).codes == "250 250 554 250"


def test_bdat_and_data_do_not_mix(cut: Cut) -> None:
    assert (
        serve_client(BEGIN + b"BDAT 1\r\naDATA\r\nRCPT TO:<c@d.e>\r\nBDAT 1 LAST\r\nb", cut=cut).codes
        == "250 250 250 250 503 503 250"
    )
    assert (
        serve_client(BEGIN + b"DATA\r\n.\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", cut=cut).codes
        == "250 250 250 354 250 503 250"
    )


def test_after_a_chunk_that_was_too_big_the_message_has_failed(cut: Cut) -> None:
    config = ServerConfig(limits=ServerLimits(message=4))

    served = serve_client(
        BEGIN + b"BDAT 3\r\nabcBDAT 2\r\ndeBDAT 1 LAST\r\nfRSET\r\nMAIL FROM:<>\r\n", cut=cut, config=config
    )

    assert served.codes == "250 250 250 250 552 503 250 250"
    assert received(served) == []


@pytest.mark.parametrize("argument", ["", "x", "-1", "1 FIRST", "1LAST", "9" * 19, "99999999999"])
def test_a_chunk_of_unknown_length_ends_the_session(argument: str) -> None:
    served = serve_client(BEGIN + f"BDAT {argument}\r\n".encode() + b"QUIT\r\n")

    assert served.codes.split()[-1] == "421"
    assert "221" not in served.codes


# ServerLimits.


def test_a_line_that_is_too_long_is_refused_and_the_next_is_heard(cut: Cut) -> None:
    served = serve_client(b"NOOP " + b"x" * 3000 + b"\r\nNOOP\r\n", cut=cut)

    assert served.codes == "500 250"


def test_a_line_without_end_ends_the_session() -> None:
    assert serve_client(b"x" * 40_000, cut="whole").codes == "421"
    assert Served(ServerConfig(), KeepingHandler()).receive(*[b"x" * 1000] * 100).codes == "421"


def test_a_message_that_is_too_big_is_refused_after_its_end(cut: Cut) -> None:
    config = ServerConfig(limits=ServerLimits(message=10))

    served = serve_client(BEGIN + b"DATA\r\n0123456789\r\n.\r\nNOOP\r\n", cut=cut, config=config)

    assert served.codes == "250 250 250 354 552 250"
    assert received(served) == []


def test_content_far_above_the_limit_ends_the_session() -> None:
    served = Served(ServerConfig(limits=ServerLimits(message=10)), KeepingHandler()).receive(
        BEGIN + b"DATA\r\n", *[b"x" * 30] * 10
    )

    assert served.codes == "250 250 250 354 421"


def test_a_line_of_content_has_a_limit_too() -> None:
    config = ServerConfig(limits=ServerLimits(line=20))

    assert serve_client(BEGIN + b"DATA\r\n" + b"x" * 21 + b"\r\n.\r\n", config=config).codes.endswith("354 554")
    assert serve_client(BEGIN + b"DATA\r\n" + b"x" * 20 + b"\r\n.\r\n", config=config).codes.endswith("354 250")


def test_recipients_beyond_the_limit_are_told_to_come_back(cut: Cut) -> None:
    served = serve_client(
        BEGIN + b"RCPT TO:<c@d.e>\r\nRCPT TO:<f@g.h>\r\nDATA\r\n.\r\n",
        cut=cut,
        config=ServerConfig(limits=ServerLimits(recipients=2)),
    )

    assert served.codes == "250 250 250 250 452 354 250"


def test_too_many_mistakes_end_the_session(cut: Cut) -> None:
    served = serve_client(b"FOO\r\n" * 10, cut=cut, config=ServerConfig(limits=ServerLimits(mistakes=3)))

    assert served.codes == "500 500 500 500 421"
    assert served.lines[-1].startswith("421 4.7.0")


def test_what_is_sent_behind_a_refused_sender_is_no_mistake(cut: Cut) -> None:
    mail = b"MAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nBDAT 1 LAST\r\nxRSET\r\n"
    limits = ServerLimits(mistakes=3, messages=1)

    served = serve_client(
        b"EHLO x.org\r\n" + mail * 4 + b"RCPT TO:<a@b.c>\r\n" * 5, cut=cut, config=ServerConfig(limits=limits)
    )

    refused = "452 503 503 250 "
    assert served.codes == f"250 250 250 250 250 {refused * 3}503 503 503 503 421"


def test_messages_of_a_session_are_counted() -> None:
    said = b"EHLO x.org\r\n" + b"MAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n.\r\n" * 2

    assert (
        serve_client(said, config=ServerConfig(limits=ServerLimits(messages=1))).codes
        == "250 250 250 354 250 452 503 503 500"
    )


@pytest.mark.parametrize("limit", ["command", "message", "patience"])
@pytest.mark.parametrize("value", [0, -1, float("inf")])
def test_every_limit_is_finite(limit: str, value: float) -> None:
    with pytest.raises(ValueError, match=limit):
        ServerLimits(**{limit: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line", [b"NO\0OP\r\n", b"NOOP\rNOOP\r\n", b"NOOP \xff\r\n", b"NOOP\n", b"\r\n", b" NOOP\r\n", b"NOOP\x0b\r\n"]
)
def test_what_is_not_a_command_line_is_refused_as_one(line: bytes, cut: Cut) -> None:
    assert serve_client(line + b"QUIT\r\n", cut=cut).codes == "500 221"


# Logging in.


def b64(text: str) -> bytes:
    return base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        (b"AUTH PLAIN " + b64(f"\0ada\0{SECRET}") + b"\r\n", "235"),
        (b"auth plain " + b64(f"ada\0ada\0{SECRET}") + b"\r\n", "235"),
        (b"AUTH PLAIN\r\n" + b64(f"\0ada\0{SECRET}") + b"\r\n", "334 235"),
        (b"AUTH PLAIN " + b64(f"bob\0ada\0{SECRET}") + b"\r\n", "535"),
        (b"AUTH PLAIN " + b64("\0ada\0wrong") + b"\r\n", "535"),
        (b"AUTH PLAIN " + b64("ada") + b"\r\n", "501"),
        (b"AUTH PLAIN =\r\n", "501"),
        (b"AUTH PLAIN a b\r\n", "501"),
        (b"AUTH PLAIN " + base64.b64encode(b"\0\xff\0x") + b"\r\n", "501"),
        (b"AUTH LOGIN\r\n" + b64("ada") + b"\r\n" + b64(SECRET) + b"\r\n", "334 334 235"),
        (b"AUTH LOGIN " + b64("ada") + b"\r\n" + b64(SECRET) + b"\r\n", "334 235"),
        (b"AUTH LOGIN\r\n" + b64("ada") + b"\r\n" + b64("wrong") + b"\r\n", "334 334 535"),
        (b"AUTH LOGIN\r\n" + b64("ada") + b"\r\n*\r\n", "334 334 501"),
        (b"AUTH LOGIN\r\n*\r\n", "334 501"),
        (b"AUTH LOGIN\r\nnot base64!\r\n", "334 501"),
        (b"AUTH LOGIN\r\nYWRh\n", "334 501"),
        (b"AUTH CRAM-MD5 " + b64("ada x") + b"\r\n", "501"),
        (b"AUTH CRAM-MD5\r\n" + b64("ada 0123") + b"\r\n", "334 535"),
        (b"AUTH CRAM-MD5\r\n" + b64("nobody 0123") + b"\r\n", "334 535"),
        (b"AUTH SCRAM-SHA-256 " + b64("p=tls-unique,,n=ada,r=x") + b"\r\n", "501"),
        (b"AUTH SCRAM-SHA-256 " + b64("n,,n=ada") + b"\r\n", "501"),
        (b"AUTH SCRAM-SHA-256 " + b64("n,,n=ada,r=x") + b"\r\n" + b64("c=biws,r=wrong,p=eA==") + b"\r\n", "334 501"),
        (b"AUTH XOAUTH2 " + b64(f"user=ada\x01auth=Bearer {SECRET}\x01\x01") + b"\r\n", "235"),
        (b"AUTH XOAUTH2 " + b64("user=ada\x01auth=Bearer old\x01\x01") + b"\r\n\r\n", "334 535"),
        (b"AUTH XOAUTH2 " + b64("user=ada\x01\x01") + b"\r\n", "501"),
        (b"AUTH OAUTHBEARER " + b64(f"n,a=ada,\x01auth=Bearer {SECRET}\x01\x01") + b"\r\n", "235"),
        (b"AUTH OAUTHBEARER " + b64("n,a=ada,\x01auth=Bearer old\x01\x01") + b"\r\nAQ==\r\n", "334 535"),
        (b"AUTH GSSAPI\r\n", "504"),
        (b"AUTH\r\n", "501"),
    ],
)
def test_each_way_to_log_in_has_its_answers(said: bytes, codes: str, cut: Cut) -> None:
    served = serve_client(b"EHLO x.org\r\n" + said + b"NOOP\r\n", cut=cut, config=LOGINS, handler=Knowing())

    assert served.codes == f"250 {codes} 250"
    assert served.session.user == ("ada" if codes.endswith("235") else "")


def test_no_word_of_a_login_is_ever_noted(cut: Cut) -> None:
    secrets = [b64(f"\0ada\0{SECRET}"), b64(SECRET), b64("ada"), SECRET.encode()]
    said = (
        b"AUTH PLAIN " + secrets[0] + b"\r\nEHLO x.org\r\nAUTH PLAIN " + secrets[0] + b" x\r\n"
        b"AUTH LOGIN\r\n"
        + secrets[2]
        + b"\r\nwrong!\r\n"
        # The client did not notice that the server has ended the session.
        + secrets[1]
        + b"\r\n"
        + SECRET.encode()
        + b"\r\nAUTH "
        + secrets[0]
        + b"\r\nAUTH\tPLAIN "
        + secrets[0]
        + b"\r\n"
        b"AUTH PLAIN\r\n" + secrets[0] + b"\r\n"
    )

    served = serve_client(said, cut=cut, config=LOGINS, handler=Knowing())

    assert served.session.user == "ada"
    written = "\n".join(served.notes)
    assert [secret for secret in secrets if secret.decode() in written or secret.decode().upper() in written] == []


@pytest.mark.slow
def test_one_logs_in_once_and_not_within_a_message(cut: Cut) -> None:
    login = b"AUTH PLAIN " + b64(f"\0ada\0{SECRET}") + b"\r\n"

    assert (
        serve_client(b"EHLO x.org\r\n" + login + login, cut=cut, config=LOGINS, handler=Knowing()).codes
        == "250 235 503"
    )
    assert serve_client(BEGIN + login, cut=cut, config=LOGINS, handler=Knowing()).codes.endswith("503")


def test_nobody_sends_without_login_where_it_is_required(cut: Cut) -> None:
    login = b"AUTH PLAIN " + b64(f"\0ada\0{SECRET}") + b"\r\n"
    config = ServerConfig(mechanisms=("PLAIN",), login_required=True)

    served = serve_client(
        b"EHLO x.org\r\nMAIL FROM:<>\r\n" + login + b"MAIL FROM:<> AUTH=<>\r\n",
        cut=cut,
        config=config,
        handler=Knowing(),
    )

    assert served.codes == "250 530 235 250"


def test_a_login_that_needs_tls_is_not_offered_in_clear(cut: Cut) -> None:
    config = ServerConfig(mechanisms=("PLAIN",), login_needs_tls=True)

    served = serve_client(b"EHLO x.org\r\nAUTH PLAIN " + b64(f"\0ada\0{SECRET}") + b"\r\n", cut=cut, config=config)

    assert served.codes == "250 538"
    assert b"AUTH" not in served.output


def test_guessing_passwords_ends_the_session(cut: Cut) -> None:
    guess = b"AUTH PLAIN " + b64("\0ada\0guess") + b"\r\n"

    served = serve_client(b"EHLO x.org\r\n" + guess * 9, cut=cut, config=LOGINS, handler=Knowing())

    assert served.codes == "250 535 535 535 535 535 421"


def test_a_long_token_fits_although_commands_are_short(cut: Cut) -> None:
    token = b"AUTH XOAUTH2 " + b64(f"user=ada\x01auth=Bearer {'x' * 6000}\x01\x01") + b"\r\n"

    assert serve_client(b"EHLO x.org\r\n" + token, config=LOGINS).codes == "250 235"
    assert serve_client(b"EHLO x.org\r\nNOOP " + b"x" * 6000 + b"\r\n", cut=cut, config=LOGINS).codes == "250 500"


# TLS.


def test_starttls_forgets_what_was_said_before_it() -> None:
    config = ServerConfig(starttls=True, mechanisms=("PLAIN",))
    login = b"AUTH PLAIN " + b64("\0ada\0x") + b"\r\n"

    served = Served(config, KeepingHandler()).receive(
        b"EHLO x.org\r\n",
        login,
        b"MAIL FROM:<a@b.c>\r\n",
        b"STARTTLS\r\n",
        b"RCPT TO:<d@e.f>\r\nAUTH PLAIN\r\nEHLO x.org\r\n" + login,
    )

    assert served.codes == "250 235 250 220 503 503 250 235"
    assert served.secured == 1
    assert served.lines.count("250-STARTTLS") == 1
    assert served.lines.count("250-REQUIRETLS") == 1


def test_what_comes_together_with_starttls_is_thrown_away_and_flagged() -> None:
    served = Served(ServerConfig(starttls=True), KeepingHandler()).receive(
        b"EHLO x.org\r\nSTARTTLS\r\nEHLO evil.org\r\nMAIL FROM:<evil@x.org>\r\nRCPT", b"NOOP\r\n"
    )

    assert served.codes == "250 220 250"
    assert [finding.kind for finding in served.session.findings] == ["before-tls"]


def test_what_arrives_early_before_tls_is_thrown_away_and_flagged() -> None:
    serving = SmtpServerDialogue(ServerHandler(), ServerConfig(starttls=True))
    flow = serving.serve()
    next(flow)
    flow.send(b"")  # the greeting was sent

    flow.send(b"EHLO x.org\r\nSTARTTLS\r\n")
    pending = flow.send(b"")
    go_ahead = flow.send(b"NOOP\r\n")
    secure = flow.send(b"")
    receive = flow.send(b"")

    assert (type(pending).__name__, isinstance(secure, Secure), isinstance(receive, Receive)) == (
        "ReceivePending",
        True,
        True,
    )
    assert isinstance(go_ahead, Send)
    assert [finding.kind for finding in serving.session.findings] == ["before-tls"]


def test_starttls_is_refused_where_it_makes_no_sense(cut: Cut) -> None:
    assert serve_client(b"EHLO x.org\r\nSTARTTLS\r\n", cut=cut).codes == "250 502"
    assert (
        serve_client(b"EHLO x.org\r\nSTARTTLS now\r\n", config=ServerConfig(starttls=True), cut=cut).codes == "250 501"
    )
    twice = Served(ServerConfig(starttls=True), KeepingHandler()).receive(b"STARTTLS\r\n", b"STARTTLS\r\n")
    assert twice.codes == "220 503"


def test_requiretls_is_taken_under_tls_only() -> None:
    served = Served(ServerConfig(starttls=True), KeepingHandler()).receive(
        b"STARTTLS\r\n", b"EHLO x.org\r\nMAIL FROM:<> REQUIRETLS\r\n"
    )

    assert served.codes == "220 250 250"


# LMTP.


def test_lmtp_answers_each_recipient_after_the_message(cut: Cut) -> None:
    handler = Sorting()

    served = serve_client(
        b"EHLO x.org\r\nLHLO x.org\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nRCPT TO:<full@b.c>\r\nDATA\r\n.\r\n"
        b"MAIL FROM:<>\r\nRCPT TO:<full@b.c>\r\nRCPT TO:<a@b.c>\r\nBDAT 0 LAST\r\n",
        cut=cut, config=LMTP, handler=handler,
    )  # fmt: skip

    assert served.codes == "500 250 250 250 250 354 250 452 250 250 250 452 250"
    assert served.lines[0] == "220 localhost LMTP courriel"


def test_smtp_does_not_know_lhlo() -> None:
    assert serve_client(b"LHLO x.org\r\n").codes == "500"


# Decisions of the handler.


@pytest.mark.parametrize(
    ("stage", "codes"),
    [("greeting", "550 503 503 503 250 221"), ("hello", "550 503 503 503 250 221"),
     ("sender", "250 550 503 503 250 221"),
     ("recipient", "250 250 550 554 250 221"), ("data", "250 250 250 550 250 221"),
     ("goodbye", "250 250 250 354 250 550")],
)  # fmt: skip
def test_the_desk_may_refuse_at_every_stage(stage: str, codes: str) -> None:
    content = b".\r\n" if stage == "goodbye" else b"NOOP\r\n"
    config = ServerConfig(limits=ServerLimits(mistakes=10))

    served = serve_client(
        BEGIN + b"DATA\r\n" + content + b"QUIT\r\n", config=config, handler=Scripted(stage, Reply(550, ("5.0.0 no",)))
    )

    if stage == "greeting":
        assert served.lines[0] == "550 5.0.0 no"
    else:
        assert served.codes == codes


def test_a_refused_message_is_not_the_end(cut: Cut) -> None:
    handler = Scripted("message", Reply(451, ("4.3.0 later", "and again")))

    served = serve_client(BEGIN + b"DATA\r\n.\r\nMAIL FROM:<>\r\n", cut=cut, handler=handler)

    assert served.codes == "250 250 250 354 451 250"
    assert served.lines[-3:-1] == ["451-4.3.0 later", "451 4.3.0 and again"]


@pytest.mark.parametrize("stage", ["connect", "greeting", "hello", "sender", "recipient", "data", "message", "goodbye"])
@pytest.mark.parametrize(("answer", "ending"), [(CutLine(), "cut"), (Reply(421, ("4.3.2 bye",)), "left")])
def test_the_desk_may_end_the_session_at_every_stage(stage: str, answer: Answer, ending: str) -> None:
    served = Served(ServerConfig(), Scripted(stage, answer)).receive(
        BEGIN + b"DATA\r\n", b".\r\nQUIT\r\n", b"NOOP\r\n", b"NOOP\r\n"
    )

    assert served.ending == ending
    assert served.output.endswith(b"421 4.3.2 bye\r\n") == (ending == "left")


def test_the_desk_may_refuse_the_content_that_comes_by_chunks_too(cut: Cut) -> None:
    """A scripted refusal of the content applies to DATA and BDAT alike."""
    handler = Scripted("data", Reply(451, ("4.3.0 later",)))

    served = serve_client(
        BEGIN + b"BDAT 2\r\na\nBDAT 6 LAST\r\nQUIT\r\nRSET\r\nMAIL FROM:<>\r\n", cut=cut, handler=handler
    )

    assert served.codes == "250 250 250 451 503 250 250"


@pytest.mark.parametrize(("answer", "ending"), [(CutLine(), "cut"), (DuringData(CutLine()), "cut")])
def test_the_desk_may_cut_the_line_within_a_chunk(answer: Answer, ending: str) -> None:
    served = Served(ServerConfig(), Scripted("data", answer)).receive(
        BEGIN + b"BDAT 8 LAST\r\nQUIT", b"\r\nNO", b"OP\r\n"
    )

    assert served.ending == ending
    assert served.codes == "250 250 250"


def test_a_mute_desk_hears_everything_and_says_nothing(cut: Cut) -> None:
    served = serve_client(BEGIN + b"NOOP\r\nQUIT\r\n", cut=cut, handler=Scripted("recipient", Stall()))

    assert served.codes == "250 250"
    assert served.ending == "heard it all"


def test_raw_bytes_go_out_as_they_are(cut: Cut) -> None:
    served = serve_client(BEGIN, cut=cut, handler=Scripted("recipient", b"999 ?\r\n\xff"))

    assert served.output.endswith(b"\r\n999 ?\r\n\xff")


@pytest.mark.parametrize(
    ("then", "ending"), [(CutLine(), "cut"), (Reply(421, ("4.3.2 bye",)), "left"), (Reply(550, ("5.6.0 no",)), "left")]
)
def test_something_may_happen_within_the_content(then: Reply | CutLine, ending: str) -> None:
    served = Served(ServerConfig(), Scripted("data", DuringData(then))).receive(
        BEGIN + b"DATA\r\n", b"hel", b"lo\r\n", b".\r\n"
    )

    assert served.codes == "250 250 250 354" + (f" {then.code}" if isinstance(then, Reply) else "")
    assert served.ending == ending


def test_a_client_never_sees_an_internal_error(cut: Cut) -> None:
    served = serve_client(BEGIN + b"NOOP\r\n", cut=cut, handler=Broken())

    assert served.codes == "250 250 451 250"
    assert b"4.3.0" in served.output
    assert b"Zero" not in served.output
    assert [type(failure) for failure in served.session.failures] == [ZeroDivisionError]


def test_a_broken_check_of_passwords_ends_the_session_without_a_word_about_it() -> None:
    served = serve_client(b"EHLO x.org\r\nAUTH PLAIN " + b64("\0ada\0x") + b"\r\n", config=LOGINS, handler=Broken())

    assert served.codes == "250 421"
    assert b"division" not in served.output


def test_a_reply_never_becomes_two(cut: Cut) -> None:
    handler = Scripted("sender", Reply(550, ("5.1.1 a\r\n250 b\0é\x1b[31m",)))

    served = serve_client(b"EHLO x.org\r\nMAIL FROM:<>\r\n", cut=cut, handler=handler)

    assert served.lines[-1] == "550 5.1.1 a\\x0d\\x0a250 b\\x00\\xe9\\x1b[31m"


def test_one_remark_of_a_kind_is_enough_for_a_session() -> None:
    served = serve_client(b"NOOP\n" * 3)

    assert [finding.kind for finding in served.session.findings] == ["bare-lf-command"]


def test_data_stands_alone(cut: Cut) -> None:
    assert serve_client(BEGIN + b"DATA now\r\n", cut=cut).codes == "250 250 250 501"


def test_the_desk_may_refuse_tls_and_the_line_stays_as_it_is() -> None:
    served = Served(ServerConfig(starttls=True), Scripted("secure", Reply(454, ("4.7.0 no TLS now",)))).receive(
        b"STARTTLS\r\n", b"NOOP\r\n"
    )

    assert served.codes == "454 250"
    assert served.secured == 0


def test_the_desk_may_refuse_a_right_password(cut: Cut) -> None:
    handler = Scripted("authenticate", Reply(454, ("4.7.0 the directory is away",)))

    served = serve_client(
        b"EHLO x.org\r\nAUTH PLAIN\r\n" + b64("\0ada\0x") + b"\r\n", cut=cut, config=LOGINS, handler=handler
    )

    assert served.codes == "250 334 454"
    assert served.session.user == ""


def test_mechanisms_that_never_say_the_password_fail_where_nobody_knows_it(cut: Cut) -> None:
    said = b"EHLO x.org\r\nAUTH CRAM-MD5\r\n" + b64("ada 0123") + b"\r\n"

    assert serve_client(said, cut=cut, config=LOGINS, handler=ServerHandler()).codes == "250 334 535"


def test_something_may_happen_within_content_that_is_here_already() -> None:
    served = serve_client(BEGIN + b"DATA\r\nhello\r\n.\r\n", handler=Scripted("data", DuringData(CutLine())))

    assert served.codes == "250 250 250 354"
    assert served.ending == "cut"


# Silence.


def test_a_silent_client_gets_421() -> None:
    flow = SmtpServerDialogue(ServerHandler(), ServerConfig()).serve()
    next(flow)
    flow.send(b"")

    want = flow.throw(errors.TimedOut("silent"))

    assert isinstance(want, Send)
    assert want.data == b"421 4.4.2 You were silent for too long\r\n"
    with pytest.raises(StopIteration):
        flow.send(b"")


def test_a_lost_client_ends_the_session_quietly() -> None:
    flow = SmtpServerDialogue(ServerHandler(), ServerConfig()).serve()
    next(flow)

    with pytest.raises(StopIteration):
        flow.throw(errors.ConnectionFailed("gone"))


def test_a_client_lost_during_421_ends_the_session_quietly() -> None:
    flow = SmtpServerDialogue(ServerHandler(), ServerConfig()).serve()
    next(flow)
    flow.send(b"")
    flow.throw(errors.TimedOut("silent"))

    with pytest.raises(StopIteration):
        flow.throw(errors.ConnectionFailed("gone"))


def test_silence_within_a_message_has_a_limit_of_its_own() -> None:
    limits = ServerLimits(patience=7, content_patience=5)

    assert (limits.seconds("sender"), limits.seconds("message")) == (7, 5)


def test_a_line_that_has_begun_does_not_restart_the_time_limit() -> None:
    flow = SmtpServerDialogue(ServerHandler(), ServerConfig()).serve()
    next(flow)
    fresh = flow.send(b"")

    begun = flow.send(b"NO")

    assert (fresh, begun) == (Receive("hello"), Receive("hello", more=True))


# Handlers.


class Seeing(ServerHandler):
    """Handler that records the addresses it gets."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def sender(self, serve_client: ServerSession, origin: MailFrom) -> None:
        self.seen.append(origin.sender.spec if origin.sender else "<>")

    def recipient(self, serve_client: ServerSession, recipient: RcptTo) -> None:
        self.seen.append(recipient.address.spec)


class Knowing(ServerHandler):
    """Handler with one user."""

    def check(self, user: str, secret: str) -> bool:
        return (user, secret) == ("ada", SECRET)

    def secret_of(self, user: str) -> str | None:
        return SECRET if user == "ada" else None


class Sorting(ServerHandler):
    """Handler of an LMTP server where one mailbox is full."""

    def message(self, serve_client: ServerSession, delivery: Delivery) -> dict[str, Reply]:
        return {"full@b.c": Reply(452, ("4.2.2 full",))}


class Broken(ServerHandler):
    """Handler that raises."""

    def recipient(self, serve_client: ServerSession, recipient: RcptTo) -> None:
        1 / 0  # noqa: B018

    def check(self, user: str, secret: str) -> bool:
        return bool(1 / 0)


class Scripted(ServerHandler):
    """Handler with one answer at one stage."""

    def __init__(self, stage: str, answer: Answer) -> None:
        for name in (
            "connect",
            "greeting",
            "hello",
            "secure",
            "authenticate",
            "sender",
            "recipient",
            "data",
            "message",
            "goodbye",
        ):
            setattr(self, name, lambda *_, said=answer if name == stage else None: said)
