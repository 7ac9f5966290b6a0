"""
Course of many mails by several ways: one call of `submit_many`, read lazily, with one result for each mail, in order.

The mails go as a stream by one way at a time. When it fails, nothing more is read for it; what it has in hand gets its
results, and the mails of which nothing is decided are handed to the next way, before those that were not read yet.

    while (way := course.next_way()) is not None:
        for result in transport_of(way).submit_many(feed):     # the feed asks `again`, `reads` and `begin`
            course.took(result)
            yield from course.ready()

Nothing here waits, so that blocking and asyncio transports share it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.delivery.routing import decided
from courriel.delivery.routing.tries import Choice, WayTries
from courriel.model.receipt import Receipt

if TYPE_CHECKING:
    from courriel.model.receipt import Result
    from courriel.model.submission import Submission

TURN = 10  # mails of one turn, where ways take turns: a pipeline is worth its while, and a batch is spread all the same


class _Mail:
    """A mail that was read, and has not been returned with its result."""

    __slots__ = ("result", "tries")

    def __init__(self, tries: WayTries | None, result: Result | None = None) -> None:
        self.tries, self.result = tries, result


class Course:
    """One call of `submit_many` by several ways; `cut` is set when somebody hangs up."""

    def __init__(self, choice: Choice, submissions: object, window: int | Callable[[], int]) -> None:
        if not callable(window) and (isinstance(window, bool) or not isinstance(window, int) or window < 1):
            raise errors.UsageError(f"window: a number of messages from 1 to 10,000, not {window!r}")
        self.cut = False
        self._choice = choice
        self._turn = TURN if callable(window) else min(window, TURN)
        self._goes_on = not isinstance(submissions, GeneratorType | AsyncGeneratorType)
        self._mails: deque[_Mail] = deque()  # read, and not returned, in order
        self._again: deque[_Mail] = deque()  # to be tried by another way
        self._in_hand: deque[_Mail] = deque()  # of the way that has the stream
        self._way: int | None = None
        self._main: int | None = None  # the way of the mails that are not read yet
        self._left = 0  # of the turn
        self._broken: dict[int, errors.CourrielError] = {}
        self._stopped = self._ended = False
        self._failure: Exception | None = None  # of the iterable, or of all ways; raised at the end
        self._moved = False

    # For the driver.

    def next_way(self) -> int | None:
        """The way for the next stream; None at the end, after which `finish` raises what there is to raise."""
        self._end_stream()
        while self._again:
            way = self._way_again(self._again[0])
            if way is not None:
                return self._begin_stream(way)
        if self._ended:
            return None
        if self.cut:
            self._failure = decided.hung_up()
        else:
            way = self._way_of_unread()
            if way is not None:
                return self._begin_stream(way)
        self._ended = True
        return None

    def took(self, result: Result) -> None:
        """Record the next result of the way that has the stream: they come in the order of the mails."""
        if not self._in_hand or self._way is None:
            return  # one more than there were mails
        mail, way = self._in_hand.popleft(), self._way
        if mail.tries is None:
            return  # an error that stood in the place of a mail
        if isinstance(result, Receipt):
            mail.result = mail.tries.accepted(way, result)
            self._broken.pop(way, None)  # it has found a connection again
            return
        self._settle(mail, way, result)
        if decided.is_of_the_way(result):
            self._breaks(way, result)

    def broke(self, error: errors.CourrielError) -> None:
        """Record that the way raised: it gives no more results."""
        if (way := self._way) is None:
            return
        self._breaks(way, error)
        while self._in_hand:
            mail = self._in_hand.popleft()
            if mail.tries is not None:
                self._settle(mail, way, mail.tries.lost(error))

    def ready(self) -> Iterator[Result]:
        """Results of the first mails, as far as they have them; each is returned once."""
        while self._mails and (result := self._mails[0].result) is not None:
            self._mails.popleft()
            yield result

    def finish(self) -> None:
        """Raise what the iterable raised, or the error of all ways where there was more to send."""
        if self._failure is not None:
            raise self._failure

    # For the feed of one stream.

    @property
    def reads(self) -> bool:
        """Whether the way that has the stream may have one more mail out of the iterable."""
        if self._stopped or self._ended or self.cut or self._way != self._main:
            return False
        return not self._choice.rotating or self._left > 0

    def again(self) -> Submission | None:
        """The next mail that another way could not take."""
        if self._stopped or self.cut or not self._again or self._way is None:
            return None
        tries = self._again[0].tries
        if tries is None or not tries.may_go_by(self._way):
            return None
        return self._hand(self._again.popleft())

    def begin(self, submission: Submission) -> Submission | None:
        """A mail out of the iterable, for the way that has the stream; None when it may not leave by this one.

        Raises UsageError for what is no submission: the error stands in its place.
        """
        try:
            mail = _Mail(WayTries(self._choice, submission))
        except errors.UsageError as wrong:
            self.stand_in(wrong)
            raise
        self._mails.append(mail)
        self._left -= 1
        assert mail.tries is not None
        try:
            only = mail.tries.only
        except errors.CourrielError as refused:
            mail.result, only = refused, -1
        if only is None or only == self._way:
            return self._hand(mail)
        if mail.result is None:
            self._again.append(mail)
        self._stopped = self._moved = True
        return None

    def stand_in(self, error: errors.UsageError) -> None:
        """An error in the place of a mail: the way returns it as the result."""
        mail = _Mail(None, error)
        self._mails.append(mail)
        self._in_hand.append(mail)
        self._moved = True

    def keeps_place(self, failure: Exception) -> bool:
        """Whether what the iterable raised stands for one mail; otherwise the iterable is over, and `finish` raises."""
        if isinstance(failure, errors.UsageError) and self._goes_on:
            self.stand_in(failure)
            return True
        self._ended, self._failure = True, failure
        return False

    def end(self) -> None:
        """Record that the iterable is over."""
        self._ended = True

    # The steps.

    def _hand(self, mail: _Mail) -> Submission:
        assert mail.tries is not None
        assert self._way is not None
        self._in_hand.append(mail)
        self._moved = True
        return mail.tries.for_way(self._way)

    def _settle(self, mail: _Mail, way: int, error: errors.CourrielError) -> None:
        """Keep a failure as the result of a mail, or have another way tried."""
        assert mail.tries is not None
        mail.tries.cut = self.cut
        mail.result = mail.tries.failed(way, error)
        if mail.result is None:
            self._again.append(mail)
            self._stopped = True

    def _breaks(self, way: int, error: errors.CourrielError) -> None:
        """Record that a way failed, once for all the mails that it had in hand."""
        if way not in self._broken:
            self._choice.health.failed(way, error)
        self._broken[way] = error
        self._stopped = True

    def _begin_stream(self, way: int) -> int:
        self._way = way
        if self._main is None or self._main in self._broken:
            self._main, self._left = way, self._turn
        return way

    def _end_stream(self) -> None:
        if self._in_hand:
            self.broke(errors.ConnectionFailed("this way has given no result for a mail"))
        elif self._way is not None and not (self._moved or self._stopped or self._ended or self.cut):
            self.broke(errors.ConnectionFailed("this way has read nothing, and raised nothing"))
        self._way, self._stopped, self._moved = None, False, False

    def _way_again(self, mail: _Mail) -> int | None:
        """The way for a mail that is tried again; None when it has its result instead."""
        assert mail.tries is not None
        mail.tries.cut = self.cut
        mail.tries.knows(self._broken)
        try:
            return mail.tries.next_way()
        except errors.CourrielError as final:
            mail.result = final
            self._again.popleft()
            return None

    def _way_of_unread(self) -> int | None:
        """The way for the mails that are not read yet; None, and the error for `finish`, when none works."""
        health = self._choice.health
        for way in [each for each in self._broken if not health.rests(each)]:
            del self._broken[way]  # it has rested, and may be tried again
        if self._main in self._broken or (self._choice.rotating and self._left <= 0):
            self._main = None
        if self._main is None:
            self._main, self._left = health.pick(self._broken, rotating=self._choice.rotating), self._turn
        if self._main is None:
            names = self._choice.names
            self._failure = decided.all_failed([(names[way], why) for way, why in self._broken.items()])
        return self._main
