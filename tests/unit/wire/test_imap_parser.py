"""Parser of IMAP: the same events however the octets are cut, every value read back, and limits before memory."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import ReadLimits, errors
from courriel.wire.imap import dates, folder_names
from courriel.wire.imap.fetched import Fetched
from courriel.wire.imap.listing import read_listed, read_status_data
from courriel.wire.imap.parser import Continuation, Event, ImapParser, Tagged, Unknown, Untagged
from courriel.wire.imap.syntax import AnswerStatus
from courriel.wire.imap.values import DEEPEST, Value, read_values

CONVERSATION = b"""\
* OK [CAPABILITY IMAP4rev1] hi {5}\r
* 1 FETCH (UID 1 FLAGS (\\Seen $a b]) RFC822.SIZE 5 INTERNALDATE "x" BODY[] {5}\r
ab)\r
)\r
* 2 FETCH (UID 2 BODY[HEADER.FIELDS (DATE FROM)] {2}\r
xy)\r
* 3 FETCH (UID 7 BODY[] {2}\r
xy\r
)\r
* 4 fetch (body[header.fields (date  from)] {0}\r
 FLAGS () uid 3)\r
\r
* 4 exists\r
* LIST (\\A) "/" {3}\r
a"b\r
* SEARCH 1 2 3\r
+ go\r
* 3 FETCH (UID 9 BODY[] NIL X (1 (2 "a\\"b")) RFC822 ~{3}\r
\0\r
)\r
neither\r
c1 OK [COPYUID 1 1:2 3] done\r
"""


def read(data: bytes, *cuts: int, limits: ReadLimits | None = None, patient: bool = False) -> list[Event]:
    """All events of octets that arrive in these pieces; who is `patient` waits for letters in the usual form."""
    parser = ImapParser(limits or ReadLimits())
    events: list[Event] = []
    places = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(places):
        if start == end:
            continue
        parser.add(data[start:end])
        while True:
            letters: list[Fetched] = []
            begun = parser.letters(letters)
            events.extend(letters)
            event = None if begun and patient else parser.next()
            if event is None:
                break
            events.append(event)
    assert parser.empty
    return events


def test_a_conversation_is_read() -> None:
    events = read(CONVERSATION)

    assert events == [
        Untagged(
            "OK", None, (b"OK [CAPABILITY IMAP4rev1] hi {5}",), AnswerStatus("OK", "CAPABILITY IMAP4rev1", "hi {5}")
        ),
        Fetched(1, 5, b"\\Seen $a b]", b"x", {"BODY[]": b"ab)\r\n"}),
        Fetched(2, None, None, None, {"BODY[HEADER.FIELDS (DATE FROM)]": b"xy"}),
        Fetched(7, None, None, None, {"BODY[]": b"xy"}),
        Fetched(3, None, b"", None, {"BODY[HEADER.FIELDS (DATE FROM)]": b""}),
        Untagged("EXISTS", 4),
        Untagged("LIST", None, (b'(\\A) "/" ', b'a"b', b"")),
        Untagged("SEARCH", None, (b"1 2 3",)),
        Continuation(b"go"),
        Fetched(9, None, None, None, {"BODY[]": None, "RFC822": b"\0\r\n"}, {"X": ["1", ["2", b'a"b']]}),
        Unknown(b"neither"),
        Tagged(b"c1", AnswerStatus("OK", "COPYUID 1 1:2 3", "done")),
    ]


@pytest.mark.parametrize("patient", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_of_one_size_give_the_same_events(size: int, patient: bool) -> None:
    assert read(CONVERSATION, *range(size, len(CONVERSATION), size), patient=patient) == read(CONVERSATION)


@given(st.lists(st.integers(0, len(CONVERSATION)), max_size=8), st.booleans())
def test_any_cut_gives_the_same_events(cuts: list[int], patient: bool) -> None:
    assert read(CONVERSATION, *cuts, patient=patient) == read(CONVERSATION)


@pytest.mark.parametrize(
    "data",
    [
        b"* 1 FETCH (UID 1 BODY[] {70000}\r\nab",  # it is taken piece by piece
        b"* 1 FETCH (BODY[] {7}\r\nab",
        b"* 1 FETCH (UID 1 BODY[] {7}\r\nabcdefg xy",
        b"* 1 FETCH (UID 1 UID 2 BODY[] {2}\r\nab)\r\n",
        b"* 1 FETCH (UID 1 BODY[] {101}\r\nab",
    ],
)
def test_nobody_waits_for_what_is_no_small_letter_in_the_usual_form(data: bytes) -> None:
    parser = ImapParser(ReadLimits(letter=100 if b"{101}" in data else 100_000))
    parser.add(data)

    assert not parser.letters([])


ATOMS = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$-_.\\+éß", min_size=1, max_size=8
).filter(lambda atom: atom.upper() != "NIL")
VALUES = st.recursive(
    st.one_of(ATOMS, st.binary(max_size=20), st.none()), lambda inner: st.lists(inner, max_size=4), max_leaves=20
)


def written(value: Value, quoted: bool) -> bytes:
    """One value as a server may write it."""
    match value:
        case None:
            return b"nil" if quoted else b"NIL"
        case str():
            return value.encode()
        case list():
            return b"(" + b" ".join(written(each, quoted) for each in value) + b")"
        case _:
            plain = not any(octet < 0x20 or octet == 0x7F for octet in value)
            if quoted and plain:
                return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
            return b"{%d}\r\n%b" % (len(value), value)


@pytest.mark.slow
@given(st.lists(VALUES, max_size=4), st.booleans(), st.lists(st.integers(0, 400), max_size=4))
def test_whatever_a_server_writes_is_read_back(values: list[Value], quoted: bool, cuts: list[int]) -> None:
    data = b"* THREAD " + b" ".join(written(value, quoted) for value in values) + b"\r\nc1 OK done\r\n"

    first, last = read(data, *(min(cut, len(data)) for cut in cuts))

    assert isinstance(first, Untagged)
    assert first.values() == values
    assert last == Tagged(b"c1", AnswerStatus("OK", "", "done"))


@given(
    st.integers(1, 2**32 - 1),
    st.integers(0, 10**9),
    st.lists(ATOMS, max_size=3),
    st.binary(max_size=60),
    st.permutations(["UID", "RFC822.SIZE", "FLAGS", "BODY[]", "X-GM-LABELS"]),
)
def test_a_letter_is_read_in_whatever_order_its_data_come(
    uid: int, size: int, flags: list[str], octets: bytes, order: list[str]
) -> None:
    data: dict[str, bytes] = {
        "UID": b"%d" % uid,
        "RFC822.SIZE": b"%d" % size,
        "FLAGS": b"(%b)" % " ".join(flags).encode(),
        "BODY[]": b"{%d}\r\n%b" % (len(octets), octets),
        "X-GM-LABELS": b'("a b" c)',
    }
    line = b"* 12 FETCH (" + b" ".join(name.encode() + b" " + data[name] for name in order) + b")\r\n"

    (letter,) = read(line)

    assert letter == Fetched(
        uid, size, " ".join(flags).encode(), None, {"BODY[]": octets}, {"X-GM-LABELS": [b"a b", "c"]}
    )


@given(st.binary(max_size=200))
def test_any_octets_give_events_or_a_clear_error(data: bytes) -> None:
    parser = ImapParser(ReadLimits(letter=1000, line=100, answer=2000, lines=10))
    parser.add(data)
    try:
        parser.letters([])
        while (event := parser.next()) is not None:
            if isinstance(event, Untagged):
                event.values()
    except errors.RemoteProtocolError:
        pass


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"* 1 FETCH (UID 1 BODY[] {9223372036854775808}\r\n", "a letter of more than 1,000 octets"),
        (b"* 1 FETCH (UID 1 BODY[] {99999999999999999999999}\r\n", "a letter of more than 1,000 octets"),
        (b"* 1 FETCH (UID 1 BODY[] {1001}\r\n", "a letter of more than 1,000 octets"),
        (b"* LIST () NIL {1001}\r\n", "a letter of more than 1,000 octets"),
        (b"x" * 4001, "a line of more than 4,000 octets"),
        (b"* 1 EXISTS\r\n" * 101, "an answer of more than 100 lines"),
        ((b"* 1 FETCH (X {900}\r\n" + b"y" * 900 + b")\r\n") * 2, "an answer of more than 1,500 octets"),
        (b"* 1 FETCH " + b"(" * 1000 + b"\r\n", f"lists more than {DEEPEST} deep"),
        (b"* 1 FETCH (UID 1))\r\n", "a list ends that has not begun"),
        (b'* 1 FETCH (UID 1 X "abc)\r\n', "a string without an end"),
    ],
)  # fmt: skip
def test_what_is_too_much_is_refused_before_it_is_in_memory(data: bytes, match: str) -> None:
    limits = ReadLimits(letter=1000, line=4000, answer=1500, lines=100)

    with pytest.raises(errors.RemoteProtocolError, match=match):
        read(data, limits=limits)


def test_a_list_of_a_million_levels_is_refused() -> None:
    with pytest.raises(errors.RemoteProtocolError, match="deep"):
        read_values((b"(" * 1_000_000,))


@pytest.mark.slow
def test_a_response_of_too_many_values_is_refused() -> None:
    with pytest.raises(errors.RemoteProtocolError, match="more than 200,000 values"):
        read_values((b"()" * 150_000,))


def test_the_limits_count_from_answer_to_answer() -> None:
    data = b"".join(b"* 1 FETCH (UID 1 BODY[] {900}\r\n%b)\r\nc1 OK done\r\n" % (b"y" * 900) for _ in range(5))
    parser = ImapParser(ReadLimits(answer=1500))
    parser.add(data)
    answers = 0
    while (event := parser.next()) is not None:
        if isinstance(event, Tagged):
            answers += 1
            parser.start_answer()

    assert answers == 5


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 64, 100_000])
def test_a_letter_is_poured_without_being_kept(size: int) -> None:
    octets = bytes(range(256)) * 1000
    data = b"* 1 FETCH (RFC822.SIZE 256000 BODY[] {256000}\r\n" + octets + b" UID 4)\r\n"
    parser = ImapParser(ReadLimits(letter=1000, answer=2000))
    poured = bytearray()
    parser.pour, parser.most_poured = poured.extend, 256_000
    events = []
    for start in range(0, len(data), size):
        parser.add(data[start : start + size])
        while (event := parser.next()) is not None:
            events.append(event)

    assert poured == octets
    assert events == [Fetched(4, 256_000, None, None, {"BODY[]": b""})]


def test_sizes_are_taken_many_at_a_time_up_to_anything_else() -> None:
    parser = ImapParser(ReadLimits(lines=100))
    parser.add(
        b"* 1 FETCH (UID 4 RFC822.SIZE 10)\r\n* 2 FETCH (UID 5 RFC822.SIZE 0)\r\n"
        b"* 3 FETCH (RFC822.SIZE 7 UID 6)\r\n* 4 FE"
    )

    assert parser.sizes() == [(4, 10), (5, 0)]
    assert parser.next() == Fetched(6, 7, None, None, {})
    assert parser.sizes() == []
    parser.add(b"TCH (UID 7 RFC822.SIZE 1)\r\n")
    assert parser.sizes() == [(7, 1)]
    parser.add(b"* 1 FETCH (UID 4 RFC822.SIZE 10)\r\n" * 101)
    with pytest.raises(errors.RemoteProtocolError, match="more than 100 lines"):
        parser.sizes()


# Folders.


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"))))
def test_a_name_of_a_folder_is_read_back(name: str) -> None:
    coded = folder_names.encoded(name)

    assert coded.isascii()
    assert folder_names.shown(coded) == name


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"INBOX", "INBOX"),
        (b"&AMk-t&AOk-", "Été"),
        (b"R&-D", "R&D"),
        (b"R&D", "R&D"),
        ("Entwürfe".encode(), "Entwürfe"),
        (b"&AOk", "&AOk"),
        (b"&A-", "&A-"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\r\nb", "a\\x0d\\x0ab"),
        (b"&AAo-", "&AAo-"),
    ],
)
def test_a_name_is_shown_as_far_as_it_can_be_decoded(octets: bytes, name: str) -> None:
    assert folder_names.shown(octets) == name


@pytest.mark.parametrize(
    ("line", "name", "separator"),
    [
        (b'(\\Noselect) "/" "a b"', b"a b", "/"),
        (b"() NIL NIL", b"NIL", ""),
        (b'() "\\\\" a', b"a", "\\"),
        (b'() "/" INBOX/"x"', b'INBOX/"x"', "/"),
        (b'() "/" Sent Items', b"Sent Items", "/"),
        (b'() "/" 2026', b"2026", "/"),
        (b'() "/" inbox (CHILDINFO ("SUBSCRIBED"))', b"inbox", "/"),
    ],
)
def test_a_listed_folder_is_read(line: bytes, name: bytes, separator: str) -> None:
    listed = read_listed(read_values((line,)), (line,))

    assert listed is not None
    assert (listed.name, listed.separator) == (name, separator)


@pytest.mark.parametrize("line", [b"", b"()", b'() "/"', b"NIL NIL NIL", b'() "/" ""', b'() "/" ()'])
def test_a_listing_without_a_name_is_none(line: bytes) -> None:
    assert read_listed(read_values((line,)), (line,)) is None


def test_a_status_is_read_as_far_as_it_is_numbers() -> None:
    values = read_values((b'"a b" (MESSAGES 3 UNSEEN x uidnext 4 UIDVALIDITY "5" X)',))

    assert read_status_data(values) == {"MESSAGES": 3, "UIDNEXT": 4, "UIDVALIDITY": 5}


# Dates.


@given(
    st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_a_date_of_arrival_is_read_back(moment: dt.datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))

    assert dates.read_date(dates.written(moment).strip(b'"')) == moment


@pytest.mark.parametrize(
    "date",
    [
        b"", b"00-Jan-0000 00:00:00 +0000", b"31-Feb-2020 10:00:00 +0000", b" 1-Jan-2020 24:00:00 +0000",
        b"Sun, 29 Nov 2026 10:00:00 +0000", b"01-Jan-1970 00:00:00 +2460", b"01-Foo-1970 00:00:00 +0000",
    ],
)  # fmt: skip
def test_a_date_that_is_none_is_none(date: bytes) -> None:
    assert dates.read_date(date) is None
