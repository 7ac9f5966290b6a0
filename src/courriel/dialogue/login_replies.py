"""
Redaction of replies that repeat the credentials of a login: only their codes are shown, in every protocol.

Some servers quote the command that they refuse ("501 syntax error: AUTH PLAIN AGFkYQ…"). Replies go into errors, logs,
transcripts and pickles, where no secret may be. Secrets are searched as sent and in the forms that servers make of
them: base64 encoded and decoded, percent and hex encoding, other case, and truncated.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator

from courriel import errors
from courriel.dialogue.flow import Ask, Fetch, Flow, Send
from courriel.reply import Reply
from courriel.wire.smtp.client_syntax import printable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")

NOT_SHOWN = "its text repeats what was said at the login, and is not shown"

_ENOUGH = 8
"""Characters in a row of a longer secret that count as a repetition."""
_WORTH_ENCODING = 4  # octets; the encoding of fewer occurs in any text
_COUNTED = re.compile(r"\{\d+\+?\}$")
_STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_RESPONSE_CODE = re.compile(r"\[[A-Za-z0-9/-]{1,40}\]")
_ORDINARY = frozenset(
    [
        "account",
        "authentication",
        "bad",
        "credentials",
        "denied",
        "error",
        "failed",
        "incorrect",
        "invalid",
        "login",
        "password",
        "user",
        "username",
        "wrong",
    ]
)
"""Words of any refusal: as a password they count as repeated only after a command or a quotation mark."""
_BEFORE_SECRETS = ("pass ", '"', "'", "=", "<", "[", "(", "\0", "\\x00")
_HARMLESS = ("EXTERNAL",)  # mechanisms that send a name and no secret


class SaidAtLogin:
    """Secrets sent during one login; not shown by `repr`."""

    def __init__(self) -> None:
        self._short: set[str] = set()  # searched as a whole
        self._parts: set[str] = set()  # substrings of `_ENOUGH` characters of longer ones
        self._mechanism = ""
        self._name_is_next = False

    def __repr__(self) -> str:
        return "<what was said at a login>"

    def add(self, data: bytes) -> None:
        """Add the secrets in sent octets: commands of SMTP, POP3 or IMAP, or answers in base64."""
        for line in data.decode("utf-8", "backslashreplace").splitlines():
            self._add_line(line)

    def add_secret(self, secret: str) -> None:
        """Add a secret, in all forms that a server may make of it."""
        octets = secret.encode("utf-8", "surrogatepass")
        if secret.casefold() in _ORDINARY:
            self._short.update(before + secret.casefold() for before in _BEFORE_SECRETS)
        else:
            self._add_form(secret)
            self._add_form(printable(octets))
            self._add_form(printable(secret.encode("latin-1", "replace")))
        if len(octets) < _WORTH_ENCODING:
            return
        self._add_form(octets.hex())
        for position in range(3):
            # Within a longer text its base64 depends on its offset; the first and last characters depend on the text
            # beside it.
            encoded = b64encode(b"\0" * position + octets).decode("ascii").rstrip("=")
            self._add_form(encoded[(0, 2, 3)[position] : len(encoded) - 1])

    def repeated_in(self, text: str) -> bool:
        """Whether the text repeats a secret, or enough of one."""
        if not self._short and not self._parts:
            return False
        from urllib.parse import unquote  # noqa: PLC0415 - only where a login failed

        for read in (text, unquote(text), re.sub(r"\\(.)", r"\1", text), "".join(text.split())):
            folded = read.casefold()
            if any(short in folded for short in self._short):
                return True
            if any(
                folded[position : position + _ENOUGH] in self._parts for position in range(len(folded) - _ENOUGH + 1)
            ):
                return True
        return False

    # The steps.

    def _add_line(self, line: str) -> None:
        first, *words = line.split(" ") or [""]
        match [first.upper(), *(word.upper() for word in words[:2])]:
            case ["PASS", *_] if words:
                self.add_secret(line[len("PASS ") :])
            case ["USER", *_] if words:
                pass
            case ["APOP", *_] if words:
                self.add_secret(words[-1])
            case ["AUTH", mechanism, *_]:
                self._begin(mechanism, words[1:])
            case [_, "AUTHENTICATE", mechanism]:
                self._begin(mechanism, words[2:])
            case [_, "LOGIN", *_]:
                self._add_login(line.split(" ", 2)[-1])
            case _:
                self._add_answer(line)

    def _begin(self, mechanism: str, answers: list[str]) -> None:
        self._mechanism, self._name_is_next = mechanism, mechanism == "LOGIN"
        for answer in answers:
            self._add_answer(answer)

    def _add_login(self, words: str) -> None:
        """Add the password of IMAP's LOGIN; one sent as a literal follows as a line."""
        strings = [quoted or bare for quoted, bare in _STRINGS.findall(words)]
        if len(strings) > 1 and not _COUNTED.search(words):
            self.add_secret(re.sub(r"\\(.)", r"\1", strings[-1]))

    def _add_answer(self, answer: str) -> None:
        if self._name_is_next or self._mechanism in _HARMLESS:
            self._name_is_next = False
            return
        if answer in ("", "=", "*") or _COUNTED.search(answer):
            return  # no secret, or the user name in IMAP's LOGIN with the length of the password
        try:
            decoded = b64decode(answer, validate=True).decode("utf-8", "backslashreplace")
        except (NotBase64, ValueError):
            self.add_secret(answer)
            self._add_login(answer)
            return
        secret = decoded if self._mechanism == "LOGIN" else _secret_of(decoded)
        if self._mechanism and secret is None:
            return
        self._add_form(answer)
        self.add_secret(secret if self._mechanism and secret else answer)

    def _add_form(self, form: str) -> None:
        folded = form.casefold()
        if len(folded) > _ENOUGH:
            self._parts.update(folded[position : position + _ENOUGH] for position in range(len(folded) - _ENOUGH + 1))
        elif folded.strip():
            self._short.add(folded)


def discreetly(login: Flow[T]) -> Flow[T]:
    """Run a login whose errors repeat no secret that was sent in it."""
    secrets = SaidAtLogin()
    try:
        want = next(login)
        while True:
            if isinstance(want, Send | Ask) and want.secret:
                secrets.add(want.data)
            try:
                answer = yield want
            except GeneratorExit:
                login.close()
                raise
            except BaseException as failed:  # noqa: BLE001 - thrown into the inner flow
                want = login.throw(failed)
            else:
                if isinstance(want, Fetch):
                    secrets.add_secret(answer.decode())
                want = login.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    except errors.CourrielError as error:
        conceal(error, secrets)
        raise


def conceal(error: errors.CourrielError, secrets: SaidAtLogin) -> None:
    """Remove the secrets of a login from an error and its causes."""
    link: BaseException | None = error
    for _ in range(10):
        if link is None:
            return
        if isinstance(link, errors.CourrielError):
            _conceal_one(link, secrets)
        above = link.__cause__ or link.__context__
        if above is not None and not isinstance(above, errors.CourrielError) and secrets.repeated_in(str(above)):
            link.__cause__ = link.__context__ = None
            return
        link = above


# The steps.


def _secret_of(decoded: str) -> str | None:
    """Secret in a SASL answer: a password, a token, a digest, a proof; None when it holds none."""
    if "\0" in decoded:  # PLAIN
        return decoded.rpartition("\0")[2]
    if "\1" in decoded:  # XOAUTH2, OAUTHBEARER
        return decoded.partition("auth=Bearer ")[2].partition("\1")[0] or None
    if re.match(r"[nyp][^,]*,[^,]*,", decoded):
        return None  # first message of SCRAM: a user name and a nonce
    if re.match(r"c=[^,]+,r=[^,]+,", decoded):
        return decoded.partition(",p=")[2]
    name, blank, digest = decoded.rpartition(" ")
    if blank and name and re.fullmatch(r"[0-9a-f]{32}", digest):  # CRAM-MD5
        return digest
    return decoded  # LOGIN


def _conceal_one(error: errors.CourrielError, secrets: SaidAtLogin) -> None:
    repeated = any(map(secrets.repeated_in, _texts_of(error)))
    if not repeated:
        return
    if error.reply is not None:
        error.reply = _codes_of(error.reply)
        tried = getattr(error, "tried", ())
        error.args = (f"{error.reply} ({NOT_SHOWN})" + (f" (tried {', '.join(tried)})" if len(tried) > 1 else ""),)
    else:
        error.args = (f"the server said something, and {NOT_SHOWN}",)
    _ = error.__dict__.pop("__notes__", None)  # they may quote the reply; the next access makes them again


def _texts_of(error: errors.CourrielError) -> Iterator[str]:
    yield from (str(argument) for argument in error.args)
    if error.reply is not None:
        yield error.reply.text
        yield "".join(error.reply.lines)


def _codes_of(reply: Reply) -> Reply:
    """Reply without its text: its code, its enhanced code, its response code in brackets."""
    text = reply.lines[0] if reply.lines else ""
    bracketed = _RESPONSE_CODE.match(text)
    code = str(reply.enhanced or "") or (bracketed[0] if bracketed else "")
    return Reply(reply.code, (code,) if code else (), reply.word)
