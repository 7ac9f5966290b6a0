"""Hostile and broken IMAP servers never block a session, fill memory or pass wrong data (part B)."""

from __future__ import annotations

import pickle
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import trustme

from courriel import Password, ReadLimits, Security, Server, Timeouts, Token, TokenSource, Trust, errors
from courriel.model.servers.credentials import Credentials
from session.imap_stranger import GREETING, imap_server
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.stranger import Act, Phone, stranger

Call = Callable[..., Mailbox]
ADA = Password("ada", "correct horse")
HEADER = "Subject: one\r\n\r\n"


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def call(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[Call]:
    """A session, not opened yet, with a server of this behaviour."""
    with ExitStack() as ending:

        def call(
            act: Act, credentials: Credentials | None = ADA, *, limits: ReadLimits | None = None, **options: Any
        ) -> Mailbox:
            port = ending.enter_context(stranger(act)).port
            wanted: dict[str, Any] = {
                "security": Security.NONE,
                "trust": Trust.data(authority.cert_pem.bytes()),
                "timeouts": Timeouts.silence(5),
            }
            more = {} if limits is None else {"limits": limits}
            session = request.param(Server("127.0.0.1", port, **wanted | options), credentials, **more)
            ending.callback(session.leave)
            return session

        yield call


@pytest.fixture
def opened(call: Call) -> Call:
    def opened(act: Act, **options: Any) -> Mailbox:
        session = call(act, **options)
        session.open()
        return session

    return opened


def say_everything(session: Mailbox) -> None:
    list(session.search())
    session.noop()
    session.wait_for_news(1)


# Before the login.


@pytest.mark.parametrize(
    ("greeting", "kind", "hint"),
    [
        ("220 smtp.example.org ESMTP", errors.RemoteProtocolError, "WRONG-PROTOCOL"),
        ("+OK POP3 ready", errors.RemoteProtocolError, "WRONG-PROTOCOL"),
        ("* NO thanks", errors.RemoteProtocolError, "WRONG-PROTOCOL"),
        ("* BYE too many connections", errors.ConnectionFailed, "SESSION-LOST"),
        ("\x00\x01\x02", errors.RemoteProtocolError, "WRONG-PROTOCOL"),
    ],
)
def test_a_strange_greeting_ends_it(call: Call, greeting: str, kind: type[Exception], hint: str) -> None:
    session = call(imap_server(greeting))

    with pytest.raises(kind) as raised:
        session.open()

    assert raised.value.failure.id == hint
    assert raised.value.stage == "greeting"
    assert not session.usable


def test_a_server_that_says_nothing_is_given_up(call: Call) -> None:
    session = call(lambda phone: phone.expect_nothing_more(), timeouts=Timeouts.silence(0.2))

    with pytest.raises(errors.TimedOut) as silent:
        session.open()

    assert silent.value.stage == "greeting"


def test_starttls_that_is_not_offered_is_never_done_without(call: Call) -> None:
    heard: list[bytes] = []

    def serve(phone: Phone) -> None:
        phone.say(GREETING)
        phone.expect_nothing_more()
        heard.extend(phone.heard)

    session = call(serve, security=Security.STARTTLS)

    with pytest.raises(errors.NotSupported) as missing:
        session.open()

    session.leave()
    assert missing.value.capability == "STARTTLS"
    assert "imaps://127.0.0.1:993" in missing.value.hint
    assert not any(b"AUTHENTICATE" in line or b"LOGIN" in line for line in heard)


def test_a_refused_starttls_is_the_end(call: Call) -> None:
    session = call(
        imap_server("* OK [CAPABILITY IMAP4rev1 STARTTLS] hi", STARTTLS="{tag} NO not now"), security=Security.STARTTLS
    )

    with pytest.raises(errors.CommandRefused) as refused:
        session.open()

    assert refused.value.stage == "secure"
    assert not session.usable


def test_bytes_before_tls_are_an_attack(call: Call) -> None:
    session = call(
        imap_server(
            "* OK [CAPABILITY IMAP4rev1 STARTTLS] hi", STARTTLS="{tag} OK go\n* CAPABILITY IMAP4rev1 AUTH=PLAIN"
        ),
        security=Security.STARTTLS,
    )

    with pytest.raises(errors.RemoteProtocolError, match="before the line was secure"):
        session.open()


def test_an_answer_before_its_command_is_an_attack(call: Call) -> None:
    session = call(
        imap_server("* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nc1 OK begin TLS now"), security=Security.STARTTLS
    )

    with pytest.raises(errors.RemoteProtocolError, match="answered before it was asked"):
        session.open()


def test_preauth_on_a_clear_line_does_not_keep_it_clear(call: Call) -> None:
    session = call(imap_server("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hello ada"), security=Security.STARTTLS)

    with pytest.raises(errors.RemoteProtocolError, match="PREAUTH"):
        session.open()


def test_what_was_said_in_clear_is_forgotten_behind_tls(call: Call, certificate: ssl.SSLContext) -> None:
    def serve(phone: Phone) -> None:
        phone.say("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=CRAM-MD5 LITERAL+] hi")
        phone.say(phone.receive().partition(b" ")[0] + b" OK go")
        with certificate.wrap_socket(phone.line, server_side=True) as secured:
            behind = Phone(secured)
            imap_server("", CAPABILITY="* CAPABILITY IMAP4rev1 AUTH=PLAIN\n{tag} OK ok")(behind)

    session = call(serve, security=Security.STARTTLS)
    session.open()

    assert session.mechanism == "PLAIN"
    assert session.capabilities == {"IMAP4REV1": "", "AUTH": "PLAIN"}


def test_credentials_never_cross_a_clear_line_to_another_machine() -> None:
    session = BlockingMailbox(Server("imap.example.org", security=Security.NONE), ADA)

    with pytest.raises(errors.InvalidServer) as refused:
        session.open()

    assert refused.value.failure is not None
    assert refused.value.failure.id == "CLEAR-CREDENTIALS"


def test_no_login_is_tried_where_it_is_forbidden(call: Call) -> None:
    session = call(imap_server("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi"))

    with pytest.raises(errors.NotSupported) as missing:
        session.open()

    assert missing.value.capability == "AUTH"


@pytest.mark.parametrize("literal_plus", [True, False])
def test_the_old_login_command_takes_any_characters(call: Call, literal_plus: bool) -> None:
    said: list[str] = []

    def login(phone: Phone, tag: str, command: str) -> None:
        said.append(command)
        while said[-1].endswith("}"):
            if not said[-1].endswith("+}"):
                phone.say("+ go on")
            said.append(phone.receive().decode())
        phone.say(f"{tag} OK logged in")

    plus = " LITERAL+" if literal_plus else ""
    session = call(
        imap_server(
            f"* OK [CAPABILITY IMAP4rev1{plus}] hi", LOGIN=login, CAPABILITY="* CAPABILITY IMAP4rev1\n{tag} OK ok"
        ),
        Password("été", 'p"a\\ß'),
    )
    session.open()

    sign = "+" if literal_plus else ""
    assert said == [f"LOGIN {{5{sign}}}", f"été {{6{sign}}}", 'p"a\\ß']
    assert session.mechanism == "LOGIN"


def test_a_refused_login_is_told_without_the_password(call: Call) -> None:
    session = call(imap_server(AUTHENTICATE="{tag} NO [AUTHENTICATIONFAILED] no"))

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.tried == ("PLAIN",)
    assert "correct horse" not in repr(refused.value) + str(refused.value) + refused.value.hint
    assert pickle.loads(pickle.dumps(refused.value)).hint == refused.value.hint


def test_a_login_that_is_out_of_order_for_now_may_be_tried_again(call: Call) -> None:
    session = call(imap_server(AUTHENTICATE="{tag} NO [UNAVAILABLE] the directory does not answer"))

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.retryable
    assert refused.value.sysexit == 75


def test_a_mechanism_that_the_server_does_not_know_after_all_is_followed_by_another(call: Call) -> None:
    def authenticate(phone: Phone, tag: str, command: str) -> None:
        phone.say(f"{tag} BAD unknown mechanism" if "CRAM" in command else f"{tag} OK in")

    session = call(imap_server(GREETING.replace("AUTH=", "AUTH=CRAM-MD5 AUTH="), AUTHENTICATE=authenticate))
    session.open()

    assert session.mechanism == "PLAIN"


DEAD_CRAM = GREETING.replace("AUTH=PLAIN", "AUTH=CRAM-MD5")


@pytest.mark.parametrize("refusal", ["NO [AUTHENTICATIONFAILED] no", "BAD what", "NO authentication failure"])
def test_a_dead_cram_md5_is_followed_by_the_login_command(call: Call, refusal: str) -> None:
    said: list[str] = []

    def authenticate(phone: Phone, tag: str, command: str) -> None:
        said.append(command)
        phone.ask("+ PDFAZXhhbXBsZS5vcmc+")
        phone.say(f"{tag} {refusal}")

    first, second = [call(imap_server(DEAD_CRAM, AUTHENTICATE=authenticate, LOGIN="{tag} OK in")) for _ in range(2)]
    first.open()
    second.open()

    assert first.mechanism == second.mechanism == "LOGIN"
    assert said == ["AUTHENTICATE CRAM-MD5"] * 2, "two servers: what worked at one says nothing of the other"


def test_what_worked_at_this_server_is_tried_first(call: Call) -> None:
    said: list[str] = []

    def authenticate(phone: Phone, tag: str, command: str) -> None:
        said.append(command)
        phone.say(f"{tag} NO no")

    session = call(imap_server(DEAD_CRAM, AUTHENTICATE=authenticate, LOGIN="{tag} OK in"))
    session.open()
    session.open()

    assert said == ["AUTHENTICATE CRAM-MD5"]


@pytest.mark.parametrize(
    "refusal", ["NO [UNAVAILABLE] later", "NO [CONTACTADMIN] no", "NO [ALERT] account disabled", "NO login rate limit"]
)
def test_a_refusal_that_is_not_about_the_proof_ends_the_login(call: Call, refusal: str) -> None:
    def authenticate(phone: Phone, tag: str, command: str) -> None:
        phone.ask("+ PDFAZXhhbXBsZS5vcmc+")
        phone.say(f"{tag} {refusal}")

    session = call(imap_server(DEAD_CRAM, AUTHENTICATE=authenticate, LOGIN="{tag} OK in"))

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.tried == ("CRAM-MD5",)
    assert refused.value.final


def test_without_sasl_ir_the_first_words_wait_to_be_asked(call: Call) -> None:
    heard: list[str] = []

    def authenticate(phone: Phone, tag: str, command: str) -> None:
        heard.append(command)
        heard.append(phone.ask("+ ").decode())
        phone.say(f"{tag} OK in")

    session = call(imap_server(GREETING.replace(" SASL-IR", ""), AUTHENTICATE=authenticate))
    session.open()

    assert heard == ["AUTHENTICATE PLAIN", "AGFkYQBjb3JyZWN0IGhvcnNl"]


def test_a_token_that_was_explained_away_is_told(call: Call) -> None:
    def authenticate(phone: Phone, tag: str, command: str) -> None:
        phone.ask("+ eyJzdGF0dXMiOiI0MDAifQ==")
        phone.say(f"{tag} NO [AUTHENTICATIONFAILED] no")

    session = call(
        imap_server(GREETING.replace("PLAIN", "XOAUTH2"), AUTHENTICATE=authenticate),
        TokenSource("ada", lambda: Token("secret-token")),
    )

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert '{"status":"400"}' in str(refused.value)
    assert "secret-token" not in str(refused.value)
    assert refused.value.tried == ("XOAUTH2", "XOAUTH2")


def test_the_conversation_goes_to_a_log_of_its_own_where_somebody_listens(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "courriel.imap")
    session = call(imap_server())
    session.open()

    lines = [record.getMessage() for record in caplog.records if record.name == "courriel.imap"]
    assert any(line.startswith("S: * OK [CAPABILITY") for line in lines)
    assert "C: (not shown: a secret)" in lines


def test_an_imap_session_without_credentials_is_refused(call: Call) -> None:
    session = call(imap_server(), None)

    with pytest.raises(errors.UsageError, match="a TokenSource; in a URL a user name before the host"):
        session.open()

    assert not session.usable


def test_a_server_that_knows_us_already_is_not_told_who_we_are(call: Call) -> None:
    session = call(imap_server("* PREAUTH [CAPABILITY IMAP4rev1] hello ada", AUTHENTICATE=None, LOGIN=None))
    session.open()

    assert session.mechanism == ""
    assert tuple(session.search().uids) == (1, 2, 3)


def test_a_server_that_speaks_no_imap4rev1_is_told_as_it_is(call: Call) -> None:
    session = call(imap_server("* OK hi", CAPABILITY="* CAPABILITY IMAP2 AUTH=PLAIN\n{tag} OK ok"))

    with pytest.raises(errors.RemoteProtocolError, match="does not say that it speaks IMAP4rev1"):
        session.open()


def test_unsolicited_literals_are_skipped(opened: Call) -> None:
    told = '* 5 FETCH (X {14}\nc2 OK no such\n Y {2}\nab)\n* ESEARCH (TAG "x") UID ALL 2,4:5\n{tag} OK found'
    capable = "* CAPABILITY IMAP4rev1 ESEARCH\n{tag} OK ok"
    session = opened(imap_server(UID_SEARCH=told.replace("no such\n", "no such"), CAPABILITY=capable))

    assert tuple(session.search().uids) == (2, 4, 5)


# Behind the login.


STRANGE = {
    "an answer that nobody asked for": "c99 OK what?\n{tag} OK found",
    "a question where none is due": "+ go on",
    "neither news nor an answer": "hello\n{tag} OK found",
    "letters that are none": "* SEARCH 1 x 3\n{tag} OK found",
    "letters that cannot be counted": "* SEARCH 99999999999\n{tag} OK found",
    "a goodbye": "* BYE shutting down",
}


@pytest.mark.parametrize("said", STRANGE.values(), ids=STRANGE)
def test_a_strange_answer_to_a_search_ends_the_session(opened: Call, said: str) -> None:
    session = opened(imap_server(UID_SEARCH=said))

    with pytest.raises((errors.RemoteProtocolError, errors.ConnectionFailed)) as raised:
        session.search()

    assert not raised.value.session_usable
    assert not session.usable
    with pytest.raises(errors.ConnectionFailed):
        session.noop()


@pytest.mark.parametrize("said", ["1:4294967295", "1:99999999999", "0", "x", "1,,2", "5:1,9:" + "9" * 10])
def test_an_esearch_that_would_fill_the_memory_is_refused(opened: Call, said: str) -> None:
    capable = "* OK [CAPABILITY IMAP4rev1 ESEARCH AUTH=PLAIN SASL-IR] hi"
    session = opened(
        imap_server(
            capable,
            CAPABILITY="* CAPABILITY IMAP4rev1 ESEARCH\n{tag} OK ok",
            UID_SEARCH=f'* ESEARCH (TAG "x") UID ALL {said}\n{{tag}} OK found',
        )
    )

    with pytest.raises(errors.RemoteProtocolError, match="list of letters"):
        session.search()


FETCHED = {
    "no list": "* 1 FETCH\n{tag} OK ok",
    "a list without end": "* 1 FETCH (UID 1 FLAGS (\\Seen\n{tag} OK ok",
    "brackets a thousand deep": "* 1 FETCH (UID 1 BODYSTRUCTURE " + "(" * 5000 + ")" * 5000 + ")\n{tag} OK ok",
    "an odd number of words": "* 1 FETCH (UID 1 FLAGS)\n{tag} OK ok",
    "a quote without end": '* 1 FETCH (UID 1 INTERNALDATE "25-Nov)\n{tag} OK ok',
    "a tag of its own": "zz9 OK ok",
}


@pytest.mark.parametrize("said", FETCHED.values(), ids=FETCHED)
def test_a_letter_that_cannot_be_read_is_the_servers_fault(opened: Call, said: str) -> None:
    session = opened(imap_server(UID_FETCH=said))

    with pytest.raises((errors.RemoteProtocolError, errors.ConnectionFailed)) as raised:
        list(session.search())

    assert raised.value.server == str(session.server)
    assert not session.usable
    assert pickle.loads(pickle.dumps(raised.value)).args == raised.value.args


def test_unsolicited_fetch_responses_are_not_taken_for_other_letters(opened: Call) -> None:
    told = "* 1 FETCH (FLAGS (\\Seen))\n* 7 FETCH (UID 1 FLAGS (\\Draft))\n* 9 FETCH (UID 44 FLAGS ())\n{tag} OK ok"
    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK found", UID_FETCH=told))

    (letter,) = session.search()

    assert letter.flags == {"draft"}


def test_a_folder_with_a_strange_name_does_not_hide_the_others(opened: Call) -> None:
    told = (
        '* LIST () "/" INBOX\n* LIST (\\Sent) "/" &broken\n* LIST () "." 2026\n* LIST (\\Noselect) NIL "&AMk-t&AOk-"\n'
    )
    session = opened(imap_server(LIST=told + "{tag} OK listed"))

    folders = session.folders()

    assert [folder.name for folder in folders] == ["INBOX", "&broken", "2026", "Été"]
    assert [folder.special for folder in folders] == ["", "sent", "", ""]
    assert [folder.selectable for folder in folders] == [True, True, True, False]
    assert [folder.separator for folder in folders] == ["/", "/", ".", ""]


def test_the_folder_of_sent_mail_is_found_by_its_name_where_the_server_does_not_say(opened: Call) -> None:
    session = opened(imap_server(LIST='* LIST () "." INBOX\n* LIST () "." INBOX.Sent\n{tag} OK listed'))

    assert session.special("sent") == "INBOX.Sent"
    with pytest.raises(errors.NotSupported) as missing:
        session.special("junk")
    with pytest.raises(errors.UsageError, match="none of"):
        session.special("everything")

    assert missing.value.capability == "SPECIAL-USE"


def test_a_status_line_without_text_is_accepted(opened: Call) -> None:
    session = opened(imap_server(NOOP="{tag} OK", SELECT="{tag} NO"))

    session.noop()
    with pytest.raises(errors.CommandRefused, match=r"^NO \(") as refused:
        session.select("Nowhere")

    assert refused.value.detail == "NO"
    assert session.usable


def test_letters_expunged_in_the_middle_mix_no_letters_up(opened: Call) -> None:
    told = "* 1 FETCH (UID 1 BODY[HEADER] {3}\none)\n* 1 EXPUNGE\n* 1 FETCH (UID 2 BODY[HEADER] {3}\ntwo)\n{tag} OK ok"
    session = opened(imap_server(UID_FETCH=told))

    assert [(letter.uid, letter.raw_header) for letter in session.search()] == [(1, b"one"), (2, b"two")]


def test_fetch_data_of_a_wrong_type_is_left_out(opened: Call) -> None:
    said = '* 1 FETCH (UID 1 RFC822.SIZE many FLAGS x INTERNALDATE "soon" BODY[HEADER] 12 BODY[] 34)\n{tag} OK ok'
    session = opened(imap_server(UID_FETCH=said))

    (letter,) = session.search(whole=True)

    assert (letter.size, letter.flags, letter.received) == (2, frozenset(), None)
    assert session.content(letter) == b"34"


def test_a_letter_without_end_is_refused_before_an_octet_of_it_is_read(opened: Call) -> None:
    session = opened(
        imap_server(UID_FETCH="* 1 FETCH (UID 1 BODY[HEADER] {99999999999999}"), limits=ReadLimits(letter=1_000_000)
    )

    with pytest.raises(errors.RemoteProtocolError, match="a letter of more than 1,000,000 octets"):
        list(session.search())

    assert not session.usable


def flood(what: bytes) -> Callable[[Phone, str, str], None]:
    """Server function that sends this for ever."""

    def flood(phone: Phone, tag: str, command: str) -> None:
        try:
            while True:
                phone.line.sendall(what * 1000)
        except OSError:
            pass

    return flood


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "limits", "told"),
    [
        (b"x" * 100, ReadLimits(line=50_000), "a line of more than 50,000 octets"),
        (b"* OK still here\r\n", ReadLimits(answer=200_000), "an answer of more than 200,000 octets"),
        (b"* OK still here\r\n", ReadLimits(lines=2_000), "an answer of more than 2,000 lines"),
        (b"* 1 FETCH (X {10}\r\n0123456789)\r\n", ReadLimits(answer=200_000), "an answer of more than 200,000 octets"),
    ],
    ids=["one line", "octets", "lines", "letters"],
)
@pytest.mark.parametrize("command", ["UID_SEARCH", "UID_FETCH", "SELECT"])
def test_a_flood_is_cut_off(opened: Call, command: str, what: bytes, limits: ReadLimits, told: str) -> None:
    session = opened(imap_server(**{command: flood(what)}), limits=limits)

    with pytest.raises(errors.RemoteProtocolError, match=told):
        list(session.search())

    assert not session.usable


@pytest.mark.slow
@pytest.mark.parametrize("command", ["UID SEARCH", "UID FETCH", "SELECT", "NOOP"])
def test_a_server_that_falls_silent_is_given_up(opened: Call, command: str) -> None:
    session = opened(
        imap_server(**{command.replace(" ", "_"): lambda phone, tag, command: phone.expect_nothing_more()}),
        timeouts=Timeouts.silence(0.2, connect=5),
    )

    with pytest.raises(errors.TimedOut) as silent:
        say_everything(session)

    assert silent.value.stage in ("mailbox", "letter")
    assert not session.usable


@pytest.mark.slow
def test_a_server_that_drips_has_one_time_limit_for_a_line(opened: Call) -> None:
    stop = threading.Event()

    def drip(phone: Phone, tag: str, command: str) -> None:
        while not stop.wait(0.05):
            try:
                phone.line.sendall(b"*")
            except OSError:
                return

    session = opened(imap_server(NOOP=drip), timeouts=Timeouts.silence(0.4, connect=5))
    try:
        with pytest.raises(errors.TimedOut):
            session.noop()
    finally:
        stop.set()


@pytest.mark.parametrize("command", ["UID SEARCH", "UID FETCH", "SELECT", "NOOP", "IDLE"])
def test_a_server_that_hangs_up_is_told_as_it_is(opened: Call, command: str) -> None:
    session = opened(imap_server(**{command.replace(" ", "_"): None}))

    with pytest.raises(errors.ConnectionFailed) as lost:
        say_everything(session)

    assert lost.value.failure.id == "SESSION-LOST"
    assert lost.value.retryable
    assert not session.usable


@pytest.mark.slow
def test_a_server_that_takes_no_more_of_a_letter_is_given_up(opened: Call) -> None:
    done = threading.Event()

    def append(phone: Phone, tag: str, command: str) -> None:
        phone.say("+ go on")
        done.wait(10)

    session = opened(imap_server(APPEND=append), timeouts=Timeouts.silence(0.3, connect=5))
    try:
        with pytest.raises(errors.TimedOut) as silent:
            session.append(b"Subject: large\r\n\r\n" + b"x" * 30_000_000, "INBOX")
    finally:
        done.set()

    assert silent.value.stage == "letter"
    assert not session.usable


def test_a_refusal_leaves_the_session_open(opened: Call) -> None:
    session = opened(imap_server(UID_SEARCH="{tag} NO [SERVERBUG] later", SELECT="{tag} OK [READ-WRITE] ok"))

    with pytest.raises(errors.CommandRefused) as refused:
        session.search()

    assert session.usable
    assert refused.value.retryable
    session.noop()


@pytest.mark.parametrize(
    ("said", "kind"),
    [("{tag} NO not in this folder", errors.CommandRefused), ("{tag} OK at once", errors.RemoteProtocolError)],
)
def test_a_server_that_will_not_idle_is_told(opened: Call, said: str, kind: type[Exception]) -> None:
    session = opened(imap_server(IDLE=said))
    session.select()

    with pytest.raises(kind):
        session.wait_for_news(1)

    assert session.usable is (kind is errors.CommandRefused)


def test_what_a_search_says_beside_the_letters_is_left_out(opened: Call) -> None:
    session = opened(imap_server(UID_SEARCH="* SEARCH 3 1 1 (MODSEQ 917162500)\n{tag} OK found"))

    assert tuple(session.search().uids) == (1, 3)


def test_a_charset_that_the_server_does_not_know_is_told(opened: Call) -> None:
    session = opened(imap_server(UID_SEARCH="{tag} NO [BADCHARSET (US-ASCII)] no"))

    with pytest.raises(errors.NotSupported) as missing:
        session.search(subject="été")

    assert missing.value.capability == "CHARSET"
    assert session.usable


def test_a_text_that_is_not_ascii_is_counted_and_waits_where_it_must(opened: Call) -> None:
    heard: list[str] = []

    def search(phone: Phone, tag: str, command: str) -> None:
        heard.append(command)
        heard.append(phone.ask("+ go on").decode())
        phone.say(f"* SEARCH 2\n{tag} OK found")

    capable = GREETING.replace(" LITERAL+", "")
    session = opened(imap_server(capable, CAPABILITY="* CAPABILITY IMAP4rev1\n{tag} OK ok", UID_SEARCH=search))

    assert tuple(session.search(subject="été", seen=True).uids) == (2,)
    assert heard == ["UID SEARCH CHARSET UTF-8 SEEN SUBJECT {5}", "été"]


def test_a_server_that_will_not_hear_the_text_refuses_the_search(opened: Call) -> None:
    session = opened(
        imap_server(
            GREETING.replace(" LITERAL+", ""),
            CAPABILITY="* CAPABILITY IMAP4rev1\n{tag} OK ok",
            UID_SEARCH="{tag} NO not in here",
        )
    )

    with pytest.raises(errors.CommandRefused):
        session.search(subject="été")

    session.noop()
    assert session.usable


def test_an_answer_too_many_never_answers_the_next_command(opened: Call) -> None:
    def noop(phone: Phone, tag: str, command: str) -> None:
        phone.say(f"{tag} OK ok\n{tag[0]}{int(tag[1:]) + 1} OK and the next one")

    session = opened(imap_server(NOOP=noop))
    session.noop()

    with pytest.raises(errors.RemoteProtocolError, match="before it was asked"):
        session.noop()


def test_a_second_caller_is_refused(opened: Call) -> None:
    asked, answer = threading.Event(), threading.Event()

    def noop(phone: Phone, tag: str, command: str) -> None:
        asked.set()
        answer.wait(10)
        phone.say(f"{tag} OK ok")

    session = opened(imap_server(NOOP=noop))
    first = threading.Thread(target=session.noop)
    first.start()
    assert asked.wait(10)

    assert session.busy
    with pytest.raises(errors.UsageError, match="busy"):
        session.in_another_loop(lambda session: session.noop())
    answer.set()
    first.join(10)

    assert session.usable


def test_no_folder_can_be_called_by_a_control_character_before_a_byte_is_written(opened: Call) -> None:
    heard: list[bytes] = []

    def serve(phone: Phone) -> None:
        imap_server()(phone)
        heard.extend(phone.heard)

    session = opened(serve)

    for act in (
        session.select,
        session.create,
        session.remove,
        session.status,
        session.folders,
        session.watch,
        lambda name: session.rename("INBOX", name),
        lambda name: session.rename(name, "INBOX"),
        lambda name: session.copy(1, name),
        lambda name: session.move(1, name),
        lambda name: session.append(b"Subject: x\r\n\r\n", name),
        lambda name: session.find(message_id="<x@y>", folder=name),
        lambda name: session.find(message_id=name),
    ):
        with pytest.raises(errors.UsageError, match="control character"):
            act("INBOX\r\nA2 LOGOUT")
    with pytest.raises(errors.UsageError, match="is not a flag"):
        session.flag(1, "seen)\r\nA2 LOGOUT")
    session.close()

    session.leave()
    assert not any(b"A2" in line for line in heard)


def test_a_closed_session_can_be_opened_anew(opened: Call) -> None:
    session = opened(imap_server())
    session.close()
    assert not session.usable

    session.open()

    assert tuple(session.search().uids) == (1, 2, 3)


@pytest.mark.slow
def test_a_total_deadline_holds_for_the_whole_call(opened: Call) -> None:
    def fetch(phone: Phone, tag: str, command: str) -> None:
        done = threading.Event()
        phone.say("* 1 FETCH (UID 1 BODY[HEADER] {100000}")
        while not done.wait(0.02):
            try:
                phone.line.sendall(b"x")
            except OSError:
                return

    timeouts = Timeouts(total=0.5)
    session = opened(imap_server(UID_FETCH=fetch), timeouts=timeouts)

    with pytest.raises(errors.TimedOut, match="the whole call"):
        list(session.search())


def test_ipv6_and_names_are_as_for_smtp() -> None:
    assert str(BlockingMailbox("imap.example.org", ADA).server) == "imap.example.org:993"
    assert str(BlockingMailbox(Server("imap.example.org", security=Security.STARTTLS), ADA).server).endswith(":143")
    assert str(BlockingMailbox(Server("::1", 2993), ADA).server) == "[::1]:2993"
