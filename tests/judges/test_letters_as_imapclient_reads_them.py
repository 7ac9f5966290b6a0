"""FETCH responses, as IMAPClient reads them: the same flags, sizes, dates and octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient.response_parser import parse_fetch_response

from courriel import ReadLimits
from courriel.wire.imap.dates import read_date
from courriel.wire.imap.fetched import Fetched
from courriel.wire.imap.parser import ImapParser

FLAGS = st.sampled_from(["\\Seen", "\\Answered", "$Work", "NonJunk", "a.b-c_d"])


@pytest.mark.slow
@given(
    st.integers(1, 2**32 - 1),
    st.integers(0, 10**9),
    st.lists(FLAGS, max_size=4, unique=True),
    st.binary(max_size=80),
    st.sampled_from(["BODY[]", "BODY[HEADER]", "BODY[1.2.MIME]", "RFC822"]),
    st.permutations(["uid", "size", "flags", "date"]),
)
def test_a_letter_is_read_as_imapclient_reads_it(
    uid: int, size: int, flags: list[str], octets: bytes, section: str, order: list[str]
) -> None:
    data = {
        "uid": f"UID {uid}",
        "size": f"RFC822.SIZE {size}",
        "flags": f"FLAGS ({' '.join(flags)})",
        "date": 'INTERNALDATE "29-Nov-2026 10:00:00 +0130"',
    }
    head = f"7 FETCH ({' '.join(data[name] for name in order)} {section} {{{len(octets)}}}".encode()
    parser = ImapParser(ReadLimits())
    parser.add(b"* " + head + b"\r\n" + octets + b")\r\n")

    ours = parser.next()
    theirs = parse_fetch_response([(head.replace(b"FETCH ", b""), octets), b")"], normalise_times=False)[uid]

    assert isinstance(ours, Fetched)
    assert ours.uid == uid
    assert ours.size == theirs[b"RFC822.SIZE"]
    assert tuple((ours.flags or b"").split()) == theirs[b"FLAGS"]
    assert ours.sections == {section: theirs[section.encode()]}
    assert read_date(ours.date) == theirs[b"INTERNALDATE"]
