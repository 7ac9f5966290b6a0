"""Sessions and pools open at a fork: the child opens its own, the parent's go on."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import select
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

import inside
from courriel import (
    AsyncSmtpPool,
    AsyncSmtpSession,
    Message,
    Outbox,
    Password,
    PopSession,
    Sandbox,
    Security,
    Server,
    SmtpPool,
    SmtpSession,
    errors,
)
from courriel.network.tls import contexts
from courriel.session import server_memory
from courriel.session.imap.awaited import AsyncImapSession
from courriel.session.imap.session import ImapSession
from courriel.session.pop3.session import AsyncPopSession
from session.crowd import Crowd
from session.imap_stranger import imap_server
from session.play import PATIENCE
from session.stranger import stranger

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no fork()"),
    # The servers of these tests are threads; these tests fork on purpose.
    pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning"),
]

SECURITIES = [Security.NONE, Security.STARTTLS, Security.TLS]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(users={"bob@example.org": "secret"}) as sandbox:
        yield sandbox


def mail(who: str) -> Message:
    return Message(sender=f"{who}@example.org", to=f"{who}@example.net", subject=who, text=f"secret of {who}")


def in_child(act: Callable[[], object]) -> str:
    """Result of a function in a forked process: "value …", or class and hint of the error."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(int(PATIENCE))
        said = "nothing"
        try:
            said = f"value {act()}"
        except errors.CourrielError as error:
            said = f"{type(error).__name__} {error.hint_id} usable={error.session_usable}"
        except BaseException as error:  # noqa: BLE001 - told to the parent
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    try:
        assert select.select([read], [], [], PATIENCE)[0], "the child hangs"
        return os.read(read, 10_000).decode()
    finally:
        os.close(read)
        os.waitpid(child, 0)


def letters(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Recipients and subjects, in no order."""
    return sorted((letter.recipients[0], letter.text.strip()) for letter in sandbox.letters)


def proper(*names: str) -> list[tuple[str, str]]:
    return sorted((f"{name}@example.net", f"secret of {name}") for name in names)


REFUSED = "ConnectionFailed SESSION-FORKED usable=False"


class Threads:
    """Blocking sessions and pools."""

    session, pool, box, imap = SmtpSession, SmtpPool, PopSession, ImapSession

    def run(self, value: object) -> object:
        return value

    def leave(self) -> None:
        pass


class Tasks:
    """Sessions and pools for asyncio; a child process runs them in its own event loop."""

    session, pool, box, imap = AsyncSmtpSession, AsyncSmtpPool, AsyncPopSession, AsyncImapSession

    def __init__(self) -> None:
        self._process = os.getpid()
        self._runner = asyncio.Runner()

    def run(self, value: object) -> object:
        if not isinstance(value, Awaitable):
            return value

        async def awaited() -> object:
            return await value

        return self._runner.run(awaited()) if os.getpid() == self._process else asyncio.run(awaited())

    def leave(self) -> None:
        self._runner.close()


Colour = Threads | Tasks


@pytest.fixture(params=[Threads, Tasks])
def colour(request: pytest.FixtureRequest) -> Iterator[Colour]:
    colour = request.param()
    yield colour
    colour.leave()


@pytest.mark.slow
@pytest.mark.parametrize("security", SECURITIES, ids=lambda security: security.name)
def test_a_pool_on_both_sides_of_a_fork_sends_everybody_their_own_mail(
    sandbox: Sandbox, colour: Colour, security: Security
) -> None:
    pool = colour.pool(sandbox.server(security))
    colour.run(pool.send(mail("before")))

    told = in_child(lambda: (colour.run(pool.send(mail("child"))), pool.resting)[1])
    colour.run(pool.send(mail("parent")))

    assert told == "value 1"
    assert letters(sandbox) == proper("before", "child", "parent")
    assert len(sandbox.sessions) == 2, "the parent went on with the session that it had"
    colour.run(pool.close())


@pytest.mark.slow
@pytest.mark.parametrize("security", SECURITIES, ids=lambda security: security.name)
def test_a_session_of_the_parent_is_refused_in_the_child_and_goes_on_in_the_parent(
    sandbox: Sandbox, colour: Colour, security: Security
) -> None:
    session = colour.session(sandbox.server(security))
    colour.run(session.open())

    told = [
        in_child(lambda: colour.run(session.send(mail("child")))),
        in_child(lambda: colour.run(session.noop())),
        in_child(lambda: (colour.run(session.close()), session.usable)[1]),
    ]
    colour.run(session.send(mail("parent")))

    assert told == [REFUSED, REFUSED, "value False"]
    assert letters(sandbox) == proper("parent")
    assert len(sandbox.sessions) == 1
    colour.run(session.close())


def test_the_refusal_says_what_to_do(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en")
    with SmtpSession(sandbox.server()) as session:

        def said() -> str:
            try:
                session.send(mail("child"))
            except errors.ConnectionFailed as error:
                return f"{error} / {error.hint} / {error.retryable}"
            return "sent"

        told = in_child(said)

    assert "forked: open() it again here" in told
    assert "post_fork" in told
    assert told.endswith("True")


@pytest.mark.slow
def test_a_session_may_be_opened_anew_in_the_child(sandbox: Sandbox, colour: Colour) -> None:
    session = colour.session(sandbox.server(Security.TLS))
    colour.run(session.open())

    def act() -> str:
        async def awaited() -> None:
            async with session:
                await session.send(mail("child"))

        if isinstance(colour, Tasks):
            colour.run(awaited())
        else:
            with session:
                session.send(mail("child"))
        return "sent"

    told = in_child(act)
    colour.run(session.send(mail("parent")))

    assert told == "value sent"
    assert letters(sandbox) == proper("child", "parent")
    colour.run(session.close())


@pytest.mark.slow
@pytest.mark.parametrize("security", SECURITIES, ids=lambda security: security.name)
def test_a_mailbox_of_the_parent_is_refused_in_the_child(sandbox: Sandbox, colour: Colour, security: Security) -> None:
    with SmtpSession(sandbox.server()) as session:
        session.send(Message(sender="ada@example.org", to="bob@example.org", subject="hello", text="x"))
    box = colour.box(sandbox.pop_server(security), Password("bob@example.org", "secret"))
    colour.run(box.open())

    told = [
        in_child(lambda: colour.run(box.fetch(1))),
        in_child(lambda: colour.run(box.sizes())),
        in_child(lambda: colour.run(box.close())),
    ]
    letter = colour.run(box.fetch(1))

    assert told == [REFUSED, REFUSED, "value None"]
    assert letter.subject == "hello"  # type: ignore[attr-defined]
    colour.run(box.close())


@pytest.mark.slow
def test_an_imap_session_of_the_parent_is_refused_in_the_child(colour: Colour) -> None:
    with stranger(imap_server()) as server:
        session = colour.imap(Server("127.0.0.1", server.port, Security.NONE), Password("ada", "secret"))
        colour.run(session.open())

        told = [in_child(lambda: colour.run(session.noop())), in_child(lambda: colour.run(session.close()))]
        colour.run(session.noop())

        assert told == [REFUSED, "value None"]
        colour.run(session.close())


def test_a_child_sends_no_quit_on_the_parents_connection() -> None:
    crowd = Crowd()
    pool = SmtpPool(Server("127.0.0.1", crowd.port, Security.NONE))
    pool.send(mail("before"))

    def act() -> None:
        pool.send(mail("child"))
        pool.close()

    told = in_child(act)

    assert told == "value None"
    crowd.wait("farewells", 1)
    crowd.wait("connections", 1)
    pool.send(mail("parent"))
    assert crowd.came == 2
    pool.close()
    crowd.close()


def test_a_child_holds_no_connection_of_its_parent_open() -> None:
    crowd = Crowd()
    session = SmtpSession(Server("127.0.0.1", crowd.port, Security.NONE)).open()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(3 * int(PATIENCE))
        os.close(write)
        os.read(read, 1)  # until the parent has seen what it waits for
        os._exit(0)

    inside.socket_of(session).close()  # as the system does when a process is killed
    try:
        crowd.wait("connections", 0)
    finally:
        os.write(write, b"!")
        os.waitpid(child, 0)
        for end in (read, write):
            os.close(end)
    session.close()
    crowd.close()


@pytest.mark.slow
def test_a_lock_that_a_thread_held_does_not_hold_up_the_child(sandbox: Sandbox, colour: Colour) -> None:
    pool = colour.pool(sandbox.server(Security.TLS))
    session = colour.session(sandbox.server(Security.TLS))
    colour.run(pool.send(mail("before")))
    colour.run(session.open())
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with inside.lock_of(pool), contexts.making, server_memory.lock, inside.line_of(session).guard:
            held.set()
            done.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(PATIENCE)
    server = sandbox.server(Security.TLS)

    def act() -> None:
        server_memory.of(server)
        colour.run(pool.send(mail("child")))
        colour.run(session.open())

    told = in_child(act)
    done.set()
    thread.join()

    assert told == "value None"
    assert letters(sandbox) == proper("before", "child")
    colour.run(pool.close())
    colour.run(session.close())


def test_a_child_waits_for_no_session_that_its_parent_uses(sandbox: Sandbox) -> None:
    with SmtpPool(sandbox.server(), size=1) as pool, pool.session() as session:
        told = in_child(lambda: (pool.send(mail("child")), pool.in_use, pool.waiting)[1:])
        session.send(mail("parent"))

        assert told == "value (0, 0)"
    assert letters(sandbox) == proper("child", "parent")


def test_a_session_that_was_lent_before_the_fork_is_given_back_to_nobody(sandbox: Sandbox) -> None:
    pool = SmtpPool(sandbox.server())

    def act() -> str:
        lending.__exit__(None, None, None)
        pool.send(mail("child"))
        return f"{pool.in_use} {pool.resting}"

    lending = pool.session()
    session = lending.__enter__()
    told = in_child(act)
    session.send(mail("parent"))
    lending.__exit__(None, None, None)

    assert told == "value 0 1"
    assert letters(sandbox) == proper("child", "parent")
    pool.close()


def test_a_fork_between_two_results_sends_nothing_twice(sandbox: Sandbox) -> None:
    names = ["one", "two", "three", "four"]
    with SmtpSession(sandbox.server()) as session:
        results = iter(session.send_many((mail(name) for name in names), window=1))
        next(results)

        told = in_child(lambda: len(list(results)))
        left = len(list(results))

    assert told in (REFUSED, *(f"value {n}" for n in range(4)))
    assert left == 3
    assert letters(sandbox) == proper(*names)


@pytest.mark.slow
def test_a_fork_within_a_coroutine_leaves_the_parents_loop_alone(sandbox: Sandbox) -> None:
    async def story() -> str:
        async with AsyncSmtpPool(sandbox.server(Security.TLS)) as pool:
            await asyncio.gather(*(pool.send(mail(f"before{n}")) for n in range(8)))
            told = in_child(lambda: asyncio.run(pool.send(mail("child"))).accepted)
            await asyncio.gather(*(pool.send(mail(f"after{n}")) for n in range(8)))
            return told

    told = asyncio.run(story())

    assert told.startswith("value")
    assert letters(sandbox) == proper("child", *(f"{when}{n}" for when in ("before", "after") for n in range(8)))


@pytest.mark.slow
def test_workers_of_multiprocessing_share_a_pool_by_its_name_alone(sandbox: Sandbox) -> None:
    fork = multiprocessing.get_context("fork")
    with SmtpPool(sandbox.server(Security.STARTTLS)) as pool:
        pool.send(mail("parent"))
        workers = [fork.Process(target=pool.send, args=(mail(f"worker{n}"),)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(PATIENCE)

        assert [worker.exitcode for worker in workers] == [0] * 4
        pool.send(mail("parent2"))
    assert letters(sandbox) == proper("parent", "parent2", *(f"worker{n}" for n in range(4)))


def test_facts_about_a_server_are_known_in_the_child(sandbox: Sandbox) -> None:
    known = server_memory.of(sandbox.server())
    known.limit_messages(7)

    told = in_child(lambda: server_memory.of(sandbox.server()).max_messages)

    assert told == "value 7"
    server_memory.forget()


def test_a_worker_of_an_outbox_is_the_parents_alone(tmp_path: Path) -> None:
    crowd = Crowd()
    crowd.verdict.clear()
    with Outbox(tmp_path / "outbox.db") as outbox:
        worker = outbox.worker().start()
        ticket = outbox.put(mail("parent"), via=f"smtp://127.0.0.1:{crowd.port}?tls=none")
        crowd.wait("pending", 1)

        told = in_child(lambda: worker.stop(grace=1))
        crowd.verdict.set()

        assert told == "value 0", "what is unanswered is the parent's"
        ticket.wait(PATIENCE)
        worker.stop()
    assert crowd.mails == {"parent": 1}
    crowd.close()


@pytest.mark.slow
def test_an_outbox_of_the_parent_can_be_used_and_worked_in_the_child(sandbox: Sandbox, tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db", ways={"other": "memory:"}) as outbox, outbox.worker(lanes=["other"]):

        def act() -> int:
            outbox.put(mail("child"), via=sandbox.url)
            return outbox.run_once()

        told = in_child(act)
        outbox.put(mail("parent"), via=sandbox.url)
        done = outbox.run_once()

    assert told == "value 1"
    assert done == 1
    assert letters(sandbox) == proper("child", "parent")


def test_a_sandbox_goes_on_serving_when_a_child_leaves_its_block(sandbox: Sandbox) -> None:
    told = in_child(lambda: sandbox.__exit__(None, None, None))

    with SmtpSession(sandbox.server()) as session:
        session.send(mail("parent"))

    assert told == "value None"
    assert letters(sandbox) == proper("parent")
