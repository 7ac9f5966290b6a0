"""What is promised, as rows: a name, a work, a sink, and how many times each peer's rate ours has to be.

Figures are client cost: no network, no disk, no real server stands in the way, so they are not delivery rates.
"""

from __future__ import annotations

from pathlib import Path

from .contestants import BARE, OURS
from .imap_rows import imap_rows
from .material import LETTERS, MB, Material
from .measuring import Rival, Row


def rows(material: Material, folder: Path) -> list[Row]:
    """Every row that compares us with somebody, in the order of the table."""
    file = material.file(5 * MB)
    secured = {"ca": folder / "ca.pem"}
    everybody = ("smtplib", "aiosmtplib", "nodemailer", "JavaMail", "smtp-source", "C")
    one_session = (4, 12, 10, 4.5, 3, 0.65)
    return [
        Row(
            "one-session",
            "ready-made 1 kB mails, one session, PIPELINING",
            "ready",
            "smtp-sink",
            (*(Rival(name, floor) for name, floor in zip(everybody, one_session, strict=True)), Rival(BARE)),
        ),
        Row(
            "one-session, own sink",
            "the same, to the bench's own sink (PIPELINING)",
            "ready",
            "pipelining",
            tuple(Rival(name) for name in everybody),
        ),
        Row(
            "from-bytes",
            "the same, with `ReadyMessage.parse` for each mail in the time",
            "from-bytes",
            "smtp-sink",
            (Rival("smtplib", None, "ready"),),
        ),
        Row(
            "window",
            "ready-made 1 kB mails, one session, CHUNKING",
            "ready",
            "chunking",
            (Rival("smtplib", 20), Rival("aiosmtplib", 60), Rival(BARE)),
        ),
        Row(
            "build, text",
            "build and serialise, 1 kB of text",
            "build-text",
            "",
            (Rival("smtplib", 60, label="EmailMessage"),),
        ),
        Row(
            "build, text + HTML",
            "build and serialise, text and HTML in UTF-8 (8bit)",
            "build-html",
            "",
            (Rival("smtplib", 40, label="EmailMessage"),),
        ),
        Row(
            "build, text + HTML, 7bit",
            "the same for a server without 8BITMIME (quoted-printable)",
            "build-html-7",
            "",
            (Rival("smtplib", None, "build-html", label="EmailMessage"),),
        ),
        Row(
            "built-and-sent",
            "build and send, 1 kB of text, PIPELINING",
            "built",
            "smtp-sink",
            (
                Rival("smtplib", 30),
                Rival("aiosmtplib"),
                Rival("nodemailer", 12),
                Rival("JavaMail", 6),
                Rival(BARE, None, "ready"),
            ),
        ),
        Row(
            "signing",
            "sign a ready-made 1 kB mail by DKIM, RSA-2048, relaxed/relaxed",
            "sign",
            "",
            (Rival("dkimpy", 15),),
        ),
        Row(
            "built, signed and sent",
            "build, sign by RSA-2048, send, 1 kB of text, PIPELINING",
            "built-signed",
            "smtp-sink",
            (Rival(OURS, None, "built-single", label="the same, unsigned"),),
        ),
        Row(
            "built-and-sent, CHUNKING",
            "build and send, 1 kB of text, CHUNKING",
            "built",
            "chunking",
            (Rival("smtplib", 100), Rival(BARE, None, "ready")),
        ),
        Row(
            "merge",
            "mail merge from a template, text and HTML, PIPELINING",
            "merge",
            "smtp-sink",
            (Rival("smtplib", 40), Rival("aiosmtplib"), Rival("nodemailer", 15), Rival("JavaMail", 9), Rival(BARE)),
            most=5_000,
        ),
        Row(
            "merge, built",
            "the same mails, each built as a Message",
            "merge-built",
            "smtp-sink",
            (Rival("smtplib", None, "merge"), Rival("nodemailer", None, "merge"), Rival("JavaMail", None, "merge")),
            most=5_000,
        ),
        Row(
            "attachment",
            "5 MB from disk, PIPELINING",
            "attachment",
            "pipelining",
            (Rival("smtplib", 15), Rival("aiosmtplib"), Rival("nodemailer", 4.5), Rival("JavaMail")),
            unit="MB/s",
            most=200,
            scale=5,
            options={"file": file},
        ),
        Row(
            "attachment, pybase64",
            "the same with the extra `speed`, PIPELINING",
            "attachment",
            "pipelining",
            (Rival("smtplib", 30), Rival("nodemailer")),
            unit="MB/s",
            most=200,
            scale=5,
            options={"file": file, "base64": "pybase64"},
        ),
        Row(
            "attachment, BINARYMIME",
            "the same as it is, CHUNKING; the others in base64",
            "attachment",
            "chunking",
            (Rival("smtplib"), Rival("nodemailer")),
            unit="MB/s",
            most=200,
            scale=5,
            options={"file": file, "binary": "1"},
        ),
        Row(
            "async",
            "one task awaiting each mail, PIPELINING",
            "async-single",
            "smtp-sink",
            (Rival("aiosmtplib", 6), Rival(BARE)),
        ),
        Row(
            "async, 100 tasks",
            "a hundred tasks on one connection, CHUNKING",
            "async-tasks",
            "chunking",
            (Rival("aiosmtplib", 60), Rival(BARE)),
        ),
        Row(
            "async, send_many",
            "one task, `send_many`, CHUNKING",
            "async-ready",
            "chunking",
            (Rival("aiosmtplib", None, "ready"),),
        ),
        Row(
            "single",
            "one `send` per call on an open session, PIPELINING",
            "single",
            "smtp-sink",
            (Rival("smtplib", 2), Rival("aiosmtplib", 6), Rival("nodemailer"), Rival("JavaMail"), Rival(BARE)),
        ),
        Row(
            "built-single",
            "one `send` of a Message per call, PIPELINING",
            "built-single",
            "smtp-sink",
            (Rival("smtplib", None, "built"), Rival("nodemailer", None, "built"), Rival("JavaMail", None, "built")),
        ),
        Row(
            "ten-sessions",
            "a pool of ten sessions, PIPELINING",
            "many",
            "smtp-sink",
            (Rival("smtplib", 4.5), Rival("aiosmtplib", 12), Rival("nodemailer"), Rival("JavaMail"), Rival(BARE)),
            options={"sessions": 10},
        ),
        *(
            Row(
                f"pop, {milliseconds} ms" if milliseconds else "pop",
                f"{LETTERS:,} letters of 4 kB, PIPELINING" + (f", at {milliseconds} ms" if milliseconds else ""),
                "pop",
                f"pop at {milliseconds} ms" if milliseconds else "pop",
                (Rival("smtplib", floor, label="poplib"),),
                unit="letters/s",
                most=LETTERS,
            )
            for milliseconds, floor in ((0, 4.5), (10, 70), (50, None))
        ),
        Row(
            "pop, awaited",
            "the same letters, awaited",
            "async-pop",
            "pop",
            (Rival("smtplib", None, "pop", label="poplib"),),
            unit="letters/s",
            most=LETTERS,
        ),
        *imap_rows(),
        *(
            Row(
                f"imap served, {verb}",
                f"the practice server: {verb} of letters of 4 kB, core time of the server",
                f"serve-{verb.lower()}",
                "",
                (Rival("hoodiecrow", 5),),
                unit="letters/s",
                most=LETTERS,
            )
            for verb in ("APPEND", "FETCH")
        ),
        *(
            Row(
                f"smtp served{how}",
                f"the practice server with its page: mails of {what}, core time of the server",
                "serve-smtp",
                "",
                (Rival("aiosmtpd", floor),),
                unit="mails/s",
                most=most,
                options=options,
            )
            for how, what, floor, most, options in (
                ("", "4 kB in one session", 5, LETTERS, {}),
                (", ten sessions", "4 kB in ten sessions at a time", 5, LETTERS, {"sessions": "10"}),
                (", in pieces", "4 kB by CHUNKING where the server offers it", 5, LETTERS, {"chunks": "yes"}),
                (", 1 MB", "1 MB in one session", 3, 200, {"octets": "1000000"}),
            )
        ),
        Row(
            "sessions",
            "open, STARTTLS, AUTH, send, close",
            "session",
            "starttls",
            (
                Rival("smtplib", 1.2, options={"context": "shared"}, label="smtplib, shared context"),
                Rival("smtplib", 15, options={"context": "each"}, label="smtplib, a context each"),
            ),
            unit="sessions/s",
            most=2_000,
            options={**secured, "security": "starttls"},
        ),
        Row(
            "sessions, TLS at once",
            "open by TLS, AUTH, send, close",
            "session",
            "tls",
            (Rival("smtplib", None, options={"context": "shared"}, label="smtplib, shared context"),),
            unit="sessions/s",
            most=2_000,
            options={**secured, "security": "tls"},
        ),
    ]
