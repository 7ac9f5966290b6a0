"""IMAP client, in the order of a session (RFC 9051, RFC 3501): the class that sessions use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from courriel import errors
from courriel.dialogue.flow import Flow, Send
from courriel.dialogue.imap.fetching import HEAD, LISTING, WHOLE, Extent, LetterStream
from courriel.dialogue.imap.letters import ImapLetters
from courriel.dialogue.imap.replies import Answer, judge, reply_of
from courriel.model.received.part import LetterPart
from courriel.wire.imap.body_structure import sections_in
from courriel.wire.imap.fetched import Fetched
from courriel.wire.parse.apart import letter_part

_PAUSE = 60  # seconds before a server is asked again that ended IDLE by itself, as where there is no IDLE
_DECODED = ("base64", "quoted-printable")  # by the server, where it has BINARY; other encodings cost nothing


class ImapDialogue(ImapLetters):
    """
    Client side of one IMAP connection.

    Each public method is a flow: run it with a driver. `open` comes first; the facts learnt from the server stand in
    the attributes. A command is sent when the answers to the one before were read, except for letters (LetterStream).
    """

    _stream: LetterStream | None = None  # with answers on their way
    _idle_tag = b""  # of an IDLE that has not ended

    # Reading.

    def stream(self, place: tuple[str, int], uids: Sequence[int], extent: Extent = Extent.HEADER) -> LetterStream:
        """Letters of this folder, as much of each as `extent` says."""
        what = {Extent.LISTING: LISTING, Extent.HEADER: HEAD, Extent.WHOLE: WHOLE}[extent]
        return LetterStream(self, place, uids, what, whole=extent is Extent.WHOLE)

    def fetch_all(self, uids: Sequence[int]) -> Flow[list[Fetched]]:
        """These letters with their headers; those that no longer exist are left out."""
        stream = self.stream(self.place, uids)
        found: list[Fetched] = []
        while not stream.done:
            yield from stream.advance()
            found.extend(stream.results())
        return found

    def content(self, place: tuple[str, int], uid: int, size: int) -> Flow[bytes]:
        """All octets of a letter.

        Raises UsageError when it no longer exists, LetterRefused when the server gives none although it has some: an
        empty letter in its place would be archived, and the true one deleted.
        """
        fetched, answer = yield from self._fetch(place, uid, b"(BODY.PEEK[])")
        octets = fetched.whole
        if octets is None or (size and not octets):
            raise errors.LetterRefused(
                reply_of(answer.status), stage="letter", about=f"letter {uid} of {size:,} octets came without its text"
            )
        return octets

    def header(self, place: tuple[str, int], uid: int) -> Flow[bytes]:
        """The header of a letter. Raises UsageError when it no longer exists, LetterRefused when it does not come."""
        fetched, answer = yield from self._fetch(place, uid, b"(BODY.PEEK[HEADER])")
        if fetched.header is None:
            raise errors.LetterRefused(
                reply_of(answer.status), stage="letter", about=f"letter {uid} came without its header"
            )
        return fetched.header

    def parts(self, place: tuple[str, int], uid: int) -> Flow[list[LetterPart]]:
        """Parts of a letter that hold no others, as far as the server knows them; [] when it does not."""
        fetched, _ = yield from self._fetch(place, uid, b"(BODYSTRUCTURE)")
        sections = sections_in((fetched.others or {}).get("BODYSTRUCTURE"))
        if not sections:
            return []
        # The fields of a letter of a single part stand in its header.
        names = [
            "HEADER" if len(sections) == 1 and not sections[0].within else f"{each.number}.MIME" for each in sections
        ]
        fetched, _ = yield from self._fetch(
            place, uid, f"({' '.join(f'BODY.PEEK[{name}]' for name in names)})".encode()
        )
        return [
            letter_part(section, fetched.sections.get(f"BODY[{name}]") or b"")
            for section, name in zip(sections, names, strict=True)
        ]

    def part(self, place: tuple[str, int], uid: int, part: LetterPart) -> Flow[tuple[bytes, bool]]:
        """Octets of one part, and whether the server has decoded them.

        It is asked to where it can (BINARY, RFC 3516): base64 takes a third more. What it cannot decode comes as it is
        there. Raises UsageError, LetterRefused.
        """
        section = part.section
        if "BINARY" in self.capabilities and part.encoding.lower() in _DECODED:
            # NO [UNKNOWN-CTE] is the usual refusal; whatever it is, the part may come undecoded.
            with suppress(errors.CommandRefused):
                fetched, _ = yield from self._fetch(place, uid, f"(BINARY.PEEK[{section}])".encode("ascii"))
                if octets := fetched.sections.get(f"BINARY[{section}]"):
                    return octets, True
        fetched, answer = yield from self._fetch(place, uid, f"(BODY.PEEK[{section}])".encode("ascii"))
        octets = fetched.sections.get(f"BODY[{section}]")
        if octets is None:
            raise errors.LetterRefused(
                reply_of(answer.status), stage="letter", about=f"part {section} of letter {uid} did not come"
            )
        return octets, False

    def save(self, place: tuple[str, int], uid: int, write: Callable[[bytes], object], limit: int) -> Flow[None]:
        """Write a letter portion by portion, however large; more than `limit` octets end the session."""
        written = 0

        def count(portion: bytes) -> None:
            nonlocal written
            written += len(portion)
            _ = write(portion)

        yield from self.settle()
        self.exchange.pour_into(count, limit)
        try:
            fetched, answer = yield from self._fetch(place, uid, b"(RFC822.SIZE BODY.PEEK[])")
        finally:
            self.exchange.pour_into(None)
        if octets := fetched.whole:
            count(octets)  # a short one may come as a quoted string
        if fetched.size and not written:
            raise errors.LetterRefused(
                reply_of(answer.status), stage="letter",
                about=f"letter {uid} of {fetched.size:,} octets came without its text",
            )  # fmt: skip

    # Waiting.

    def idle(self, seconds: float, *, any_change: bool = False) -> Flow[bool]:
        """Wait for new letters in the folder by IDLE (RFC 2177), at most that many seconds; return whether any came.

        With `any_change` flags and removals count, too, since the folder was selected.

        Letters announced in any answer since the last search count: one that arrives during a search is not in its
        result, and is announced only once. Raises NotSupported where the server lacks IDLE.
        """
        if "IDLE" not in self.capabilities:
            raise errors.NotSupported("the server knows no IDLE", capability="IDLE", stage="mailbox")
        _ = self.place
        yield from self.settle()
        if self._has_news(any_change):
            return True
        yield from self._begin_to_idle()
        self._hear_of_the_end()
        if not self._has_news(any_change):
            # Where the server would not wait it is asked again, not without a pause.
            yield from self.exchange.linger("mailbox", seconds if self._idle_tag else min(seconds, _PAUSE))
        self._hear_of_the_end()
        yield from self.settle()
        return self._has_news(any_change)

    def settle(self, following: object = None) -> Flow[None]:
        """Read everything that is on its way, so that the next answer belongs to the next command."""
        stream = self._stream
        if stream is not None and stream is not following:
            yield from stream.read_all()
        self._stream = following if isinstance(following, LetterStream) else None
        if self._idle_tag:
            tag, self._idle_tag = self._idle_tag, b""
            # Not by `write`, which would refuse an answer that is here already.
            yield Send(b"DONE\r\n", "mailbox")
            _ = judge((yield from self.exchange.answer("mailbox", tag)), "mailbox")

    def close(self) -> Flow[None]:
        """Send LOGOUT, unless letters are still on their way: then the connection is closed as it is."""
        if self._stream is None or not self._stream.outstanding:
            yield from super().close()

    # The steps.

    def _fetch(self, place: tuple[str, int], uid: int, what: bytes) -> Flow[tuple[Fetched, Answer]]:
        """FETCH data of one letter. Raises LetterGone when it no longer exists."""
        self.expect_at(place)
        answer = yield from self.ask("letter", b"UID", b"FETCH", b"%d" % uid, what)
        found: Fetched | None = None
        for each in answer.untagged:
            if not isinstance(each, Fetched):
                continue
            if not each.uid and each.has_letter_data:
                raise errors.RemoteProtocolError("the server sent a letter without its UID", stage="letter")
            if each.uid == uid and found is None:
                found = each
            elif each.uid == uid and found is not None:
                found.add(each)
            elif each.sections:
                raise errors.RemoteProtocolError(f"the server sent letter {each.uid} for letter {uid}", stage="letter")
        if found is None:
            raise errors.LetterGone(f"letter {uid} is no longer in {place[0]!r}")
        return found, answer

    def _has_news(self, any_change: bool) -> bool:
        return self.exchange.stirred if any_change else self.exchange.news

    def _hear_of_the_end(self) -> None:
        """Take notice of what was announced, and of an IDLE that has ended by itself. Raises CommandRefused."""
        if not self._idle_tag:
            return
        answer = self.exchange.answer_here("mailbox", self._idle_tag)
        if answer is not None:
            self._idle_tag = b""
            _ = judge(answer, "mailbox")

    def _begin_to_idle(self) -> Flow[None]:
        """Send IDLE; the server waits for DONE then. Raises CommandRefused."""
        tag = self.exchange.new_tag()
        yield from self.exchange.write("mailbox", tag + b" IDLE\r\n")
        answer = yield from self.exchange.read_reply("mailbox", tag)
        if isinstance(answer, Answer):
            _ = judge(answer, "mailbox")
            raise errors.RemoteProtocolError("the server ended IDLE before it began", stage="mailbox")
        self._idle_tag = tag

    def _reset(self) -> None:
        super()._reset()
        self._stream, self._idle_tag = None, b""
