"""A real Dovecot, read by IMAP: every door, every login, every word of a session, in both colours."""

from __future__ import annotations

import datetime as dt
import imaplib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import imap_tools
import pytest

import inside
from courriel import (
    Letter,
    Message,
    Password,
    Search,
    Security,
    Server,
    SyncMark,
    Token,
    TokenSource,
    Transcript,
    Trust,
    errors,
)
from courriel.model.servers.credentials import Credentials
from hostile.lists import hostile, shown
from servers.accounts import ACCOUNTS, ADA, CLEO, Account
from servers.dovecot import Dovecot, access_token
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox

pytestmark = pytest.mark.acceptance

Call = Callable[..., Mailbox]
DOORS = {
    "imap": ("imap_port", Security.NONE),
    "imap+starttls": ("imap_port", Security.STARTTLS),
    "imaps": ("imaps_port", Security.TLS),
}
LETTER = (
    b"From: Ada <ada@example.org>\r\nTo: cleo@example.org\r\nSubject: Les chiffres\r\n"
    b"Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@example.org>\r\n\r\nBonjour.\r\n"
)


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def call(request: pytest.FixtureRequest, dovecot: Dovecot) -> Iterator[Call]:
    """A session, opened, at one of Dovecot's doors."""
    with ExitStack() as ending:

        def call(
            door: str = "imaps", credentials: Credentials | None = None, *, transcript: Transcript | None = None,
            limits: Any = None, **options: Any,
        ) -> Mailbox:  # fmt: skip
            port, security = DOORS[door]
            wanted = {"trust": Trust.file(dovecot.authority.ca_file)} | options
            server = Server(dovecot.host, getattr(dovecot, port), security, **wanted)
            more = {} if limits is None else {"limits": limits}
            session = request.param(
                server, credentials or Password(CLEO.user, CLEO.password), transcript=transcript, **more
            )
            ending.callback(session.leave)
            session.open()
            return session

        yield call


@pytest.fixture
def box(call: Call) -> Mailbox:
    """Cleo's mailbox, empty, and no folder beside INBOX."""
    session = call()
    for folder in session.folders():
        if folder.name != "INBOX" and folder.selectable:
            session.remove(folder.name)
    found = session.search()
    if len(found):
        session.delete(found.uids)
        session.expunge()
    return session


def put(box: Mailbox, *subjects: str, flags: tuple[str, ...] = ()) -> list[int]:
    """Letters with these subjects; their numbers."""
    return [
        box.append(LETTER.replace(b"Les chiffres", subject.encode()), "INBOX", flags=flags).uid for subject in subjects
    ]


def subjects(found: Any) -> list[str]:
    return [
        line.removeprefix(b"Subject: ").decode()
        for letter in found
        for line in letter.raw_header.split(b"\r\n")
        if line.startswith(b"Subject: ")
    ]


# Doors and logins.


@pytest.mark.parametrize("door", DOORS)
def test_sessions_are_compressed_at_every_door(call: Call, box: Mailbox, door: str) -> None:
    transcript = Transcript()
    session = call(door, compress=True, transcript=transcript)
    octets = LETTER + b"A line of a letter that is like the others.\r\n" * 50_000

    session.append(octets, "INBOX")
    (letter,) = session.search(whole=True)

    assert session.compressed
    assert session.content(letter) == octets
    assert any("Begin compression" in entry.text for entry in transcript)
    assert "compressed by DEFLATE" in [entry.text for entry in transcript]


@pytest.mark.parametrize("door", DOORS)
def test_every_door_opens(call: Call, door: str) -> None:
    session = call(door)

    assert session.usable
    assert session.status().name == "INBOX"
    assert bool(session.tls_version) is (door != "imap")


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.user)
@pytest.mark.parametrize("mechanism", ["scram-sha-256", "cram-md5", "plain", "login"])
def test_any_characters_log_in_by_every_mechanism(call: Call, mechanism: str, account: Account) -> None:
    session = call("imap+starttls", Password(account.user, account.password), auth=(mechanism,))

    assert session.mechanism == mechanism.upper()
    assert session.status().count >= 0


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_a_token_logs_in(call: Call, mechanism: str) -> None:
    session = call(credentials=TokenSource(ADA.user, lambda: Token(access_token())), auth=(mechanism,))

    assert session.mechanism == mechanism.upper()


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_a_refused_token_is_asked_for_once_more(call: Call, mechanism: str) -> None:
    tokens = iter([access_token(lifetime=-10), access_token()])

    session = call(credentials=TokenSource(ADA.user, lambda: next(tokens)), auth=(mechanism,))

    assert session.usable
    assert next(tokens, None) is None


def test_a_token_source_may_be_awaited(dovecot: Dovecot) -> None:
    async def fetch() -> Token:
        return Token(access_token())

    server = Server(dovecot.host, dovecot.imaps_port, trust=Trust.file(dovecot.authority.ca_file))

    with AwaitingMailbox(server, TokenSource(ADA.user, fetch)) as box:
        assert box.mechanism == "OAUTHBEARER"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_wrong_password_explains_itself(call: Call, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.failures.language", lambda: language)

    with pytest.raises(errors.AuthenticationRefused) as refused:
        call(credentials=Password(CLEO.user, "not it"))

    assert "NO [AUTHENTICATIONFAILED]" in str(refused.value)
    assert refused.value.user == CLEO.user
    assert not refused.value.session_usable
    assert ("mot de passe" if language == "fr" else "password") in refused.value.hint


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_wrong_certificate_explains_itself(call: Call, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.failures.language", lambda: language)

    with pytest.raises(errors.TlsFailed) as failed:
        call(trust=Trust.system())

    assert failed.value.failure is not None
    assert failed.value.failure.id == "CERT-UNKNOWN-ISSUER"
    assert ("autorité" if language == "fr" else "authority") in failed.value.cause


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_wrong_port_explains_itself(
    dovecot: Dovecot, call: Call, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("courriel.failures.language", lambda: language)
    monkeypatch.setitem(DOORS, "mixed up", ("imap_port", Security.TLS))

    with pytest.raises(errors.TlsFailed) as failed:
        call("mixed up")

    assert "in clear it says: * OK [CAPABILITY" in str(failed.value)
    assert f"imap+starttls://localhost:{dovecot.imap_port}" in failed.value.hint
    assert ("Prenez" if language == "fr" else "Use") in failed.value.hint


def test_no_secret_is_in_the_transcript_nor_any_letter(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    transcript = Transcript()
    session = call(transcript=transcript, auth=("plain",))

    session.append(LETTER, "INBOX")
    for letter in session.search():
        session.content(letter)
    session.close()

    said = str(transcript) + caplog.text
    assert "(not shown: a secret)" in said
    assert "octets)" in said
    for secret in (CLEO.password, "Y2xlb0BleGFtcGxlLm9yZwBjbGVv", "Bonjour", "Les chiffres"):
        assert secret not in said


# Letters.


def test_what_was_put_is_what_is_read_to_the_octet(box: Mailbox) -> None:
    octets = LETTER + bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n"
    filed = box.append(octets, "INBOX", flags=())

    (letter,) = box.search(unseen=True)

    assert (letter.uid, letter.size, letter.loaded) == (filed.uid, len(octets), False)
    assert letter.raw_header == LETTER.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert (letter.subject, str(letter.sender), letter.loaded) == ("Les chiffres", "Ada <ada@example.org>", False)
    assert box.content(letter) == octets
    assert letter.text.startswith("Bonjour.")
    assert letter.loaded
    assert [each.uid for each in box.search(unseen=True)] == [filed.uid]


def test_the_moment_of_arrival_is_kept_with_its_zone(box: Mailbox) -> None:
    moment = dt.datetime(2024, 2, 29, 23, 59, 58, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    box.append(LETTER, "INBOX", received=moment)

    (letter,) = box.search()

    assert letter.received == moment
    assert "seen" in letter.flags


def test_a_message_of_ours_is_filed_as_it_was_sent(box: Mailbox) -> None:
    message = Message(
        sender="été@example.org", to="bob@example.org", subject="Les chiffres de l'été", text="Ci-joint ☃."
    )
    box.create("Éléments envoyés")

    filed = box.append(message, box.special("sent"))

    assert filed.folder == "Éléments envoyés"
    assert filed.uid == 1
    box.select("Éléments envoyés")
    assert len(box.search(subject="chiffres de l'été")) == 1


def test_whole_letters_come_with_their_content(box: Mailbox) -> None:
    put(box, "one", "two", "three")

    letters = list(box.search(whole=True))

    assert [letter.loaded for letter in letters] == [True] * 3
    assert subjects(letters) == ["one", "two", "three"]
    assert not any("seen" in letter.flags for letter in box.search())


def test_two_hundred_letters_come_in_their_order(box: Mailbox) -> None:
    uids = put(box, *(f"number {number}" for number in range(200)))

    found = box.search()

    assert list(found.uids) == uids
    assert subjects(found) == [f"number {number}" for number in range(200)]


def test_a_letter_that_is_gone_meanwhile_is_passed_over(box: Mailbox) -> None:
    uids = put(box, "one", "two", "three")
    found = box.search()
    box.delete(uids[1])
    box.expunge()

    assert len(found) == 3
    assert subjects(found) == ["one", "three"]


def test_a_letter_of_another_folder_is_not_mistaken(box: Mailbox) -> None:
    put(box, "here")
    box.create("There")
    (letter,) = box.search()
    box.select("There")

    with pytest.raises(errors.UsageError, match="'INBOX', and 'There' is selected"):
        box.flag(letter, "seen")
    with pytest.raises(errors.UsageError, match="'INBOX', and 'There' is selected"):
        box.content(letter)

    assert box.usable


# Searching.


@pytest.fixture
def library(box: Mailbox) -> Mailbox:
    """Letters of all sorts, to be looked for."""
    day = dt.UTC
    for subject, flags, received in (
        ("plain", (), dt.datetime(2026, 11, 1, 12, tzinfo=day)),
        ("seen", ("seen",), dt.datetime(2026, 11, 2, 12, tzinfo=day)),
        ("flagged and answered", ("flagged", "answered"), dt.datetime(2026, 11, 3, 12, tzinfo=day)),
        ("draft", ("draft", "$Label1"), dt.datetime(2026, 11, 4, 12, tzinfo=day)),
        ('a "quoted" \\ one', (), dt.datetime(2026, 11, 5, 12, tzinfo=day)),
        ("(brackets) {7} * %", (), dt.datetime(2026, 11, 5, 12, tzinfo=day)),
        ("Été à Noël", (), dt.datetime(2026, 11, 6, 12, tzinfo=day)),
    ):
        octets = LETTER.replace(b"Les chiffres", subject.encode()).replace(b"<1@", f"<{subject[:1]}@".encode())
        box.append(octets, "INBOX", flags=flags, received=received)
    return box


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"seen": True}, ["seen"]),
        ({"unseen": False}, ["seen"]),
        ({"flagged": True, "answered": True}, ["flagged and answered"]),
        ({"draft": True}, ["draft"]),
        ({"keyword": "$Label1"}, ["draft"]),
        ({"keyword": "$Label1", "seen": True}, []),
        ({"subject": '"quoted" \\'}, ['a "quoted" \\ one']),
        ({"subject": "(brackets)"}, ["(brackets) {7} * %"]),
        ({"subject": "{7}"}, ["(brackets) {7} * %"]),
        ({"subject": ")"}, ["(brackets) {7} * %"]),
        ({"subject": "%"}, ["(brackets) {7} * %"]),
        ({"subject": "été à"}, ["Été à Noël"]),
        ({"since": dt.date(2026, 11, 5)}, ['a "quoted" \\ one', "(brackets) {7} * %", "Été à Noël"]),
        ({"before": dt.date(2026, 11, 2)}, ["plain"]),
        ({"on": dt.date(2026, 11, 3)}, ["flagged and answered"]),
        ({"sent_before": dt.date(2020, 1, 1)}, []),
        ({"larger": 100_000}, []),
        ({"header": {"X-None": "x"}}, []),
        ({"message_id": "<p@example.org>"}, ["plain"]),
        ({"sender": "ada", "to": "cleo", "body": "Bonjour", "keyword": "$Label1"}, ["draft"]),
        ({"any_of": (Search(seen=True), Search(draft=True))}, ["seen", "draft"]),
        ({"any_of": (Search(subject="plain"), Search(seen=True), Search(draft=True))}, ["plain", "seen", "draft"]),
        ({"none_of": Search(before=dt.date(2026, 11, 6), body="Bonjour")}, ["Été à Noël"]),
        ({"none_of": (Search(any_of=(Search(subject="é"), Search(subject="e"))),)}, ["plain", "draft"]),
        ({"uids": ()}, []),
    ],
    ids=str,
)
def test_search_finds_by_value(library: Mailbox, wanted: dict[str, Any], expected: list[str]) -> None:
    assert subjects(library.search(**wanted)) == expected


@pytest.mark.parametrize("text", hostile("imap_args"), ids=shown)
def test_a_hostile_text_is_refused_or_only_looked_for(library: Mailbox, text: str) -> None:
    for wanted in ({"subject": text}, {"message_id": text}, {"header": {"X-Hostile": text}}):
        if all(c >= " " for c in text):
            assert len(library.search(**wanted)) == 0
        else:
            with pytest.raises(errors.UsageError, match="control character"):
                library.search(**wanted)
    assert len(library.search()) == 7


@pytest.mark.parametrize("name", hostile("imap_args"), ids=shown)
def test_a_hostile_name_of_a_folder_is_refused_or_only_a_name(box: Mailbox, name: str) -> None:
    acts = [box.create, box.select, box.status, box.remove, lambda name: box.append(LETTER, name)]
    if all(c >= " " for c in name):
        box.create(name)

        assert name in [folder.name for folder in box.folders()]
        assert box.append(LETTER, name).uid == 1
        assert box.select(name).count == 1
    else:
        for act in acts:
            with pytest.raises(errors.UsageError, match="control character"):
                act(name)
    assert box.usable


def test_a_letter_is_found_by_its_exact_message_id(box: Mailbox) -> None:
    box.append(LETTER.replace(b"<1@", b"<11@"), "INBOX")
    filed = box.append(LETTER, "INBOX")

    assert box.find(message_id="<1@example.org>") == (filed.uid,)
    assert box.find(message_id="1@example.org", folder="INBOX") == (filed.uid,)
    assert box.find(message_id="<none@example.org>") == ()


def test_other_peoples_clients_find_the_same(library: Mailbox, dovecot: Dovecot) -> None:
    context = dovecot.authority.context()
    with imap_tools.MailBox(dovecot.host, dovecot.imaps_port, ssl_context=context).login(
        CLEO.user, CLEO.password
    ) as theirs:
        flagged = [int(letter.uid or 0) for letter in theirs.fetch(imap_tools.AND(flagged=True), mark_seen=False)]
        everything = {int(letter.uid or 0): letter.obj for letter in theirs.fetch(mark_seen=False)}
    with imaplib.IMAP4_SSL(dovecot.host, dovecot.imaps_port, ssl_context=context) as client:
        client.login(CLEO.user, CLEO.password)
        client.select(readonly=True)
        told = client.uid("FETCH", "1:*", "(BODY.PEEK[])")[1]
    contents = [each[1] for each in told if isinstance(each, tuple)]

    assert list(library.search(flagged=True).uids) == flagged
    assert list(library.search().uids) == list(everything)
    assert [library.content(letter) for letter in library.search()] == contents


# Changing.


def test_flags_come_and_go(box: Mailbox) -> None:
    (uid,) = put(box, "one")

    box.flag(uid, "seen", "flagged", "$Work")
    box.unflag(uid, "seen")

    (letter,) = box.search()
    assert letter.flags - {"recent"} == {"flagged", "$Work"}


def test_letters_are_moved(box: Mailbox) -> None:
    uids = put(box, "one", "two", "three")
    box.create("Archive")

    moved = box.move(uids[:2], "Archive")

    assert list(moved) == uids[:2]
    assert subjects(box.search()) == ["three"]
    box.select("Archive")
    assert list(box.search().uids) == list(moved.values())


def test_letters_are_copied(box: Mailbox) -> None:
    uids = put(box, "one", "two")
    box.create("Archive")

    copied = box.copy(box.search().uids, "Archive")

    assert list(copied) == uids
    assert len(box.search()) == 2
    assert box.status("Archive").count == 2


def test_without_move_letters_are_copied_and_those_alone_expunged(box: Mailbox) -> None:
    uids = put(box, "one", "two", "three")
    box.create("Archive")
    box.delete(uids[2])
    capabilities = dialogue_of(box).capabilities
    del capabilities["MOVE"]

    box.move(uids[0], "Archive")

    assert subjects(box.search()) == ["two", "three"]
    assert box.status("Archive").count == 1


def test_without_uidplus_nothing_else_is_expunged(box: Mailbox) -> None:
    uids = put(box, "one", "two", "three")
    box.delete(uids[:2])
    del dialogue_of(box).capabilities["UIDPLUS"]

    with pytest.raises(errors.NotSupported) as unsupported:
        box.expunge(uids[0])

    assert unsupported.value.capability == "UIDPLUS"
    assert len(box.search()) == 3
    box.expunge(uids[:2])
    assert subjects(box.search()) == ["three"]


def test_folders_are_made_renamed_and_removed(box: Mailbox) -> None:
    box.create("Été & Co")
    box.rename("Été & Co", "Hiver")

    assert {folder.name for folder in box.folders()} == {"INBOX", "Hiver"}
    box.remove("Hiver")
    assert [folder.name for folder in box.folders()] == ["INBOX"]


def test_a_folder_that_is_not_there_is_a_refusal(box: Mailbox) -> None:
    with pytest.raises(errors.CommandRefused) as refused:
        box.select("Nowhere")

    assert refused.value.session_usable
    assert refused.value.stage == "mailbox"
    assert str(refused.value).startswith("NO ")
    assert box.select("INBOX").name == "INBOX"


def test_a_folder_may_be_selected_for_reading_only(box: Mailbox) -> None:
    put(box, "one")
    box.select(read_only=True)

    (letter,) = box.search()
    for change in (lambda: box.flag(letter, "seen"), box.expunge, lambda: box.move(letter, "INBOX")):
        with pytest.raises(errors.UsageError, match="reading only"):
            change()

    assert box.content(letter).endswith(b"Bonjour.\r\n")
    assert box.selected.read_only


def test_a_letter_may_not_be_larger_than_the_limits(call: Call, box: Mailbox) -> None:
    from courriel import ReadLimits

    box.append(LETTER + b"x" * 100_000 + b"\r\n", "INBOX")
    small = call(limits=ReadLimits(letter=50_000))

    (letter,) = small.search(whole=True)
    with pytest.raises(errors.LetterTooLarge):
        small.content(letter)

    assert small.usable
    assert not letter.loaded


# Watching.


def test_a_new_letter_is_given_as_it_comes(box: Mailbox, call: Call) -> None:
    other = call()
    put(box, "old")

    with box.watch() as watch:
        put(other, "new", "newer")
        letters = [next(watch), next(watch)]

        box.flag(letters[0], "seen")
        put(other, "newest")
        letters.append(next(watch))

    assert subjects(letters) == ["new", "newer", "newest"]
    assert watch.mark.uid == letters[-1].uid
    assert box.usable


def test_a_watch_goes_on_where_it_stopped(box: Mailbox) -> None:
    put(box, "one")
    with box.watch() as watch:
        mark = watch.mark
    put(box, "two", "three")

    with box.watch(after=mark) as again:
        letters = [next(again), next(again)]

    assert subjects(letters) == ["two", "three"]


# One part without the rest.


def with_files() -> bytes:
    """A large letter: text and HTML with an image, an attached mail, two files of the same name."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@example.org", "cleo@example.org", "files"
    message.set_content("Bonjour.\n")
    message.add_alternative("<p>Bonjour <img src='cid:photo'></p>", subtype="html")
    html = message.get_payload()[1]  # type: ignore[index]
    html.add_related(b"\x89PNG" * 100, "image", "png", cid="<photo>")  # type: ignore[union-attr]
    message.add_attachment(bytes(range(256)) * 400, "application", "pdf", filename="Été.pdf")
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("within\n")
    message.add_attachment(inner)
    message.add_attachment("a;b\n" * 200_000, subtype="csv", filename="Été.pdf")
    return message.as_bytes(policy=policy.SMTP)


def test_an_attachment_is_fetched_without_the_rest(box: Mailbox, call: Call) -> None:
    octets = with_files()
    filed = box.append(octets, "INBOX")
    transcript = Transcript()
    session = call(transcript=transcript)
    session.select()
    whole = Letter.parse(octets)

    (letter,) = session.fetch(filed.uid)
    parts = session.parts_of(letter)
    contents = [session.part_of(letter, part) for part in parts]

    assert [part.section for part in parts] == ["1.1", "1.2.1", "1.2.2", "2", "3", "4"]
    assert contents[2:] == [attachment.content for attachment in whole.attachments]
    if isinstance(session, BlockingMailbox):
        transcript.take()
        found = letter.attachments
        described = [(each.name, each.content_type, each.content_id, each.inline) for each in found]
        assert described == [(e.name, e.content_type, e.content_id, e.inline) for e in whole.attachments]
        assert found[1].content == whole.attachments[1].content
        assert "BINARY.PEEK[2]" in str(transcript)
        assert "BODY.PEEK[]" not in str(transcript)
        assert not letter.loaded


# Synchronising.


@pytest.mark.parametrize("without", [(), ("QRESYNC",), ("QRESYNC", "CONDSTORE")], ids=str)
def test_what_has_happened_meanwhile_is_told(box: Mailbox, call: Call, without: tuple[str, ...]) -> None:
    uids = put(box, "one", "two", "three")

    def changes(since: SyncMark | None) -> tuple[list[tuple[str, int]], SyncMark]:
        session = call()
        for name in without:
            del dialogue_of(session).capabilities[name]
        sync = session.sync(since=since)
        found = [(change.kind.value, change.uid) for change in session.each_change(sync)]
        return found, SyncMark.read(str(sync.mark))

    first, mark = changes(None)
    nothing, mark = changes(mark)
    box.flag(uids[0], "flagged")
    box.delete(uids[1])
    box.expunge()
    (new,) = put(box, "four")
    told, mark = changes(mark)
    last, _ = changes(mark)

    assert first == [("new", uid) for uid in uids]
    assert told == [("gone", uids[1]), ("changed", uids[0]), ("new", new)]
    assert nothing == last == []


def test_a_letter_is_saved_to_the_octet(box: Mailbox, tmp_path: Path) -> None:
    octets = LETTER + b"x" * 3_000_000 + b"\r\n"
    filed = box.append(octets, "INBOX")

    box.save(filed.uid, tmp_path / "letter.eml")

    assert (tmp_path / "letter.eml").read_bytes() == octets


def test_a_list_of_letters_has_its_fields(box: Mailbox) -> None:
    put(box, "one", "two")

    letters = list(box.search(listing=True))

    assert [(letter.subject, str(letter.sender), letter.message_id) for letter in letters] == [
        ("one", "Ada <ada@example.org>", "<1@example.org>"),
        ("two", "Ada <ada@example.org>", "<1@example.org>"),
    ]


def dialogue_of(box: Mailbox) -> Any:
    return inside.dialogue_of(box if isinstance(box, BlockingMailbox) else box.session)
