"""Log records by mail where logging is closed, configured anew, or used within the sending itself; other threads."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from courriel import Sandbox
from courriel.integrations.log_mail import clean

# One process for each test.
slow = pytest.mark.slow

BEGIN = """
import logging, logging.config, os, signal, sys, threading, time
from courriel.integrations.logging import MailHandler
def made(kind=MailHandler, **options):
    return kind("ops@example.org", via=sys.argv[1], sender="shop@example.org", timeout=60, **options)
log = logging.getLogger("shop")
log.setLevel(logging.INFO)
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def run(sandbox: Sandbox, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program; one that waits for its handler's time limit takes longer than it may."""
    return subprocess.run(
        [sys.executable, "-c", BEGIN + program, sandbox.url], capture_output=True, text=True, timeout=50, check=False
    )


@slow
def test_logging_that_is_configured_again_waits_for_no_mail_and_loses_none(sandbox: Sandbox) -> None:
    ran = run(
        sandbox,
        """
setting = {"version": 1, "disable_existing_loggers": False, "root": {"handlers": ["mail"]}, "handlers": {"mail": {
    "class": "courriel.integrations.logging.MailHandler", "to": "ops@example.org", "via": sys.argv[1],
    "sender": "shop@example.org", "timeout": 60}}}
logging.config.dictConfig(setting)
log.error("before")
logging.config.dictConfig(setting)
log.error("after")
""",
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert sorted(letter.subject for letter in sandbox.letters) == ["ERROR: after", "ERROR: before"]


@pytest.mark.parametrize("closing", ["log.handlers[0].close()", "logging.config.dictConfig({'version': 1, 'incremental': False, 'disable_existing_loggers': False})"])  # fmt: skip  # noqa: E501
@slow
def test_a_handler_that_was_closed_begins_again(sandbox: Sandbox, closing: str) -> None:
    ran = run(
        sandbox,
        f"""
log.addHandler(made())
log.error("before")
log.handlers[0].flush()
{closing}
deadline = time.monotonic() + 20
while any(each.name == "courriel-log-mail" for each in threading.enumerate()) and time.monotonic() < deadline:
    pass
log.error("after")
log.handlers[0].flush()
log.handlers[0].close()
""",
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert [letter.subject for letter in sandbox.letters] == ["ERROR: before", "ERROR: after"]


@slow
def test_what_is_logged_within_the_sending_waits_for_no_lock(sandbox: Sandbox) -> None:
    ran = run(
        sandbox,
        """
class Talkative(MailHandler):
    def getSubject(self, record):
        log.error("of the sending"); logging.getLogger("courriel.x").error("of the library")
        return "of the program"
logging.getLogger().addHandler(made(Talkative))
log.error("x")
""",
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert [letter.subject for letter in sandbox.letters] == ["of the program"]


@pytest.mark.parametrize("how", ["thread", "queue"])
@slow
def test_the_last_words_of_another_thread_leave_before_a_signal_ends_the_process(sandbox: Sandbox, how: str) -> None:
    ran = run(
        sandbox,
        {
            "thread": """
log.addHandler(made())
saying = threading.Thread(target=log.info, args=["goodbye"])
saying.start(); saying.join()
""",
            "queue": """
import logging.handlers, queue
pipe, arrived, handler = queue.SimpleQueue(), threading.Event(), made()
class Listener(logging.handlers.QueueListener):
    def handle(self, record):
        super().handle(record); arrived.set()
Listener(pipe, handler).start()
log.addHandler(logging.handlers.QueueHandler(pipe))
log.info("goodbye")
arrived.wait()
""",
        }[how]
        + "os.kill(os.getpid(), signal.SIGTERM); threading.Event().wait()",
    )

    assert ran.returncode == -signal.SIGTERM
    assert [letter.subject for letter in sandbox.letters] == ["INFO: goodbye"]


@slow
def test_the_first_record_of_all_may_come_when_no_thread_can_be_started_any_more(sandbox: Sandbox) -> None:
    ran = run(
        sandbox,
        """
log.addHandler(made())
def start(self):
    raise RuntimeError("can't create new thread at interpreter shutdown")  # as Python 3.12 says
threading.Thread.start = start
log.error("first"); log.error("last")
""",
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert [letter.subject for letter in sandbox.letters] == ["ERROR: first (2 occurrences)"]


@slow
def test_a_child_whose_own_records_come_from_a_thread_mails_its_last_words(sandbox: Sandbox) -> None:
    ran = run(
        sandbox,
        """
log.addHandler(made())
child = os.fork()
if child == 0:
    saying = threading.Thread(target=log.info, args=["of the child"])
    saying.start(); saying.join()
    os.kill(os.getpid(), signal.SIGTERM); threading.Event().wait()
print(os.waitpid(child, 0)[1])
""",
    )

    assert int(ran.stdout) == signal.SIGTERM
    assert [letter.subject for letter in sandbox.letters] == ["INFO: of the child"]


@slow
def test_a_handler_that_was_never_made_is_not_closed_at_the_end(sandbox: Sandbox) -> None:
    ran = run(sandbox, "try: made(flush_level='LOUD')\nexcept ValueError as error: kept = error\n")

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no way to postgresql://ada:s3cret@db/x and smtp://:a%40b@h", "no way to postgresql://ada:***@db/x and smtp://:***@h"),
        ("https://example.org/a:b@c ada@example.org 12:30 @", "https://example.org/a:b@c ada@example.org 12:30 @"),
    ],
)  # fmt: skip
def test_a_password_of_a_url_is_not_mailed(text: str, shown: str) -> None:
    assert clean(text) == shown
