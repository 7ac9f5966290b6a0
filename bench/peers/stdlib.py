"""smtplib, EmailMessage, poplib, imaplib, as the standard library's documentation shows them; one object, one thread.

`sendmail` for octets that are ready, `send_message` for an EmailMessage; for TLS a context that
all sessions share and, measured apart, a new one for each, as most code has it.
"""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from email import policy
from email.message import EmailMessage

from ..material import MANY, RECIPIENT, SENDER, person
from ..player import Clock, Job, compared, play, timed


def open_line(job: Job) -> smtplib.SMTP:
    line = smtplib.SMTP("127.0.0.1", job.port, local_hostname="bench")
    line.ehlo_or_helo_if_needed()
    return line


def ready(job: Job) -> dict[str, float]:
    mails, to = list(job.ready()), job.to
    with open_line(job) as line, Clock() as clock:
        for mail in mails:
            line.sendmail(SENDER, to, mail)
    return timed(clock, job.count)


def plain(text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = RECIPIENT
    message["Subject"] = "A mail that was built"
    message.set_content(text)
    return message


def both(text: str, html: str, number: int) -> EmailMessage:
    name, address, order = person(number)
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = address
    message["Subject"] = f"Commande {order} prête"
    message.set_content(text.format(name=name, number=order))
    message.add_alternative(html.format(name=name, number=order), subtype="html")
    return message


def build_text(job: Job) -> dict[str, float]:
    text = job.material.text("text.txt")
    with Clock() as clock:
        for _ in range(job.count):
            plain(text).as_bytes(policy=policy.SMTP)
    return timed(clock, job.count)


def build_html(job: Job) -> dict[str, float]:
    text, html = job.material.text("merge.txt"), job.material.text("merge.html")
    with Clock() as clock:
        for number in range(job.count):
            both(text, html, number).as_bytes(policy=policy.SMTP)
    return timed(clock, job.count)


def built(job: Job) -> dict[str, float]:
    text = job.material.text("text.txt")
    with open_line(job) as line, Clock() as clock:
        for _ in range(job.count):
            line.send_message(plain(text))
    return timed(clock, job.count)


def merge(job: Job) -> dict[str, float]:
    text, html = job.material.text("merge.txt"), job.material.text("merge.html")
    with open_line(job) as line, Clock() as clock:
        for number in range(job.count):
            line.send_message(both(text, html, number))
    return timed(clock, job.count)


def attachment(job: Job) -> dict[str, float]:
    with open_line(job) as line, Clock() as clock:
        for _ in range(job.count):
            message = plain("Attached.\n")
            message.add_attachment(
                job.file.read_bytes(), maintype="application", subtype="octet-stream", filename="file.bin"
            )
            line.send_message(message)
    return timed(clock, job.count)


def many(job: Job) -> dict[str, float]:
    """Several sessions, a thread for each."""
    mails = list(job.ready())
    lines = [open_line(job) for _ in range(job.sessions)]

    def send(line: smtplib.SMTP, share: list[bytes]) -> None:
        for mail in share:
            line.sendmail(SENDER, [RECIPIENT], mail)

    with ThreadPoolExecutor(job.sessions) as threads, Clock() as clock:
        for done in [threads.submit(send, line, mails[rank :: job.sessions]) for rank, line in enumerate(lines)]:
            done.result()
    for line in lines:
        line.quit()
    return timed(clock, job.count)


def session(job: Job) -> dict[str, float]:
    """Open, secure, log in, send, close; `context` says whether one context serves all or each makes its own."""
    mails = list(job.ready())
    ca_file, own = job.options["ca"], job.options.get("context") == "each"
    shared = ssl.create_default_context(cafile=ca_file)
    with Clock() as clock:
        for mail in mails:
            context = fresh(ca_file) if own else shared
            if job.options["security"] == "tls":
                line: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", job.port, local_hostname="bench", context=context)
            else:
                line = smtplib.SMTP("127.0.0.1", job.port, local_hostname="bench")
                line.starttls(context=context)
            line.login("ada", "secret")
            line.sendmail(SENDER, [RECIPIENT], mail)
            line.quit()
    return timed(clock, job.count)


def pop(job: Job) -> dict[str, float]:
    """poplib, letter by letter: it knows no other way; `retr` gives lines, which make the octets again."""
    box = poplib.POP3("127.0.0.1", job.port)
    box.user("ada")
    box.pass_("secret")
    with Clock() as clock:
        box.list()
        letters = [b"\r\n".join(box.retr(number)[1]) + b"\r\n" for number in range(1, job.count + 1)]
    box.quit()
    return timed(clock, compared(job, letters))


def imap(job: Job) -> dict[str, float]:
    """imaplib, and all letters by one command."""
    box = open_mailbox(job)
    with Clock() as clock:
        box.uid("SEARCH", "ALL")
        told = box.uid("FETCH", f"1:{job.count}", "(BODY.PEEK[])")[1]
        letters = [each[1] for each in told if isinstance(each, tuple)]
    box.logout()
    return timed(clock, compared(job, letters))


def imap_each(job: Job) -> dict[str, float]:
    """imaplib, letter by letter, as its documentation shows it."""
    box = open_mailbox(job)
    letters: list[bytes] = []
    with Clock() as clock:
        for number in box.uid("SEARCH", "ALL")[1][0].split()[: job.count]:
            fetched = box.uid("FETCH", number.decode(), "(BODY.PEEK[])")[1][0]
            assert isinstance(fetched, tuple)
            letters.append(fetched[1])
    box.logout()
    return timed(clock, compared(job, letters))


def imap_heads(job: Job) -> dict[str, float]:
    """imaplib, and the headers for a list by one command, as they come."""
    box = open_mailbox(job)
    fields = "DATE FROM SENDER REPLY-TO TO CC BCC SUBJECT MESSAGE-ID IN-REPLY-TO REFERENCES"
    with Clock() as clock:
        box.uid("SEARCH", "ALL")
        what = f"(FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS ({fields})])"
        told = box.uid("FETCH", f"1:{job.count}", what)[1]
        headers = [each[1] for each in told if isinstance(each, tuple)]
    box.logout()
    return timed(clock, len(headers))


def imap_flags(job: Job) -> dict[str, float]:
    """imaplib, and the flags of all letters: what has to be compared without a count of changes."""
    box = open_mailbox(job)
    with Clock() as clock:
        told = box.uid("FETCH", "1:*", "(FLAGS)")[1]
    box.logout()
    if len(told) != MANY:
        raise ValueError(f"flags of {len(told)} letters")
    return timed(clock, 1)


def open_mailbox(job: Job) -> imaplib.IMAP4:
    box = imaplib.IMAP4("127.0.0.1", job.port)
    box.login("ada", "secret")
    box.select(readonly=True)
    return box


def fresh(ca_file: str) -> ssl.SSLContext:
    """The system's roots, as `create_default_context()` loads them, and the bench's own besides."""
    context = ssl.create_default_context()
    context.load_verify_locations(ca_file)
    return context


if __name__ == "__main__":
    play(
        {
            "ready": ready,
            "single": ready,
            "build-text": build_text,
            "build-html": build_html,
            "built": built,
            "merge": merge,
            "attachment": attachment,
            "many": many,
            "session": session,
            "pop": pop,
            "imap": imap,
            "imap-each": imap_each,
            "imap-heads": imap_heads,
            "imap-flags": imap_flags,
        }
    )
