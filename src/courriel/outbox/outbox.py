"""
Outbox: durable storage of mails, and their sending.

    outbox = Outbox("outbox.db")                                     # or "postgresql://…"
    ticket = outbox.put(message, via="billing", key="invoice-42")    # on disk when this returns; same key, same ticket
    outbox.work()                                                    # here or elsewhere: sends until it is stopped
    ticket.wait().accepted
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.network.transcripts.transcript import Transcript
from courriel.outbox import checks
from courriel.outbox.bounces.after_sending import AfterSending
from courriel.outbox.lanes import Lanes
from courriel.outbox.listeners import Event, Listeners, TicketListener, checked_function
from courriel.outbox.maintenance import Maintenance
from courriel.outbox.putting.encoding import written
from courriel.outbox.putting.parts import parts_of
from courriel.outbox.putting.storing import encoded, store_mails
from courriel.outbox.putting.terms import IfKnown, check_if_known, check_keys, moment_of, portions, terms_of
from courriel.outbox.questions import Confirm
from courriel.outbox.rate import in_lane
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import Count, LaneInfo, MailInfo, Query
from courriel.outbox.store.jobs import NewMail
from courriel.outbox.store.lookup import find_mail
from courriel.outbox.store.opening import store_at
from courriel.outbox.store.states import State
from courriel.outbox.ticket import Ticket
from courriel.outbox.wakeup import Wakeup
from courriel.outbox.work.liveness import InHand, Presence, in_hand
from courriel.outbox.work.sending.ahead import MOST
from courriel.outbox.work.sending.idle_sessions import PER_HOST
from courriel.outbox.work.stop_signals import stopped_by_signals
from courriel.outbox.work.tools import Tools
from courriel.outbox.work.worker import BATCH, GRACE, Worker, checked_grace
from courriel.session.encoding import Sendable, check_several

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self, Unpack

    from courriel.delivery.transport import Transport
    from courriel.delivery.urls.route import Via
    from courriel.outbox.attempts import Attempt
    from courriel.outbox.metrics import Metrics
    from courriel.outbox.putting.arguments import PutArguments


MAX_SIZE = 50 * 1024 * 1024
"""Octets of the largest accepted mail: more than servers take, and less than harms a database."""


class Outbox(Maintenance, AfterSending):
    """Durable queue of mails: on disk when `put` returns, sent by a worker, in this process or in another.

        with Outbox("mail.db") as outbox:
            outbox.put(message, key="order-42")
            outbox.run_once()
            print(outbox.get(key="order-42").status.name)  # SENT

    `place` is a file of this machine (SQLite, created when missing), or a PostgreSQL URL for several machines; None
    means what the settings say (COURRIEL_OUTBOX, courriel.toml), else a file in the user's data folder. `ways` gives
    names to transports (`{"billing": session}`) beside the profiles; with `elsewhere`, unknown names are accepted,
    because workers on other machines know them. Mails above `max_size` octets are refused. A URL with the location of a
    secret (env:, file:) is used by the program that has named it; with `allow_secret_references` also when another
    program has put it: write access to the outbox is then enough to choose the server that gets the secret. Without
    `create` a missing outbox is an error, and nothing is created or changed by opening. Use it by `with`, or call
    `close()`. Raises UsageError, OutboxError.

    `place` may also be a connection of your own (sqlite3, psycopg 3) to a database that has the tables: then `put`,
    look-ups and tickets work in your transaction and open nothing, and there is no worker. With `shared` the SQLite
    file is an application's, whose migrations made the tables (`schema`): its journal and permissions stay as they are,
    and nothing is created.
    """

    def __init__(
        self,
        place: str | os.PathLike[str] | Store | object | None = None,
        *,
        ways: Mapping[str, Via | Transport] | None = None,
        elsewhere: bool = False,
        max_size: int = MAX_SIZE,
        allow_secret_references: bool = False,
        create: bool = True,
        shared: bool = False,
    ) -> None:
        for name, value in (
            ("shared", shared),
            ("elsewhere", elsewhere),
            ("create", create),
            ("allow_secret_references", allow_secret_references),
        ):
            checks.flag(name, value)
        max_size = checks.whole("max_size", max_size, "octets", most=2**62)
        self._ways = Lanes({} if ways is None else ways, elsewhere=elsewhere, allow_references=allow_secret_references)
        self._store = store_at(place, create=create, shared=shared)
        self._max_size = max_size
        self._listeners = Listeners()
        self._bell = Wakeup()
        self._presence = Presence(self._store)

    # Putting.

    def put(
        self,
        message: Sendable,
        *,
        via: Via | Transport = None,
        key: str | None = None,
        if_known: IfKnown = "refuse",
        conn: object = None,
        **wanted: Unpack[PutArguments],
    ) -> Ticket:
        """Store one mail, and return when it is on stable storage; it is sent by a worker, or stays listed.

            ticket = outbox.put(message, key="order-42", expires=timedelta(hours=1), priority="high")
            print(ticket.existed, outbox.put(message, key="order-42").existed)  # False True

        `via` is a profile or one of `ways`, a URL without a password or command in it, or an open session or pool; by
        default what the settings say. Where it is a table of ways by domain (ByDomain, `by_domain`), the mail is stored
        in parts, a row for each way, under one ticket. A `key` of your own makes it safe to call again: the same key
        gives the same ticket, and there is one mail; the ticket says that it `existed`. A different mail under a known
        key raises KeyReused, which says what differs, unless `if_known` is "keep": then the first mail stays, and this
        one is not stored. With `conn`, your own connection to the same database, the mail is put in your transaction,
        and exists when you commit.

        `not_before` and `expires` (default: five days) are times with a time zone, or durations from now (timedelta, or
        seconds); `priority` is "high", "normal" or "low". `on_unsure` decides what happens when it is unknown whether
        the mail was delivered: "resend" (default: no recipient goes without) or "hold" for a person (no recipient gets
        it twice). `stream` names the kind of mail for the suppression list: unsubscriptions from other streams do not
        count for it, and none do for "transactional". Recipients on the list get results of their own, and the others
        the mail. With `verp="bounce@example.org"` it leaves with a return address of its own, to which reports come
        back (bounce+TOKEN@example.org). The other options are those of `SmtpSession.send`. Raises UsageError,
        InvalidMessage, InvalidAddress, InvalidUrl before a byte is written; SuppressedRecipients when nobody is left;
        OutboxFull, OutboxUncertain.
        """
        check_if_known(if_known)
        lane, table, signer = self._ways.destination_and_signer(via)
        mail = written(message, lane, key, terms_of(wanted), self._max_size, signer, refuse_suppressed=True)
        return self._keep(parts_of(mail, table), conn, if_known)[0]

    def put_many(
        self,
        messages: Iterable[Sendable],
        *,
        via: Via | Transport = None,
        keys: Iterable[str] | None = None,
        if_known: IfKnown = "refuse",
        conn: object = None,
        **wanted: Unpack[PutArguments],
    ) -> Sequence[Ticket]:
        """Store many mails, some hundreds in one commit; `keys` has one for each. See `put`.

        When it raises, or `messages` does, those before may have been stored, some hundreds at a time: with keys the
        same call can be repeated. A mail of which every recipient is on the suppression list is stored as FAILED.
        """
        check_if_known(if_known)
        check_several(messages)
        check_keys(messages, keys)
        lane, table, signer = self._ways.destination_and_signer(via)
        mails_to_put = encoded(messages, keys, lane, table, terms_of(wanted), self._max_size, signer)
        tickets: list[Ticket] = []
        for mails in portions(mails_to_put):
            tickets += self._keep(mails, conn, if_known)
        return tickets

    # Reading.

    def get(self, id: str | None = None, *, key: str | None = None) -> Ticket:  # noqa: A002 - the common name
        """The ticket of a mail, by its id, a prefix of the id, or your key. Raises TicketNotFound.

        A prefix has eight digits at least. Raises UsageError for one that several ids have.
        """
        return self._ticket(find_mail(self._store, id, key).id)

    def list(
        self,
        state: State | None = None,
        *,
        lane: str | None = None,
        since: datetime | None = None,
        unsure: bool | None = None,
        most: int | None = None,
    ) -> Iterator[MailInfo]:
        """Iterate over matching mails in the order of their put; they may change during the iteration."""
        if state is not None and not isinstance(state, State):
            raise errors.UsageError(f"state: a State, such as State.HELD, not {state!r}")
        if lane is not None:
            checks.text("lane", lane)
        if unsure is not None:
            checks.flag("unsure", unsure)
        if most is not None:
            most = checks.whole("most", most, "mails")
        moment = None if since is None else moment_of(since)
        return self._store.read(Query(state, lane, moment, unsure, most=most))

    def stats(self) -> Sequence[Count]:
        """Number of mails by lane and state, with the age of the oldest, and how many are unsure."""
        return self._store.counts()

    def metrics(self) -> Metrics:
        """Metrics for monitoring: oldest due mail, rate, mails in doubt, refusals, last error, live workers.

        Cheap enough for every few seconds, with any number of mails: read from counters and indexes. Raises
        OutboxError.
        """
        from courriel.outbox.metrics import metrics_of

        return metrics_of(self._store)

    def in_hand(self, id: str = "") -> Sequence[InHand]:  # noqa: A002
        """Mails held by workers, whether these are alive, and when others may claim them; `id` selects one mail."""
        return in_hand(self._store, checks.text("id", id))

    def lanes(self) -> Sequence[LaneInfo]:
        """Every lane: whether it is paused or stopped, why, and its limits."""
        return self._store.lanes()

    def export(self, id: str, path: str | os.PathLike[str]) -> None:  # noqa: A002
        """Write a mail to a file (.eml) as it is sent, octet by octet. Raises TicketNotFound."""
        path = checks.path("path", path)
        ticket = self.get(id)
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") as out:
                out.writelines(ticket.blocks())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    # Steering.

    def pause(self, lane: str) -> LaneInfo:
        """Stop sending on this lane until `resume`; mails in hand are finished."""
        return self._store.set_lane(self._lane_named(lane), {"stopped": True})

    def resume(self, lane: str) -> LaneInfo:
        """Resume sending on this lane, also when it is paused after a failure."""
        info = self._store.set_lane(self._lane_named(lane), {"stopped": False})
        self._bell.ring()
        return info

    def limit(self, lane: str, *, cap: int | None = None, rate: str | None = None) -> LaneInfo:
        """Limit a lane to `cap` mails in hand at a time, and to `rate` ("30/m"); None means no limit.

        The rate holds in any window of its duration, for all workers together, by the clock of the outbox. A rate in
        the lane's URL or profile overrides it.
        """
        from courriel.session.pool.throttle import Rate

        if cap is not None:
            cap = checks.whole("cap", cap, "mails")
        throttle = Rate.of(rate)
        return self._store.set_lane(self._lane_named(lane), {"cap": cap, **in_lane(throttle)})

    def _lane_named(self, lane: str) -> str:
        """Name of a lane; one that is in the outbox already may be any text. Raises UsageError, InvalidUrl."""
        try:
            return self._ways.named(lane)
        except errors.UsageError:
            if not any(known.name == lane for known in self._store.lanes()):
                raise
            return lane

    def use(self, lane: str, way: Via | Transport) -> None:
        """Set the transport of a lane in this process: a URL, a session, a pool."""
        self._ways.give(lane, way)

    def on(self, event: Event, listener: TicketListener) -> None:
        """Call this function with the ticket when a mail is "sent", "failed", "delayed" (four hours) or "unsure".

        The workers of this process call it at least once for each event, after the event is stored. "returned",
        "complained" and "reported" come from reports, and are called by whoever takes these: `watch_bounces`.
        """
        self._listeners.add(event, listener)

    def on_attempt(self, listener: Callable[[Attempt], object]) -> None:
        """Call this function after each attempt of this process's workers to send a mail, for measurements.

        The sending thread calls it, before the result is stored: it has to be quick. See Attempt.
        """
        self._listeners.attempts.append(checked_function("on_attempt", listener))

    # Sending.

    def worker(
        self,
        *,
        workers: int = 1,
        lanes: Iterable[str] | None = None,
        confirm: Confirm | None = None,
        batch: int = BATCH,
        ahead: int = MOST,
        sessions: int | None = None,
        per_host: int = PER_HOST,
        transcript: Transcript | None = None,
    ) -> Worker:
        """A worker of this outbox, which sends during a `with` block; see Worker.

        At most `ahead` mails of each of the `workers` are unsure when the process is killed. The number starts with 12,
        and adapts to what the server accepts in a round trip and 50 ms more, at least 4. More than the default 32 helps
        with distant or very fast servers; 1 marks each mail just before its end.

        Raises UsageError for a lane without a transport in this process.
        """
        if lanes is not None:
            lanes = [self._ways.known(checks.text("lanes", lane)) for lane in checks.several("lanes", lanes, "lanes")]
        tools = Tools(self._store, self._ways, self._listeners, self._bell, self._ticket, self._presence)
        return Worker(
            tools,
            workers=workers,
            lanes=lanes,
            confirm=confirm,
            batch=batch,
            ahead=ahead,
            sessions=sessions,
            per_host=per_host,
            transcript=transcript,
        )

    def work(
        self,
        *,
        workers: int = 1,
        lanes: Iterable[str] | None = None,
        confirm: Confirm | None = None,
        grace: float = GRACE,
        ahead: int = MOST,
        sessions: int | None = None,
        per_host: int = PER_HOST,
    ) -> int:
        """Send until the process is stopped (SIGTERM, SIGINT); returns how many mails are unsure then.

        Pending answers are awaited for `grace` seconds, or until a second signal; mails that have not left are given
        back. For `ahead` see `worker`.
        """
        checked_grace(grace)
        worker = self.worker(
            workers=workers, lanes=lanes, confirm=confirm, ahead=ahead, sessions=sessions, per_host=per_host
        )
        with stopped_by_signals(worker):
            worker.start()
            worker.wait()
            return worker.stop(grace)

    def run_once(
        self,
        *,
        lanes: Iterable[str] | None = None,
        confirm: Confirm | None = None,
        for_seconds: float | None = None,
        sessions: int | None = None,
        per_host: int = PER_HOST,
        transcript: Transcript | None = None,
    ) -> int:
        """Send due mails, and return how many were tried: for cron, Celery, a test. Safe in any thread.

            outbox.put(message)
            print(outbox.run_once())  # 1

        A lane with a rate (`limit`, or `?rate=` in its URL or profile) is sent at that rate until none of its mails is
        due. `for_seconds` ends it sooner; mails in hand are finished, and the rest stays due.
        """
        worker = self.worker(lanes=lanes, confirm=confirm, sessions=sessions, per_host=per_host, transcript=transcript)
        return worker.run_once(for_seconds)

    # Closing.

    def close(self) -> None:
        """Close the database; may be called twice."""
        self._presence.end()
        self._store.close()

    @property
    def place(self) -> str:
        """Path or URL of the outbox, without a secret."""
        return self._store.place

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Outbox {self._store.place}>"

    # The steps.

    def _keep(self, mails: Sequence[NewMail], conn: object, if_known: IfKnown) -> Sequence[Ticket]:
        """Store mails, and return their tickets."""
        ids = store_mails(self._store, mails, conn, if_known, stored=self._bell.ring)
        return [
            self._ticket(ident, existed=ident != mail.id)
            for ident, mail in zip(ids, mails, strict=True)
            if not mail.parent
        ]

    def _ticket(self, ident: str, *, existed: bool = False) -> Ticket:
        return Ticket(ident, self._store, self._bell, existed=existed)
