"""procrastinate, that puts and sends mails: procrastinate_peer.py DATABASE-URL SMTP-PORT.

Reads lines: `schema` makes its tables; `put N` defers N mails, one by one; `work` sends all that wait by one worker.
Answers with the seconds it took. The session with the server stays open between mails, which is better than what its
documentation's examples would do.
"""

from __future__ import annotations

import asyncio
import smtplib
import sys
import time

import procrastinate

TEXT = ("x" * 70 + "\n") * 13

URL, PORT = sys.argv[1], int(sys.argv[2])
APP = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL))
LINE: list[smtplib.SMTP] = []


@APP.task(name="send")
def send(subject: str, to: str, text: str) -> None:
    if not LINE:
        LINE.append(smtplib.SMTP("127.0.0.1", PORT, local_hostname="bench"))
    LINE[0].sendmail("bench@example.org", [to], f"Subject: {subject}\r\nTo: {to}\r\n\r\n{text}")


def put(count: int) -> None:
    for number in range(count):
        send.defer(subject=f"Mail {number}", to="someone@example.org", text=TEXT)


async def work() -> None:
    async with APP.open_async():
        await APP.run_worker_async(wait=False, concurrency=1, install_signal_handlers=False, listen_notify=False)


def main() -> None:
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "work":
            began = time.perf_counter()
            asyncio.run(work())
        else:
            with APP.open():
                began = time.perf_counter()
                APP.schema_manager.apply_schema() if verb == "schema" else put(int(rest))
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
