"""A real Postfix, a real Dovecot behind it: what was said arrives to the byte, each refusal is told as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import inside
from courriel import Envelope, Message, Notify, Password, Security, Server, TokenSource, Transcript, Trust, errors
from courriel.model.content import Content
from courriel.model.servers.credentials import Credentials, Token
from courriel.wire.mime.build import content_of
from hostile.lists import hostile, shown
from servers.accounts import ACCENTED, ACCOUNTS, ADA, BOB, IDN, ODD, Account
from servers.dovecot import access_token
from servers.postfix import AFTER_DATA, FORBIDDEN_WORDS, RECIPIENTS, SENDERS, Postfix
from session.play import Awaiting, Blocking, Session

pytestmark = pytest.mark.acceptance

Call = Callable[..., Session]
PASSWORD_MECHANISMS = ("scram-sha-256", "cram-md5", "plain", "login")
TOKEN_MECHANISMS = ("xoauth2", "oauthbearer")

DOORS = {
    "plain": ("plain_port", Security.NONE),
    "opportunistic": ("plain_port", Security.OPPORTUNISTIC),
    "strict": ("strict_port", Security.NONE),
    "submission": ("submission_port", Security.STARTTLS),
    "submissions": ("submissions_port", Security.TLS),
}


@pytest.fixture(params=[Blocking, Awaiting])
def call(request: pytest.FixtureRequest, postfix: Postfix) -> Iterator[Call]:
    """A session, opened, at one of Postfix's doors."""
    with ExitStack() as ending:

        def call(door: str = "plain", credentials: Credentials | None = None, **options: object) -> Session:
            port, security = DOORS[door]
            transcript = options.pop("transcript", None)
            server = Server(
                postfix.host,
                getattr(postfix, port),
                security,
                trust=Trust.file(str(postfix.ca_file)),
                **options,  # type: ignore[arg-type]
            )
            session: Session = request.param(server, credentials, transcript)
            ending.callback(session.leave)
            session.open()
            return session

        yield call


def to_bob(text: str = "Hello.", **fields: object) -> Message:
    return Message(**({"sender": ADA.user, "to": BOB.user, "subject": "Numbers", "text": text} | fields))  # type: ignore[arg-type]


def said_by(way: str, session: Session) -> Session:
    """The same session, for which Postfix does not know CHUNKING when the way is DATA."""
    inside.dialogue_of(session.session).extensions.chunking = way == "BDAT"
    return session


def on_the_line(message: Message, session: Session) -> bytes:
    """The octets that the session sends for this message."""
    capabilities = session.session.capabilities
    return bytes(content_of(message, eight_bit="8BITMIME" in capabilities, utf8="SMTPUTF8" in capabilities))


# Logging in.


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.user)
@pytest.mark.parametrize("mechanism", PASSWORD_MECHANISMS)
def test_every_account_submits_by_each_mechanism(
    call: Call, postfix: Postfix, account: Account, mechanism: str
) -> None:
    session = call("submission", Password(account.user, account.password), auth=(mechanism,))

    receipt = session.send(to_bob())
    session.close()

    (letter,) = postfix.letters(BOB.user)
    assert session.session.mechanism == mechanism.upper()
    assert receipt.complete
    assert "Authenticated sender" in letter.trace["received"]


@pytest.mark.parametrize("account", [ADA, ACCENTED, ODD], ids=lambda account: account.user)
@pytest.mark.parametrize("mechanism", TOKEN_MECHANISMS)
def test_a_token_opens(call: Call, account: Account, mechanism: str) -> None:
    source = TokenSource(account.user, lambda: Token(access_token(account)))

    session = call("submissions", source, auth=(mechanism,))

    assert session.session.mechanism == mechanism.upper()
    assert session.send(to_bob()).complete


def test_the_strongest_mechanism_is_taken_unless_one_is_asked_for(call: Call) -> None:
    session = call("submissions", Password(ADA.user, ADA.password))

    offered = session.session.capabilities["AUTH"].split()
    assert session.session.mechanism == ("SCRAM-SHA-256-PLUS" if "SCRAM-SHA-256-PLUS" in offered else "SCRAM-SHA-256")


def test_an_expired_token_is_replaced_once(call: Call) -> None:
    given = [access_token(ADA, lifetime=-30), access_token(ADA)]
    source = TokenSource(ADA.user, lambda: given.pop(0))

    session = call("submission", source)

    assert session.send(to_bob()).complete
    assert given == []


@pytest.mark.parametrize("mechanism", PASSWORD_MECHANISMS)
def test_a_wrong_password_is_told_with_its_remedy(call: Call, mechanism: str) -> None:
    transcript = Transcript()

    with pytest.raises(errors.AuthenticationRefused) as refused:
        call("submission", Password(ADA.user, "not the secret"), auth=(mechanism,), transcript=transcript)

    error = refused.value
    assert error.reply.code == 535
    assert error.stage == "authenticate"
    assert error.tried == (mechanism.upper(),)
    assert error.sysexit == 77
    assert error.hint
    assert not error.retryable
    assert not error.session_usable
    assert "not the secret" not in f"{error}{error!r}{error.hint}{transcript}"


@pytest.mark.parametrize("mechanism", TOKEN_MECHANISMS)
def test_a_forged_token_is_refused_with_the_explanation_of_the_server(call: Call, mechanism: str) -> None:
    source = TokenSource(ADA.user, lambda: access_token(ADA, key=b"another's"))

    with pytest.raises(errors.AuthenticationRefused) as refused:
        call("submission", source, auth=(mechanism,))

    assert refused.value.tried == (mechanism.upper(),) * 2
    assert "the server explains" in str(refused.value)
    assert refused.value.sysexit == 77


def test_a_door_without_logins_says_so(call: Call) -> None:
    with pytest.raises(errors.NotSupported) as missing:
        call("plain", Password(ADA.user, ADA.password))

    assert missing.value.capability == "AUTH"
    assert missing.value.failure is not None
    assert missing.value.failure.id == "AUTH-NOT-OFFERED"


def test_mail_without_a_login_is_refused_at_the_submission_door(call: Call) -> None:
    session = call("submission")

    with pytest.raises(errors.Refused) as refused:
        session.send(to_bob())

    assert refused.value.stage in {"sender", "recipient"}
    assert refused.value.session_usable
    assert not refused.value.retryable


# How the line is protected.


@pytest.mark.parametrize("door", DOORS)
def test_a_letter_arrives_to_the_byte_through_every_door(call: Call, postfix: Postfix, door: str) -> None:
    credentials = Password(ADA.user, ADA.password) if door.startswith("submission") else None
    session = call(door, credentials)
    message = to_bob("Les chiffres de l'été.\n.\n..\n" + "x" * 3000 + "\nFrom here\n")

    receipt = session.send(message)
    session.close()

    (letter,) = postfix.letters(BOB.user)
    secured = door not in {"plain", "strict"}
    assert letter.content == on_the_line(message, session)
    assert (" with ESMTPS" in letter.trace["received"]) == secured
    assert session.session.tls_version.startswith("TLSv1") == secured
    assert receipt.message_id == message.message_id
    assert receipt.message_id.encode() in letter.content


def test_a_certificate_of_nobody_we_trust_is_refused(postfix: Postfix) -> None:
    server = Server(postfix.host, postfix.submissions_port, trust=Trust.bundled())
    session = Blocking(server)

    with pytest.raises(errors.TlsFailed) as refused:
        session.open()

    assert refused.value.stage == "secure"
    assert refused.value.hint


def test_tls_from_the_first_byte_at_a_door_that_begins_in_clear_is_explained(postfix: Postfix) -> None:
    session = Blocking(Server(postfix.host, postfix.submission_port, trust=Trust.file(str(postfix.ca_file))))

    with pytest.raises(errors.ConnectionFailed) as wrong:
        session.open()

    assert wrong.value.stage in {"secure", "greeting"}
    assert wrong.value.hint


# Names in EHLO.


@pytest.mark.parametrize(
    ("name", "taken"), [("", True), ("[127.0.0.1]", True), ("mail.example.org", True), ("localhost", False)]
)
def test_the_name_that_we_give_is_taken_by_the_strictest(call: Call, name: str, taken: bool) -> None:
    """Hazard H33: by default we give a full name or our address, never a short one."""
    session = call("strict", ehlo_name=name)

    if taken:
        assert session.send(to_bob()).complete
        return
    with pytest.raises(errors.RecipientsRefused) as refused:
        session.send(to_bob())
    assert refused.value.reply.code == 504
    assert refused.value.failure is not None
    assert refused.value.session_usable


# Addresses.


@pytest.mark.parametrize(
    ("recipient", "box"),
    [
        ("bob+invoices@example.org", BOB.user),
        ('"john smith"@example.org', "john-smith@example.org"),
        ('"a,b=c"@example.org', ODD.user),
        (IDN.user, IDN.user),
        ("ada@xn--bcher-kva.example", IDN.user),
        ("ADA@BÜCHER.example", IDN.user),
        (ACCENTED.user, ACCENTED.user),
    ],
)
def test_an_address_leads_to_its_mailbox(call: Call, postfix: Postfix, recipient: str, box: str) -> None:
    session = call()
    message = to_bob(to=recipient)

    receipt = session.send(message)

    (letter,) = postfix.letters(box)
    assert receipt.complete
    assert letter.content == on_the_line(message, session)
    # SMTPUTF8 is asked for only where a local part cannot be said without it.
    assert (" with UTF8SMTP" in letter.trace["received"]) == (recipient == ACCENTED.user)


def test_bcc_is_never_seen(call: Call, postfix: Postfix) -> None:
    session = call()

    receipt = session.send(to_bob(cc=ADA.user, bcc="cleo@example.org"))
    ready = Message.parse(
        b"From: ada@example.org\r\nTo: bob@example.org\r\nBcc: Cleo <cleo@example.org>\r\n\r\nHello.\r\n"
    )
    session.send(ready)

    letters = [*postfix.letters(BOB.user, 2), *postfix.letters("cleo@example.org", 2), *postfix.letters(ADA.user, 1)]
    assert receipt.accepted == (BOB.user, ADA.user, "cleo@example.org")
    assert len(letters) == 5
    assert not any(b"bcc" in letter.content.lower() or b"cleo" in letter.content.lower() for letter in letters)


def test_the_null_sender_is_taken(call: Call, postfix: Postfix) -> None:
    session = call()

    session.send(to_bob(), sender="")

    (letter,) = postfix.letters(BOB.user)
    assert letter.trace["return-path"] == "<>"


# Refusals.


@pytest.mark.parametrize("recipient", [*RECIPIENTS, "nobody@example.org"])
def test_a_refused_recipient_keeps_the_words_of_the_server(call: Call, postfix: Postfix, recipient: str) -> None:
    words = RECIPIENTS.get(recipient, "550 5.1.1 ")
    session = call()

    if words.startswith("421"):
        with pytest.raises(errors.ConnectionFailed) as closed:
            session.send(to_bob(to=[BOB.user, recipient]))
        assert closed.value.reply is not None
        assert closed.value.reply.code == 421
        assert closed.value.stage == "recipient"
        assert not closed.value.in_doubt
        assert not session.session.usable
        return
    receipt = session.send(to_bob(to=[BOB.user, recipient]))
    with pytest.raises(errors.RecipientsRefused) as refused:
        session.send(to_bob(to=recipient))
    with pytest.raises(errors.RecipientsRefused) as abandoned:
        session.send(to_bob("never", to=[BOB.user, recipient]), on_refused="abandon")

    assert receipt.accepted == (BOB.user,)
    assert str(receipt.refused[recipient]).startswith(words[:9])
    assert words.partition(" ")[2].partition(" ")[2] in str(receipt.refused[recipient])
    assert list(refused.value.refused) == list(abandoned.value.refused) == [recipient]
    assert refused.value.retryable == words.startswith("4")
    assert refused.value.session_usable
    session.close()
    assert len(postfix.letters(BOB.user, count=0)) == 1


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("door", ["plain", "submission"])
def test_a_refused_sender_keeps_the_words_of_the_server(call: Call, sender: str, door: str) -> None:
    """At the submission door it is RCPT that is refused because of the sender, as most servers do it."""
    words = SENDERS[sender]
    session = call(door, Password(ADA.user, ADA.password) if door == "submission" else None)

    with pytest.raises(errors.SenderRefused if door == "plain" else errors.RecipientsRefused) as refused:
        session.send(to_bob(sender=sender))

    assert str(refused.value.reply).startswith(words[:9])
    assert refused.value.stage == ("sender" if door == "plain" else "recipient")
    assert refused.value.retryable == words.startswith("4")
    assert refused.value.session_usable
    assert session.send(to_bob()).complete


@pytest.mark.parametrize("sender", AFTER_DATA)
def test_a_message_refused_after_the_dot_is_certainly_not_sent(call: Call, postfix: Postfix, sender: str) -> None:
    session = call()

    with pytest.raises(errors.MessageRefused) as refused:
        session.send(to_bob(sender=sender))

    assert str(refused.value.reply).startswith(AFTER_DATA[sender][:9])
    assert refused.value.stage == "message"
    assert refused.value.retryable
    assert not refused.value.in_doubt
    assert session.send(to_bob()).complete
    assert len(postfix.letters(BOB.user)) == 1


def test_a_message_with_forbidden_words_is_refused_for_good(call: Call) -> None:
    session = call()

    with pytest.raises(errors.MessageRefused) as refused:
        session.send(to_bob(FORBIDDEN_WORDS))

    assert refused.value.reply.code == 550
    assert not refused.value.retryable
    assert refused.value.session_usable


# Sizes.


def test_a_message_above_the_limit_is_refused_before_it_leaves(call: Call, postfix: Postfix) -> None:
    transcript = Transcript()
    session = call(transcript=transcript)
    large = to_bob().with_data(b"x" * postfix.maximum, "large.bin")

    with pytest.raises(errors.NotSupported) as too_big:
        session.send(large)

    assert too_big.value.capability == "SIZE"
    assert too_big.value.session_usable
    assert "MAIL FROM" not in str(transcript)
    assert session.send(to_bob()).complete


def test_a_message_just_below_the_limit_arrives(call: Call, postfix: Postfix) -> None:
    session = call()
    message = to_bob().with_data(bytes(range(256)) * 2600, "large.bin")

    session.send(message)

    (letter,) = postfix.letters(BOB.user)
    assert 0.85 * postfix.maximum < len(letter.content) < postfix.maximum
    assert letter.content == on_the_line(message, session)


# Content.


@pytest.mark.parametrize("by", ["BDAT", "DATA"])
@pytest.mark.parametrize("text", [text for text in hostile("bodies") if "\0" not in text], ids=shown)
def test_a_hostile_body_arrives_to_the_byte(call: Call, postfix: Postfix, text: str, by: str) -> None:
    session = said_by(by, call())
    message = to_bob(text)

    session.send(message)

    (letter,) = postfix.letters(BOB.user)
    assert letter.content == on_the_line(message, session)


@pytest.mark.parametrize("by", ["BDAT", "DATA"])
def test_octets_that_are_ready_arrive_as_they_are(call: Call, postfix: Postfix, by: str) -> None:
    lines = [b"", b".", b"..", b".a", b"a.", b" ", b"\t.", b"x" * 998, b"." * 998, "été ☃".encode(), b"\xff\xfe", b"."]
    raw = b"Subject: dots\r\n" + b"".join(line + b"\r\n" for line in lines)
    pieces = tuple(raw[place : place + 1] for place in range(len(raw)))
    session = said_by(by, call())

    for content in (Content((raw,), len(raw), eight_bit=True), Content(pieces, len(raw), eight_bit=True)):
        session.deliver(Envelope.of(ADA.user, BOB.user), content)

    letters = postfix.letters(BOB.user, 2)
    assert [letter.content for letter in letters] == [raw, raw]


@pytest.mark.parametrize("size", [0, 65_535, 65_536, 65_537, 131_072, 400_000])
def test_every_size_arrives_to_the_byte_by_its_length(call: Call, postfix: Postfix, size: int) -> None:
    """Whether it left with its envelope or behind it, in one block or in many."""
    lines = b"Subject: sizes\r\n\r\n" + (b"x" * 76 + b"\r\n") * (size // 78 + 1)
    raw = lines[: max(size - 2, 19)] + b"\r\n"
    session = call()

    session.deliver(Envelope.of(ADA.user, BOB.user), Content((raw,), len(raw)))
    session.send(to_bob("and one more behind it"))

    letters = postfix.letters(BOB.user, 2)
    assert {letter.content for letter in letters} >= {raw}


def test_postfix_throws_away_what_nobody_wants_and_goes_on(call: Call, postfix: Postfix) -> None:
    """The content follows at once, and looks like commands: it must be read to its end, and be none."""
    content = b"RSET\r\nMAIL FROM:<ada@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: smuggled\r\n.\r\n"
    session = call()

    with pytest.raises(errors.RecipientsRefused) as refused:
        session.deliver(
            Envelope.of(ADA.user, ["nobody@example.org", "no.one@example.org"]), Content((content,), len(content))
        )
    assert session.send(to_bob("the only one")).complete
    session.close()

    assert len(refused.value.refused) == 2
    assert not refused.value.in_doubt
    (letter,) = postfix.letters(BOB.user)
    assert b"the only one" in letter.content


def test_attachments_arrive_to_the_byte(call: Call, postfix: Postfix, tmp_path_factory: pytest.TempPathFactory) -> None:
    from email import message_from_bytes, policy

    octets = bytes(range(256)) * 40
    file = tmp_path_factory.mktemp("attached") / "chiffres de l'été.pdf"
    file.write_bytes(octets)
    session = call()
    message = to_bob(html="<p>Ci-joint <img src='cid:logo'></p>").with_attachment(file)
    message = message.with_data(octets, "收款明细9月.bin").with_data(b"\x89PNG", "logo", inline=True)

    session.send(message)

    (letter,) = postfix.letters(BOB.user)
    files = {
        part.get_filename(): part.get_payload(decode=True)
        for part in message_from_bytes(letter.content, policy=policy.default).walk()
        if part.get_filename()
    }
    assert letter.content == on_the_line(message, session)
    assert files == {file.name: octets, "收款明细9月.bin": octets, "logo": b"\x89PNG"}


def test_many_messages_go_through_one_session(call: Call, postfix: Postfix) -> None:
    session = call("submission", Password(ADA.user, ADA.password))
    messages = [to_bob(f"number {count}\n") for count in range(20)]

    receipts = [session.send(message) for message in messages]
    session.close()

    letters = postfix.letters(BOB.user, 20)
    assert all(receipt.complete for receipt in receipts)
    assert {letter.content for letter in letters} == {on_the_line(message, session) for message in messages}


def test_a_hundred_and_fifty_recipients_are_answered_each(call: Call, postfix: Postfix) -> None:
    """More than one burst holds."""
    session = call()
    known = [f"bob+{count}@example.org" for count in range(120)]
    unknown = [f"nobody{count}@example.org" for count in range(15)]

    receipt = session.send(to_bob(), to=[*known, *unknown])

    assert receipt.accepted == tuple(known)
    assert list(receipt.refused) == unknown
    assert len(postfix.letters(BOB.user, 120)) == 120


# Options.


def test_delivery_reports_are_asked_for(call: Call, postfix: Postfix) -> None:
    """A report of success comes back by itself: to the sender, with our envelope id and the address as it was given."""
    session = call()

    receipt = session.send(to_bob(), notify={Notify.SUCCESS}, envid="invoice-42+a")

    (report,) = postfix.letters(ADA.user)
    assert receipt.notes == ()
    assert report.trace["return-path"] == "<>"
    assert b"Original-Envelope-Id: invoice-42+a" in report.content
    assert b"Original-Recipient: rfc822;bob@example.org" in report.content


def test_what_the_server_does_not_promise_is_not_sent(call: Call) -> None:
    session = call("submission", Password(ADA.user, ADA.password))

    with pytest.raises(errors.NotSupported) as missing:
        session.send(to_bob(), require_tls=True)

    assert missing.value.capability == "REQUIRETLS"
    assert missing.value.session_usable


def test_a_session_is_opened_closed_and_opened_again(call: Call, postfix: Postfix) -> None:
    session = call()
    session.noop()
    session.close()
    with pytest.raises(errors.ConnectionFailed):
        session.send(to_bob())

    session.open()

    assert session.send(to_bob()).complete
    assert len(postfix.letters(BOB.user)) == 1
