"""
References to secrets: where a password is stored, instead of the password.

    env:NAME                the environment variable NAME
    file:/run/secrets/mail  a file; one line end after the secret is not part of it
    keyring                 the desktop's keyring (pip install "courriel[keyring]"), by server and user
    prompt                  asked for at the terminal
    cmd:pass show mail      the first line of a program's output; no shell is started
    login:ada@firm.example  the OAuth 2 token of a login stored by `courriel login`

A secret is read each time credentials are requested, and not cached. A password in a URL is a reference too, of the
kind "plain": so masking is done in one place.
"""

from __future__ import annotations

import os

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel._lazy_re import expression
from courriel.delivery.percent import refusal

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

SecretKind: TypeAlias = "Literal['plain', 'env', 'file', 'keyring', 'prompt', 'cmd', 'login']"
_KINDS: tuple[SecretKind, ...] = ("plain", "env", "file", "keyring", "prompt", "cmd", "login")

KEY_UNUSABLE = "KEY-UNUSABLE"
"""Record of the failure table for a private key that cannot be read, or used."""
LONGEST_SECRET = 64 * 1024  # bytes; an access token has a few thousand; the limit is for references to wrong files
COMMAND_TIME_LIMIT = 60.0  # seconds; long enough to unlock a password store by hand, and finite

MASK = "***"
FORMS = "env:NAME, file:/run/secrets/name, keyring, prompt, login:NAME, or cmd:program with its arguments"
_VARIABLE = expression(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Reference to a secret: `kind` of storage and `place` in it (for "plain" the secret itself).

    Raises InvalidUrl for an invalid combination.
    """

    kind: SecretKind
    place: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise refusal(f"{self.kind!r} is not a place for a secret: {FORMS}")
        if (self.kind in ("keyring", "prompt")) is not (self.place == ""):
            raise refusal(f"password={self.kind}: this is written {FORMS}")
        if self.kind == "env" and not _VARIABLE.fullmatch(self.place):
            raise refusal("password=env: is followed by the name of a variable, as env:MAIL_PASSWORD")

    @classmethod
    def parse(cls, text: str) -> SecretReference:
        """Parse a reference; a password itself is refused, and not quoted. Raises InvalidUrl."""
        kind, colon, place = text.partition(":")
        if kind == "plain" or kind not in _KINDS or bool(colon) is (kind in ("keyring", "prompt")):
            # The text may be the password itself: it is not quoted.
            raise refusal(
                f"a password stands here by reference ({FORMS}), and this is something else; not shown, in case it"
                " is the password itself",
                hint_id="PASSWORD-NOT-A-REFERENCE",
            )
        return cls(kind, place)

    @property
    def revealed(self) -> str:
        """The reference as `parse` takes it. A plain secret has no such form; it is returned itself."""
        if self.kind == "plain":
            return self.place
        return f"{self.kind}:{self.place}" if self.place else self.kind

    def __str__(self) -> str:
        """The reference for display: plain secrets are masked, and arguments of commands, which may hold one."""
        match self.kind:
            case "plain":
                return MASK
            case "cmd":
                program, space, _ = self.place.partition(" ")
                return f"cmd:{program} {MASK}" if space else f"cmd:{program}"
            case _:
                return self.revealed

    def __repr__(self) -> str:
        return f"SecretReference({str(self)!r})"

    def read(self, *, user: str, host: str, subject: str = "", whole: bool = False) -> str:
        """Read the secret of this user on this server; `subject` says in errors what it is, if no password.

        `whole`: all lines that a program prints, and not the first one. Raises UsageError, which never quotes what was
        read; MissingExtra without the keyring.
        """
        subject = subject or (f"the password of {user!r} on {host}" if user else f"the secret for {host}")
        try:
            secret = self._fetch(user, host, subject, whole=whole)
        except errors.CourrielError:
            raise
        except UnicodeDecodeError:
            raise self._failed(subject, "it is not text in UTF-8") from None
        except OSError as broken:
            raise self._failed(subject, broken.strerror or type(broken).__name__) from broken
        if not secret:
            raise self._failed(subject, "there is nothing in it")
        if len(secret) > LONGEST_SECRET:
            raise self._failed(subject, f"it is longer than {LONGEST_SECRET} characters")
        return secret

    def read_key(self, *, user: str, host: str, subject: str, whole: bool = False) -> str:
        """Read a private key; `subject` says in errors which one, `whole` is as in `read`.

        Raises UsageError, which never quotes what was read; MissingExtra without the keyring.
        """
        try:
            return self.read(user=user, host=host, subject=subject, whole=whole)
        except errors.MissingExtra:
            raise
        except errors.UsageError as wrong:
            raise errors.UsageError(wrong.detail, stage="compose", hint_id=KEY_UNUSABLE) from None

    # The steps.

    def _fetch(self, user: str, host: str, subject: str, *, whole: bool) -> str:
        match self.kind:
            case "plain":
                return self.place
            case "env":
                if self.place not in os.environ:
                    raise self._failed(subject, "the variable is not set")
                return os.environ[self.place]
            case "file":
                return _without_line_end(self._beginning_of_file())
            case "cmd":
                output = self._output(subject)
                return output if whole else output.partition("\n")[0].removesuffix("\r")
            case "keyring":
                return _from_keyring(user, host)
            case "prompt":
                return self._ask(user, host, subject)
            case "login":
                # Only a TokenSource knows which servers may get a token: see `Route.credentials`.
                raise self._failed(subject, "a token is not a password: it logs in by auth=xoauth2 or oauthbearer")

    def _failed(self, subject: str, reason: str) -> errors.UsageError:
        return errors.UsageError(
            f"{subject} cannot be read from {self}: {reason}",
            stage="authenticate",
            hint_id="PASSWORD-NOT-FOUND",
        )

    def _beginning_of_file(self) -> str:
        with open(self.place, "rb") as file:  # noqa: PTH123 - pathlib would be imported for this alone
            return file.read(LONGEST_SECRET + 2).decode("utf-8-sig")

    def _output(self, subject: str) -> str:
        import shlex
        import subprocess

        try:
            argv = shlex.split(self.place)
        except ValueError as broken:
            raise self._failed(subject, f"the command cannot be read ({broken})") from None
        try:
            # No shell: the reference can run one program only. Its standard error is shown on the terminal.
            done = subprocess.run(  # noqa: S603
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=COMMAND_TIME_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            # Without "from": that error holds the command and its output.
            raise self._failed(subject, f"no answer within {COMMAND_TIME_LIMIT:g} seconds") from None
        except OSError as broken:
            raise self._failed(subject, broken.strerror or type(broken).__name__) from None
        if done.returncode:
            raise self._failed(subject, f"the program ended with status {done.returncode}")
        return done.stdout.decode()

    def _ask(self, user: str, host: str, subject: str) -> str:
        import getpass
        import sys

        # sys.stdin is None in a program without a console.
        stdin: object = sys.stdin
        if stdin is None or not sys.stdin.isatty():
            raise self._failed(subject, "there is no terminal to ask at; give it by env:, file:, keyring or cmd:")
        try:
            return getpass.getpass(f"Password of {user} on {host}: ")
        except EOFError:
            raise self._failed(subject, "nothing was typed") from None


def keyring_is_there() -> bool:
    """Whether the keyring package is installed; it is not imported."""
    from importlib.util import find_spec

    return find_spec("keyring") is not None


def _from_keyring(user: str, host: str) -> str:
    try:
        import keyring  # type: ignore[import-not-found,unused-ignore]
        from keyring.errors import KeyringError  # type: ignore[import-not-found,unused-ignore]
    except ImportError as missing:
        raise errors.MissingExtra(
            'the keyring is a part that is installed apart: pip install "courriel[keyring]"',
            stage="authenticate",
            hint_id="EXTRA-MISSING",
        ) from missing
    try:
        secret: str | None = keyring.get_password(host, user)
    except KeyringError as broken:
        raise errors.UsageError(
            f"the keyring did not answer ({type(broken).__name__}); give the password by env:, file:, prompt or cmd:",
            stage="authenticate",
            hint_id="PASSWORD-NOT-FOUND",
        ) from broken
    if secret is None:
        import shlex

        raise errors.UsageError(
            f"the keyring holds no password of {user!r} on {host}: keyring set {host} {shlex.quote(user)}",
            stage="authenticate",
            hint_id="PASSWORD-NOT-FOUND",
        )
    return secret


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
