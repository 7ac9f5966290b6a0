"""The command sendmail, under its three names; silent when all is well, and with the exit status of sysexits.h."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from courriel import errors
from courriel.integrations.sendmail import options as words
from courriel.integrations.sendmail.options import SendmailOptions

NAMES = ("sendmail", "mailq", "newaliases")
OK, USAGE, SOFTWARE, TRY_AGAIN, INTERRUPTED = 0, 64, 70, 75, 130


def main(program: str, arguments: Sequence[str]) -> int:
    """Run the command under this name, and return its exit status. Never raises."""
    try:
        return _run(words.parse(program, arguments))
    except errors.CourrielError as error:
        return _complain(str(error), error.sysexit)
    except OSError as error:
        # A full disk, a folder that is not there yet: the caller keeps the mail, and may come again.
        named = f"{error.filename}: " if error.filename else ""
        return _complain(f"{named}{error.strerror or error}", TRY_AGAIN)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - outermost handler: whoever calls sendmail reads a sentence at most
        return _complain(f"{type(error).__name__}: {error}", SOFTWARE)


# The steps.


def _run(options: SendmailOptions) -> int:
    if options.mode == words.ALIASES:
        return OK  # aliases are read as they are; there is nothing to build
    from courriel.integrations.sendmail.identity import drop_folder, identity

    sends = options.mode in (words.SEND, words.SMTP)
    me = identity(needs_way=not sends or options.now or drop_folder() is None)
    if options.mode in (words.LIST, words.RUN):
        from courriel.integrations.sendmail import queue

        return queue.show(me) if options.mode == words.LIST else queue.run(me)
    from courriel.integrations.sendmail import handing

    if options.mode == words.VERIFY:
        for address in handing.recipients_of(options.recipients, me):
            print(address)
        return OK
    if options.mode == words.SMTP:
        from courriel.integrations.sendmail.smtp_input import SmtpInput

        def deliver(sender: str, recipients: list[str], pieces: Iterator[bytes]) -> None:
            mail = SendmailOptions(recipients=recipients, sender=sender, dot_ends=False, now=options.now)
            handing.hand_over(mail, me, pieces)

        if sys.stdin is None or sys.stdout is None:
            raise errors.UsageError("-bs: standard input and output have to be open")
        SmtpInput(sys.stdin.buffer, sys.stdout.buffer, me.domain, deliver).serve()
        return OK
    from courriel.integrations.sendmail.text import pieces_of

    handing.hand_over(options, me, pieces_of(sys.stdin.buffer) if sys.stdin is not None else ())
    return OK


def _complain(sentence: str, status: int) -> int:
    """Say what is wrong on standard error, in the language of the caller, and return the status."""
    from courriel.failures import language, spoken

    shown = spoken(sentence) if language() == "fr" else sentence
    try:
        os.write(2, f"sendmail: {shown}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return status  # nobody hears it
    return status
