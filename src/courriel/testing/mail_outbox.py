"""Mails of one test: looking at them, waiting for them, and the settings that lead a program to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from courriel.model.recipient_rule import CAPTURE, captures

if TYPE_CHECKING:
    from courriel import Sandbox
    from courriel.types import CapturedMessage

_SOON = 5.0  # seconds


class MailOutbox:
    """The mails that a program sent in this test, over a real connection to a server on loopback.

    `url` is what courriel takes; other programs are given `host` and `port`. Each mail has everything that a mail read
    by POP3 or IMAP has (`subject`, `text`, `html`, `attachments`, `raw`), the envelope (`sender`, `recipients`), and
    `message`, the same as an `EmailMessage` of the standard library.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        """The server, of which this test has the mails."""

    # Where it is.

    @property
    def url(self) -> str:
        """URL for `courriel.send(via=…)` and COURRIEL_URL, without TLS."""
        return self.sandbox.url

    @property
    def starttls_url(self) -> str:
        """URL of the same port with STARTTLS and the authority to trust. Raises MissingExtra."""
        return self.sandbox.starttls_url

    @property
    def tls_url(self) -> str:
        """URL of the port with TLS from the first byte. Raises MissingExtra."""
        return self.sandbox.tls_url

    @property
    def host(self) -> str:
        """Address of the server, for settings such as EMAIL_HOST."""
        return self.sandbox.host

    @property
    def port(self) -> int:
        """Port of the server, for settings such as EMAIL_PORT."""
        return self.sandbox.port

    # What came.

    @property
    def letters(self) -> list[CapturedMessage]:
        """The mails so far, oldest first."""
        return self.sandbox.letters

    def __len__(self) -> int:
        return len(self.letters)

    def __iter__(self) -> Iterator[CapturedMessage]:
        return iter(self.letters)

    def __getitem__(self, place: int) -> CapturedMessage:
        return self.letters[place]

    def __bool__(self) -> bool:
        return True  # `mail_outbox or …` asks for the fixture, not for a mail

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host}:{self.port}, {len(self)} mails>"

    # Waiting.

    def wait_for(self, to: str | None = None, subject: str | None = None, *, timeout: float = _SOON) -> CapturedMessage:
        """The first mail to this address with this text in its subject, there or yet to come within so many seconds.

        Raises TimedOut, which lists what came instead.
        """
        return self.sandbox.wait_for(to, subject, timeout=timeout)

    def wait_for_count(self, count: int, *, timeout: float = _SOON) -> list[CapturedMessage]:
        """All mails, as soon as there are so many of them. Raises AssertionError after so many seconds."""
        __tracebackhide__ = True
        found = self.sandbox.wait_until(lambda letters: letters if len(letters) >= count else None, timeout=timeout)
        if found is None:
            raise AssertionError(f"{count} mails were awaited for {timeout:g} s; {self._what_came()}")
        return found

    def one(self, *, timeout: float = _SOON) -> CapturedMessage:
        """The only mail. Raises AssertionError when there is none within so many seconds, or more than one."""
        __tracebackhide__ = True
        letters = self.sandbox.wait_until(lambda letters: letters or None, timeout=timeout) or []
        if len(letters) != 1:
            raise AssertionError(f"one mail was awaited; {self._what_came()}")
        return letters[0]

    async def awaited(
        self,
        to: str | None = None,
        subject: str | None = None,
        *,
        timeout: float = _SOON,  # noqa: ASYNC109 - the same words as `wait_for`
    ) -> CapturedMessage:
        """`wait_for` for coroutines of asyncio."""
        return await self.sandbox.awaited(to, subject, timeout=timeout)

    def clear(self) -> None:
        """Remove the mails so far, and the faults."""
        self.sandbox.clear()

    # The steps.

    def _what_came(self) -> str:
        letters = self.letters
        return "nothing came" if not letters else "what came:" + "".join(f"\n  {letter}" for letter in letters)


def refuse_capture() -> None:
    """Fail the test while COURRIEL_CAPTURE is set: no mail of courriel would come here.

    It is not unset: it may be what keeps another mail of the same test from a real server.
    """
    if captures():
        pytest.fail(
            f"{CAPTURE}={os.environ[CAPTURE]} is set, so that no mail of courriel comes to mail_outbox; unset it "
            "for the tests (`env -u COURRIEL_CAPTURE pytest`)",
            pytrace=False,
        )
