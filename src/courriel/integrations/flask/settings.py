"""Settings `MAIL_*` of an app, and the session or pool that they mean."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

import courriel
from courriel import Password, Security, Server, Signed, SmtpPool, SmtpSession, errors

if TYPE_CHECKING:
    from courriel import Transcript
    from courriel.integrations.flask.rendering import Mailbox
    from courriel.types import Connected


class MailSettings:
    """Mail settings of one app, read from `MAIL_*`; `app.extensions["mail"]` has them.

    `via` (MAIL_VIA) is a URL or the name of a profile, and stands alone: with MAIL_SERVER or a login beside it the
    settings contradict each other.
    """

    def __init__(self, config: Mapping[str, Any], debug: bool | int = False, testing: bool = False) -> None:
        """Read the settings of an app's configuration. Raises UsageError where they contradict each other."""
        self.via: str | None = config.get("MAIL_VIA")
        self.server: str = config.get("MAIL_SERVER", "127.0.0.1")
        self.port = _number(config, "MAIL_PORT", 25)
        self.use_tls = _flag(config, "MAIL_USE_TLS", False)
        self.use_ssl = _flag(config, "MAIL_USE_SSL", False)
        self.username: str | None = config.get("MAIL_USERNAME")
        self.password: str | None = config.get("MAIL_PASSWORD")
        self.default_sender: Mailbox | None = config.get("MAIL_DEFAULT_SENDER")
        self.debug = int(_flag(config, "MAIL_DEBUG", bool(debug)))
        self.max_emails = _number(config, "MAIL_MAX_EMAILS", 0)
        self.suppress = _flag(config, "MAIL_SUPPRESS_SEND", testing)
        self.ascii_attachments = _flag(config, "MAIL_ASCII_ATTACHMENTS", False)
        beside = [name for name in _BY_SERVER if config.get(name)]
        if self.via and beside:
            raise errors.UsageError(f"MAIL_VIA says it all: leave out {', '.join(beside)}")
        if self.use_tls and self.use_ssl:
            raise errors.UsageError("MAIL_USE_TLS is STARTTLS, and MAIL_USE_SSL is TLS from the start: one of them")

    def transport(self, transcript: Transcript | None = None) -> Connected:
        """A session that is not open yet, or the pool of this app where MAIL_VIA has `pool=` or `rate=`.

        Raises UsageError, InvalidServer, InvalidUrl.
        """
        if self.via:
            return _pooled(self, transcript)
        security = Security.TLS if self.use_ssl else Security.STARTTLS if self.use_tls else Security.NONE
        login = Password(self.username, self.password) if self.username and self.password else None
        return SmtpSession(
            Server(self.server, self.port, security), login, max_messages=self.max_emails or None,
            transcript=transcript,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<MailSettings {'MAIL_VIA' if self.via else f'{self.server}:{self.port}'}>"


# The steps.

_BY_SERVER = ("MAIL_SERVER", "MAIL_PORT", "MAIL_USE_TLS", "MAIL_USE_SSL", "MAIL_USERNAME", "MAIL_PASSWORD",
              "MAIL_MAX_EMAILS")  # fmt: skip
_WORDS = {"": False, "0": False, "false": False, "no": False, "off": False,
          "1": True, "true": True, "yes": True, "on": True}  # fmt: skip
_pools: dict[str, SmtpPool | Signed] = {}


def _pooled(settings: MailSettings, transcript: Transcript | None) -> Connected:
    """The transport of MAIL_VIA: one pool for the process, or a session of its own."""
    assert settings.via is not None
    pool = _pools.get(settings.via)
    if pool is not None and not pool.closed:
        return pool
    made = courriel.connect(settings.via, transcript=transcript)
    if is_pool(made):
        # Of two threads that come first together the later one's pool stays; the other has opened nothing yet.
        _pools[settings.via] = made
    return made


def is_pool(transport: object) -> TypeGuard[SmtpPool | Signed]:
    """Whether a transport is a pool, or signs for one."""
    return isinstance(transport.transport if isinstance(transport, Signed) else transport, SmtpPool)


def _flag(config: Mapping[str, Any], name: str, default: bool) -> bool:
    """Value of a setting that is on or off; as a text, from the environment, it is one of a few words."""
    given = config.get(name, default)
    if isinstance(given, str):
        word = given.strip().lower()
        if word not in _WORDS:
            raise errors.UsageError(f"{name}: True or False, not {given!r:.40}")
        return _WORDS[word]
    return bool(given)


def _number(config: Mapping[str, Any], name: str, default: int) -> int:
    """Value of a setting that is a number, also as a text; 0 for None."""
    given = config.get(name, default)
    try:
        return int(given or 0)
    except (TypeError, ValueError) as wrong:
        raise errors.UsageError(f"{name}: a number, not {given!r:.40}") from wrong


@atexit.register
def _close_pools() -> None:
    for pool in _pools.values():
        pool.close()
