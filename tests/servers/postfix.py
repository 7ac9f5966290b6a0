"""A private Postfix, as strict as those one meets: four doors, refusals of every kind, letters kept to the byte."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from .accounts import ACCOUNTS, ADA, DOMAIN, INTERNATIONAL_DOMAIN, mailbox
from .authority import Authority
from .daemon import Daemon, private_folder, start_somewhere, wait_until, write_settled
from .dovecot import OWNER, Dovecot
from .mailboxes import Letter, Mailboxes
from .packages import need
from .ports import LOOPBACK, free_ports

MASTER = "/usr/lib/postfix/sbin/master"

MAXIMUM = 1_000_000
"""The largest message that is taken, in octets."""

MORE_MAILBOXES = {'"john smith"@example.org': "example.org/john-smith"}
"""Those without an account: a local part that must be quoted."""

RECIPIENTS = {
    "later@example.org": "451 4.3.0 Something is broken here, try again later",
    "greylisted@example.org": "450 4.2.0 Greylisted, come back in a minute",
    "full@example.org": "452 4.2.2 The mailbox is full",
    "gone@example.org": "550 5.1.6 The mailbox has moved and left no address",
    "goodbye@example.org": "421 4.3.2 The service is closing down",
}
"""What is said to RCPT for some recipients. Those neither here nor with a mailbox are told 550 5.1.1; 421 hangs up."""

SENDERS = {
    "refused@example.org": "550 5.7.1 You may not send mail",
    "busy@example.org": "451 4.7.1 Too much mail from you, try again later",
}
"""What is said to some senders: to MAIL on the plain door, to the first RCPT (as most servers do) on the others."""

AFTER_DATA = {"doubtful@example.org": "451 4.7.1 Read, and not taken: try again later"}
"""What is said to some senders after the final dot."""

RETURNING = "returning.example"
"""A domain whose mail goes on to Dovecot, which knows nobody there: accepted from who logged in, it comes back."""

FORBIDDEN_WORDS = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""A message with these in its text is refused after the final dot, with 550 5.7.1."""

MAIN = """
compatibility_level = 3.6
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = {loopback}
inet_protocols = ipv4

myhostname = mx.{domain}
mydomain = {domain}
mynetworks = {loopback}/32
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:5.1.1 nobody lives here
recipient_delimiter = +

# Nothing leaves this machine, whoever asks for it, and no name is looked up.
relay_domains =
default_transport = discard:nothing leaves this machine
relay_transport = discard:nothing leaves this machine
transport_maps = inline:{{ {{ {returning} = lmtp:inet:{loopback}:{lmtp_port} }} }}
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
notify_classes =

virtual_mailbox_domains = {domain} {international_domain} {international_ascii}
virtual_mailbox_base = {mail}
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}

# A letter is kept as it came: nothing is added to it, and a Bcc that leaked stays to be seen.
local_header_rewrite_clients =
message_drop_headers =
message_size_limit = {maximum}
smtputf8_enable = yes

# Strict, as the Postfix of tomorrow: only CRLF ends a line, and nobody speaks before it is their turn.
smtpd_forbid_bare_newline = reject
smtpd_forbid_bare_newline_exclusions =
smtpd_forbid_unauth_pipelining = yes
strict_rfc821_envelopes = yes
smtpd_helo_required = yes
body_checks = regexp:{folder}/words

# A mistake is told at once, and not punished by a pause.
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
in_flow_delay = 0

smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_auth_only = yes
smtpd_tls_received_header = yes

smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
smtpd_sasl_security_options = noanonymous
smtpd_sasl_authenticated_header = yes

smtpd_sender_restrictions = check_sender_access texthash:{folder}/senders
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/recipients
smtpd_end_of_data_restrictions = check_sender_access texthash:{folder}/after-data
"""

SERVICES = """
{loopback}:{plain_port} inet n - n - - smtpd
  -o syslog_name=plain
  -o smtpd_delay_reject=no
{loopback}:{strict_port} inet n - n - - smtpd
  -o syslog_name=strict
  -o {{ smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname }}
{loopback}:{submission_port} inet n - n - - smtpd
  -o syslog_name=submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o {{ smtpd_client_restrictions = permit_sasl_authenticated, reject }}
{loopback}:{submissions_port} inet n - n - - smtpd
  -o syslog_name=submissions
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o {{ smtpd_client_restrictions = permit_sasl_authenticated, reject }}
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
error     unix - - n - - error
retry     unix - - n - - error
lmtp      unix - - n - - lmtp
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """Where the doors of a running Postfix are, and what it delivered.

    `plain_port` is like port 25: STARTTLS is offered, nobody logs in, only mail for its own people is taken.
    `strict_port` is the same, but minds the name in EHLO: it must be a full name or an address literal, else 504.
    `submission_port` is like 587: STARTTLS first, then a login. `submissions_port` is like 465: TLS, then a login.
    """

    authority: Authority
    mailboxes: Mailboxes
    plain_port: int
    strict_port: int
    submission_port: int
    submissions_port: int
    folder: Path
    daemon: Daemon

    host = "localhost"
    user = ADA.user
    password = ADA.password
    accounts = ACCOUNTS
    maximum = MAXIMUM

    @property
    def ca_file(self) -> Path:
        """What a client has to trust."""
        return self.authority.ca_file

    def letters(self, address: str, count: int = 1, timeout: float = 10.0, containing: bytes = b"") -> list[Letter]:
        """The letters in a mailbox (that contain these bytes), oldest first, once there are at least `count` of them.

        Waits up to `timeout` seconds, then raises TimeoutError with the server's log. With a count of 0 it waits until
        everything that was accepted has been delivered, and returns what there is.
        """

        def arrived() -> list[Letter]:
            return [letter for letter in self.mailboxes.letters(address) if containing in letter.raw]

        if not wait_until(lambda: len(arrived()) >= count if count else self.idle, timeout):
            raise TimeoutError(f"{len(arrived())} of {count} letters for {address} after {timeout} s:\n{self.log()}")
        return arrived()

    def empty(self, timeout: float = 10.0) -> None:
        """Throw away every letter, those included that are still on their way."""
        wait_until(lambda: self.idle, timeout)
        self.mailboxes.empty()

    @property
    def idle(self) -> bool:
        """Whether everything that was accepted has been delivered, or put aside for another day."""
        return not any(any((self.folder / "queue" / part).iterdir()) for part in ("incoming", "active"))

    def log(self) -> str:
        """The last lines that Postfix logged."""
        return self.daemon.words()


@contextlib.contextmanager
def postfix(dovecot: Dovecot) -> Generator[Postfix]:
    """Run a Postfix that asks this Dovecot about passwords and fills its mailboxes, for as long as the block lasts."""
    need(MASTER, as_root=True)
    started = start_somewhere(lambda: _start(dovecot))
    with started.daemon:
        yield started


# The steps.


def _start(dovecot: Dovecot) -> Postfix:
    folder = private_folder("postfix")
    names = ("plain_port", "strict_port", "submission_port", "submissions_port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    owner = pwd.getpwnam(OWNER)
    make_queue(folder)
    _write_tables(folder)
    etc = folder / "etc"
    etc.mkdir()
    write_settled(etc / "master.cf", SERVICES.format(loopback=LOOPBACK, **ports))
    write_settled(
        etc / "main.cf",
        MAIN.format(
            folder=folder,
            loopback=LOOPBACK,
            domain=DOMAIN,
            returning=RETURNING,
            lmtp_port=dovecot.lmtp_port,
            international_domain=INTERNATIONAL_DOMAIN,
            international_ascii=INTERNATIONAL_DOMAIN.encode("idna").decode("ascii"),
            mail=dovecot.mailboxes.folder,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            maximum=MAXIMUM,
            certificate=dovecot.authority.certificate,
            key=dovecot.authority.key,
            sasl=dovecot.sasl,
        ),
    )
    # Not through postfix(1), which would first look after the files of the system's Postfix.
    daemon = Daemon([MASTER, "-c", str(etc), "-s"], folder=folder, log=folder / "log", ports=list(ports.values()))
    return Postfix(authority=dovecot.authority, mailboxes=dovecot.mailboxes, folder=folder, daemon=daemon, **ports)


def make_queue(folder: Path) -> None:
    """The folders that Postfix expects to find, given to whom they should belong (see its postfix-files)."""
    workers = pwd.getpwnam("postfix").pw_uid
    (folder / "queue" / "pid").mkdir(parents=True)
    queues = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "public")
    for path in (folder / "data", *(folder / "queue" / name for name in (*queues, "maildrop", "saved", "trace"))):
        path.mkdir(0o700)
        os.chown(path, workers, 0)


def _write_tables(folder: Path) -> None:
    ascii_domain = INTERNATIONAL_DOMAIN.encode("idna").decode("ascii")
    mailboxes = {account.user: mailbox(account.user) for account in ACCOUNTS} | MORE_MAILBOXES
    # Clients that know no SMTPUTF8 write the domain in ASCII: the same mailbox.
    mailboxes |= {
        address.replace(INTERNATIONAL_DOMAIN, ascii_domain): path
        for address, path in mailboxes.items()
        if address.endswith(INTERNATIONAL_DOMAIN)
    }
    _write_table(folder / "mailboxes", {address: f"{path}/" for address, path in mailboxes.items()})
    _write_table(folder / "recipients", RECIPIENTS)
    _write_table(folder / "senders", SENDERS)
    _write_table(folder / "after-data", AFTER_DATA)
    words = "".join(f"[{letter}]" for letter in FORBIDDEN_WORDS)
    write_settled(folder / "words", f"/{words}/ REJECT This is advertising\n")


def _write_table(path: Path, table: dict[str, str]) -> None:
    write_settled(path, "".join(f"{key} {value}\n" for key, value in table.items()))
