"""A private Dovecot: passwords and tokens for Postfix, and the mailboxes by IMAP, POP3 and LMTP."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pwd
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from .accounts import ACCOUNTS, ADA, DOMAIN, Account
from .authority import Authority
from .daemon import Daemon, private_folder, start_somewhere
from .mailboxes import Mailboxes
from .packages import need
from .ports import LOOPBACK, free_ports

PROGRAMS = ("/usr/sbin/dovecot", "/usr/lib/dovecot/imap", "/usr/lib/dovecot/pop3", "/usr/lib/dovecot/lmtp")

TOKENS_ONLY = ("XOAUTH2", "OAUTHBEARER")
"""Mechanisms of a server that takes nothing but OAuth, as Microsoft 365 and Google do."""

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER")

OWNER = "nobody"
"""Whose files the letters are: Postfix and Dovecot both refuse to deliver as root."""

TOKEN_KEY = b"a key that only the tests know, and the server"

CONFIGURATION = """
protocols = imap pop3 lmtp
listen = {loopback}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
default_internal_user = dovecot
default_internal_group = dovecot
default_login_user = dovenull

ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2

mail_location = maildir:~
first_valid_uid = 1
first_valid_gid = 1

auth_mechanisms = {mechanisms}
auth_default_realm = {domain}
# Names may hold anything: that is what is being tested.
auth_username_chars =
# A wrong password is told at once, and not punished: here nobody is guessing.
auth_failure_delay = 0
auth_verbose = yes
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}

passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
  # Without it CRAM-MD5 and SCRAM hear of a wrong password half a second later, as PLAIN, LOGIN and tokens do anyhow.
  default_fields = nodelay=y
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}

protocol imap {{
  mail_plugins = imap_zlib
}}

service auth {{
  unix_listener {folder}/sasl {{
    mode = 0666
  }}
}}
service imap-login {{
  chroot =
  # One process for all connections: another one would not know the TLS sessions of the first.
  service_count = 0
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop_port}
  }}
  inet_listener pop3s {{
    port = {pops_port}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
}}
"""

TOKENS = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = email
"""

ASKED_ABOUT = """
introspection_mode = get
introspection_url = {url}
username_attribute = email
active_attribute = active
active_value = true
"""


@dataclass(frozen=True, slots=True)
class Dovecot:
    """Where the parts of a running Dovecot are.

    `sasl` is the socket at which Postfix asks about passwords. `imap_port` and `pop_port` offer STARTTLS (and take a
    password without, since we come from the same machine); `imaps_port` and `pops_port` speak TLS from the first byte.
    `lmtp_port` delivers to the mailboxes, and knows the accounts only.
    """

    authority: Authority
    mailboxes: Mailboxes
    sasl: Path
    imap_port: int
    imaps_port: int
    pop_port: int
    pops_port: int
    lmtp_port: int
    daemon: Daemon

    host = "localhost"
    accounts = ACCOUNTS
    mechanisms = MECHANISMS

    def log(self) -> str:
        """The last lines that Dovecot logged."""
        return self.daemon.words()


@contextlib.contextmanager
def dovecot(
    authority: Authority, *, introspection: str = "", mechanisms: tuple[str, ...] = MECHANISMS
) -> Generator[Dovecot]:
    """Run a Dovecot, with a certificate of this authority, for as long as the block lasts.

    It offers these mechanisms, and so does a Postfix that asks it. It verifies tokens by their key, or asks at the
    address `introspection` about each (RFC 7662).
    """
    need(*PROGRAMS, as_root=True)
    tokens = ASKED_ABOUT.format(url=introspection) if introspection else TOKENS
    started = start_somewhere(lambda: _start(authority, tokens, mechanisms))
    with started.daemon:
        yield started


def access_token(account: Account = ADA, *, lifetime: float = 3600, key: bytes = TOKEN_KEY) -> str:
    """A token (RFC 7519, HS256) with which an account may log in by XOAUTH2 and OAUTHBEARER; `lifetime` in seconds.

    A negative lifetime makes one that has expired, another key makes one that is not ours.
    """
    now = int(time.time())
    claims = {"email": account.user, "sub": account.user, "iat": now - 60, "nbf": now - 60, "exp": now + int(lifetime)}
    head = _base64url(json.dumps({"alg": "HS256", "typ": "JWT"}).encode("ascii"))
    signed = f"{head}.{_base64url(json.dumps(claims).encode('ascii'))}"
    return f"{signed}.{_base64url(hmac.digest(key, signed.encode('ascii'), hashlib.sha256))}"


# The steps.


def _start(authority: Authority, tokens: str, mechanisms: tuple[str, ...]) -> Dovecot:
    folder = private_folder("dovecot")
    names = ("imap_port", "imaps_port", "pop_port", "pops_port", "lmtp_port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    mailboxes = Mailboxes(folder / "mail")
    _write_accounts(folder, mailboxes)
    _write_tokens(folder, tokens)
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        CONFIGURATION.format(
            loopback=LOOPBACK,
            folder=folder,
            certificate=authority.certificate,
            key=authority.key,
            mechanisms=" ".join(mechanisms).lower(),
            domain=DOMAIN,
            **ports,
        ),
        "utf-8",
    )
    command = ["/usr/sbin/dovecot", "-F", "-c", str(configuration)]
    daemon = Daemon(command, folder=folder, log=folder / "log", ports=list(ports.values()))
    return Dovecot(authority=authority, mailboxes=mailboxes, sasl=folder / "sasl", daemon=daemon, **ports)


def _write_accounts(folder: Path, mailboxes: Mailboxes) -> None:
    owner = pwd.getpwnam(OWNER)
    for path in (mailboxes.folder, *{mailboxes.of(account.user).parent for account in ACCOUNTS}):
        path.mkdir()
        path.chmod(0o755)
        os.chown(path, owner.pw_uid, owner.pw_gid)
    lines = [
        # Base64, for a password that holds the colon that parts the fields. Kept readable: so every mechanism works.
        f"{account.user}:{{PLAIN.b64}}{base64.b64encode(account.password.encode()).decode('ascii')}"
        f":{owner.pw_uid}:{owner.pw_gid}::{mailboxes.of(account.user)}::\n"
        for account in ACCOUNTS
    ]
    (folder / "users").write_text("".join(lines), "utf-8")


def _write_tokens(folder: Path, tokens: str) -> None:
    (folder / "oauth2").write_text(tokens.format(folder=folder), "utf-8")
    # A key's path says who issued it ("default" when a token does not say), for which algorithm, and its number.
    key = folder / "keys" / "default" / "HS256" / "default"
    key.parent.mkdir(parents=True)
    key.write_bytes(base64.b64encode(TOKEN_KEY))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
