"""Log records by mail, in real processes: storms, crash loops, signals, servers that are away or silent."""

from __future__ import annotations

import logging
import logging.config
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from courriel import Outbox, Sandbox, State, errors
from courriel.integrations.log_digest import LAST_LINES, LONGEST_INTERVAL, Digest, fingerprint_of
from courriel.integrations.log_mail import clean
from courriel.integrations.logging import MailHandler, seconds_of

BEGIN = """
import logging, os, signal, sys
from courriel.integrations.logging import MailHandler
place = sys.argv[2] if len(sys.argv) > 2 else None
handler = MailHandler("ops@example.org", via=sys.argv[1], sender="shop@example.org", outbox=place, timeout={timeout})
log = logging.getLogger("shop")
log.addHandler(handler)
log.setLevel(logging.INFO)
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def silent_server() -> Iterator[tuple[str, Event]]:
    """A server that accepts and never says a word; the event tells that somebody came."""
    came = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            kept = []
            try:
                while True:
                    kept.append(server.accept())
                    came.set()
            except OSError:
                for connection, _ in kept:
                    connection.close()

        thread = Thread(target=accept)
        thread.start()
        yield f"smtp://127.0.0.1:{server.getsockname()[1]}", came
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def logger() -> Iterator[Callable[[MailHandler], logging.Logger]]:
    made: list[tuple[logging.Logger, logging.Handler]] = []

    def give(handler: MailHandler) -> logging.Logger:
        log = logging.getLogger(f"shop.test{len(made)}")
        log.propagate = False
        log.setLevel(logging.DEBUG)
        log.addHandler(handler)
        made.append((log, handler))
        return log

    yield give
    for log, handler in made:
        log.removeHandler(handler)
        log.propagate = True  # pytest adds a handler of its own where it is not
        handler.close()


def run(program: str, *arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    begin = BEGIN.replace("{timeout}", "10")
    return subprocess.run(
        [sys.executable, "-c", begin + program, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def records_in(subjects: list[str]) -> int:
    counts = [re.search(r"\(([0-9]+) occurrences\)", subject) for subject in subjects]
    return sum(int(count[1]) if count else 1 for count in counts)


@pytest.mark.slow
def test_a_crash_loop_of_ten_thousand_records_is_few_mails_and_none_is_left_out(sandbox: Sandbox) -> None:
    ran = run(
        """
for number in range(10_000):
    try:
        {}["x"]
    except KeyError:
        log.exception("order %d failed", number)
log.critical("these are my last words")
sys.exit(3)
""",
        sandbox.url,
    )

    subjects = [letter.subject for letter in sandbox.letters]
    assert ran.returncode == 3
    assert len(subjects) <= 3
    assert records_in(subjects) == 10_001
    assert "these are my last words" in sandbox.letters[-1].text
    assert "KeyError" in sandbox.letters[0].text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
def test_the_last_words_leave_before_a_signal_ends_the_process(sandbox: Sandbox, name: str) -> None:
    program = 'log.info("about to wait")\nprint("ready", flush=True)\nsignal.pause()'
    with subprocess.Popen(
        [sys.executable, "-c", BEGIN.replace("{timeout}", "10") + program, sandbox.url], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(getattr(signal, name))
        status = process.wait(30)

    assert status == -getattr(signal, name)
    assert [letter.subject for letter in sandbox.letters] == ["INFO: about to wait"]


@pytest.mark.slow
def test_a_program_that_takes_the_signal_itself_is_left_alone(sandbox: Sandbox) -> None:
    ran = run(
        """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
log.info("mine")
os.kill(os.getpid(), signal.SIGTERM)
""",
        sandbox.url,
    )

    assert ran.returncode == 7
    assert len(sandbox.letters) == 1


@pytest.mark.slow
def test_a_child_by_fork_mails_its_own_records_and_not_those_of_its_parent(sandbox: Sandbox) -> None:
    ran = run(
        """
log.info("of the parent")
if os.fork() == 0:
    log.info("of the child")
    logging.shutdown()
    os._exit(0)
os.wait()
""",
        sandbox.url,
    )

    assert ran.returncode == 0, ran.stderr
    assert sorted(letter.subject for letter in sandbox.letters) == ["INFO: of the child", "INFO: of the parent"]


@pytest.mark.slow
def test_a_process_of_multiprocessing_mails_its_last_words(sandbox: Sandbox) -> None:
    ran = run(
        """
import multiprocessing
def work():
    log.info("of the worker process")
process = multiprocessing.get_context("fork").Process(target=work)
process.start()
process.join()
""",
        sandbox.url,
    )

    assert ran.returncode == 0, ran.stderr
    assert [letter.subject for letter in sandbox.letters] == ["INFO: of the worker process"]


@pytest.mark.slow
def test_the_last_words_leave_where_no_thread_can_be_started_any_more(sandbox: Sandbox) -> None:
    ran = run(
        """
import threading
log.info("at the very end")
def start(self):
    raise RuntimeError("can't create new thread at interpreter shutdown")  # as Python 3.12 says
threading.Thread.start = start
""",
        sandbox.url.replace("127.0.0.1", "localhost"),
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert [letter.subject for letter in sandbox.letters] == ["INFO: at the very end"]


@pytest.mark.slow
def test_a_server_that_is_away_at_the_end_of_the_process_costs_a_sentence(closed_port: int) -> None:
    ran = run('log.error("nobody hears this")', f"smtp://127.0.0.1:{closed_port}")

    assert ran.returncode == 0
    assert "1 log records could not be mailed; the last one: ERROR shop: nobody hears this" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_a_server_that_says_nothing_does_not_keep_the_process(silent_server: tuple[str, Event]) -> None:
    url, came = silent_server
    begin = BEGIN.replace("{timeout}", "0.2")

    with subprocess.Popen(
        [sys.executable, "-c", begin + 'log.error("into silence")\nsys.stdin.read()', url],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert came.wait(30)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "could not be mailed; the last one: ERROR shop: into silence" in said


def test_a_caller_goes_on_while_the_server_says_nothing(
    silent_server: tuple[str, Event], logger: Callable[[MailHandler], logging.Logger]
) -> None:
    url, came = silent_server
    log = logger(MailHandler("ops@example.org", via=url, sender="shop@example.org", timeout=0.01))
    log.error("first")
    assert came.wait(30)

    for number in range(1000):
        log.error("number %d", number)

    assert came.is_set()


@pytest.mark.slow
def test_processes_that_die_at_their_start_store_few_mails(tmp_path: Path) -> None:
    place = tmp_path / "outbox.db"
    for _ in range(4):
        ran = run(
            'log.error("cannot start, attempt of %d", os.getpid())\nsys.exit(1)', "smtp://127.0.0.1:9", str(place)
        )
        assert ran.returncode == 1, ran.stderr

    with Outbox(place, elsewhere=True) as outbox:
        contents = [outbox.get(mail.id).content() for mail in outbox.list(State.READY)]

    assert 1 <= len(contents) <= 2  # two, when a minute of their turn ends in between
    assert b"cannot start" in contents[0]


def test_records_of_courriel_itself_cause_no_mail(
    sandbox: Sandbox, logger: Callable[[MailHandler], logging.Logger]
) -> None:
    handler = MailHandler("ops@example.org", via=sandbox.url, sender="shop@example.org")
    logger(handler)

    handler.handle(logging.makeLogRecord({"name": "courriel.outbox.work", "levelno": 40, "msg": "no"}))
    handler.handle(logging.makeLogRecord({"name": "courrielesque", "levelno": 40, "msg": "yes"}))
    handler.flush()

    assert [letter.subject for letter in sandbox.letters] == ["Level None: yes"]


@pytest.mark.slow
def test_it_is_configured_by_dictconfig_behind_a_queue(sandbox: Sandbox) -> None:
    ran = run(
        """
import logging.config, logging.handlers, queue
logging.config.dictConfig({
    "version": 1,
    "handlers": {"mail": {
        "class": "courriel.integrations.logging.MailHandler", "to": ["ops@example.org", "eve@example.org"],
        "via": sys.argv[1], "sender": "shop@example.org", "digest": "1m", "capacity": 10, "flush_level": "CRITICAL",
        "subject": "[shop]", "level": "WARNING",
    }},
    "loggers": {"till": {"handlers": ["mail"]}},
})
mail = logging.getLogger("till").handlers[0]
pipe = queue.SimpleQueue()
listener = logging.handlers.QueueListener(pipe, mail, respect_handler_level=True)
log = logging.getLogger("counter")
log.addHandler(logging.handlers.QueueHandler(pipe))
listener.start()
for number in range(5):
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("bill %d", number)
listener.stop()
""",
        sandbox.url,
    )

    (letter,) = sandbox.letters
    assert ran.returncode == 0, ran.stderr
    assert letter.subject == "[shop] ERROR: bill 0 (5 occurrences)"
    assert letter.recipients == ("ops@example.org", "eve@example.org")
    assert "5 × ERROR counter" in letter.text


def test_a_subclass_says_the_subject_and_its_mistake_costs_no_mail(
    sandbox: Sandbox, logger: Callable[[MailHandler], logging.Logger]
) -> None:
    class Ours(MailHandler):
        def getSubject(self, record: logging.LogRecord) -> str:
            return f"ours\r\nBcc: eve@example.org {record.args[0]}"  # type: ignore[index]

    class Named(MailHandler):
        def getSubject(self, record: logging.LogRecord) -> str:
            return f"{record.name}\r\nBcc: eve@example.org"

    for kind in (Ours, Named):
        log = logger(kind("ops@example.org", via=sandbox.url, sender="shop@example.org"))
        log.error("order %d\x00", 7)
        log.handlers[0].flush()

    first, second = sandbox.letters
    assert first.subject.startswith("ERROR: order 7")
    assert second.subject == "shop.test1 Bcc: eve@example.org"
    assert second.recipients == ("ops@example.org",)


def test_a_record_that_cannot_be_formatted_stops_nobody(
    sandbox: Sandbox, logger: Callable[[MailHandler], logging.Logger], capsys: pytest.CaptureFixture[str]
) -> None:
    log = logger(MailHandler("ops@example.org", via=sandbox.url, sender="shop@example.org"))

    log.error("%d orders", "no number")
    log.handlers[0].flush()

    assert [letter.subject for letter in sandbox.letters] == ["ERROR: %d orders [TypeError in its arguments]"]
    assert "no number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [{"to": []}, {"to": "nobody at all"}, {"via": "unknown-profile"}, {"digest": "soon"}, {"digest": 0},
     {"capacity": 0}, {"flush_level": "LOUD"}, {"sender": "x"}, {"subject": 7}, {"timeout": float("nan")}],
)  # fmt: skip
def test_a_wrong_argument_is_seen_when_logging_is_configured(wrong: dict[str, object]) -> None:
    given: dict[str, object] = {"to": "ops@example.org", "via": "memory:", "sender": "shop@example.org", **wrong}

    with pytest.raises(errors.UsageError):
        MailHandler(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("30s", 30), ("1m", 60), ("1.5h", 5400), (7, 7)])
def test_durations(text: str | float, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_halves_of_characters_are_written_as_they_can_be() -> None:
    assert clean("a\x00b\ud800") == "a\\0b\\ud800"


# The digest, by its own clock.


def record(message: str = "order %d failed", *values: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("shop", level, "shop.py", 7, message, values, None)


def test_the_same_record_waits_twice_as_long_each_time_up_to_an_hour() -> None:
    digest, now, waits = Digest(60, 100, logging.ERROR), 0.0, []
    digest.add(record("x"), str, now)
    assert digest.due == now
    for _ in range(9):
        assert digest.take(now) is not None
        digest.add(record("x"), str, now + 1)
        assert digest.due is not None
        waits.append(digest.due - now)
        now = digest.due

    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert waits[-1] == LONGEST_INTERVAL


def test_a_new_urgent_record_waits_for_no_other_but_no_mail_is_sooner_than_an_interval() -> None:
    digest = Digest(60, 100, logging.ERROR)
    for now in (0.0, 60.0, 180.0):
        digest.add(record("x"), str, now)
        assert digest.take(now)

    digest.add(record("x"), str, 190.0)
    digest.add(record("something else"), str, 200.0)

    assert digest.due == 240.0


def test_what_is_over_capacity_is_counted_and_the_mail_is_due() -> None:
    digest = Digest(60, 3, logging.CRITICAL)
    for number in range(50):
        digest.add(record(f"{'a' * number} failed"), str, 5.0)

    batch = digest.take(5.0)

    assert digest.due is None
    assert batch is not None
    assert batch.records == 50
    assert len(batch.entries) == 3
    assert len(batch.lines) == LAST_LINES


def test_a_batch_that_is_given_back_keeps_every_count() -> None:
    digest = Digest(60, 3, logging.ERROR)
    digest.add(record("x"), str, 0.0)
    batch = digest.take(0.0)
    assert batch is not None
    digest.add(record("x"), str, 1.0)
    digest.add(record("y"), str, 2.0)

    digest.give_back(batch, 90.0)

    assert digest.due == 90.0
    again = digest.take(90.0)
    assert again is not None
    assert (again.records, len(again.entries)) == (3, 2)


def test_numbers_and_quotes_do_not_make_another_record() -> None:
    same = {fingerprint_of(record(f"user {n} at 0x{n:08x} of '{n}' failed")) for n in range(10)}

    assert len(same) == 1
    assert fingerprint_of(record("one")) != fingerprint_of(record("two"))
    assert fingerprint_of(record("one")) != fingerprint_of(record("one", level=logging.INFO))
