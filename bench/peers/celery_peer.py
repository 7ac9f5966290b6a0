"""Celery on Redis, that puts and sends mails: celery_peer.py REDIS-PORT SMTP-PORT [worker].

Reads lines: `put N` calls `delay` N times; `work N` waits until N mails were sent by one worker (pool `solo`), which
it starts. Answers with the seconds it took; for `work` from the first mail to the last, without the worker's start.
`acks_late`, so that a killed worker loses nothing; the session with the server stays open between mails.
"""

from __future__ import annotations

import smtplib
import subprocess
import sys
import time

from celery import Celery

TEXT = ("x" * 70 + "\n") * 13

REDIS, PORT = int(sys.argv[1]), int(sys.argv[2])
APP = Celery("bench", broker=f"redis://127.0.0.1:{REDIS}/0")
APP.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)
SENT_ALL = "all were sent in "
LINE: list[smtplib.SMTP] = []
DONE: list[float] = []


@APP.task(name="send")
def send(subject: str, to: str, text: str) -> None:
    if not LINE:
        LINE.append(smtplib.SMTP("127.0.0.1", PORT, local_hostname="bench"))
    DONE.append(time.perf_counter())
    LINE[0].sendmail("bench@example.org", [to], f"Subject: {subject}\r\nTo: {to}\r\n\r\n{text}")
    if len(DONE) == EXPECTED:
        print(f"{SENT_ALL}{time.perf_counter() - DONE[0]}", flush=True)


def worker() -> None:
    APP.worker_main(["worker", "--pool=solo", "--loglevel=ERROR", "--without-gossip", "--without-mingle"])


def main() -> None:
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "put":
            began = time.perf_counter()
            for number in range(int(rest)):
                send.delay(f"Mail {number}", "someone@example.org", TEXT)
            print(time.perf_counter() - began, flush=True)
        else:
            command = [sys.executable, __file__, str(REDIS), str(PORT), rest]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as working:
                assert working.stdout is not None
                # The worker greets first, at length.
                told = next((said for said in working.stdout if said.startswith(SENT_ALL)), "")
                print(told.removeprefix(SENT_ALL).strip(), flush=True)
                working.terminate()


EXPECTED = int(sys.argv[3]) if len(sys.argv) > 3 else 0

if __name__ == "__main__":
    worker() if EXPECTED else main()
