"""A Postfix that signs what leaves it (OpenDKIM) and checks what it receives (Rspamd), before Dovecot's mailboxes."""

from __future__ import annotations

import contextlib
import pwd
from collections.abc import Generator
from dataclasses import dataclass

from .accounts import ADA, DOMAIN, mailbox
from .daemon import Daemon, private_folder, start_somewhere, write_settled
from .dovecot import OWNER, Dovecot
from .names import Names
from .packages import need
from .ports import LOOPBACK, free_ports
from .postfix import MASTER, make_queue

OPENDKIM, RSPAMD = "/usr/sbin/opendkim", "/usr/bin/rspamd"

SIGNED = "sending.test"
"""The domain whose mail is signed; of others none is."""
AUTHSERV_ID = "mx.example.org"
JUNKED = f"junked@{DOMAIN}"
"""An address whose mail lies among the junk of Ada."""

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
myhostname = {name}
mynetworks = {loopback}/32
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:5.1.1 nobody lives here
relay_domains =
default_transport = discard:nothing leaves this machine
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
notify_classes =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {mail}
virtual_mailbox_maps = inline:{{ {{ {user} = {mailbox}/ }}, {{ {junked} = {mailbox}/.Junk/ }} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
milter_default_action = tempfail
"""

SERVICES = """
{loopback}:{submission_port} inet n - n - - smtpd
  -o syslog_name=submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o content_filter=smtp:[{loopback}]:{incoming_port}
  -o smtpd_milters=inet:{loopback}:{signer_port}
{loopback}:{incoming_port} inet n - n - - smtpd
  -o syslog_name=incoming
  -o smtpd_milters=inet:{loopback}:{checker_port}
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
smtp      unix - - n - - smtp
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
proxymap  unix - - n - - proxymap
postlog   unix-dgram n - n - 1 postlogd
"""

SIGNER = """
Mode s
Syslog no
Socket inet:{port}@{loopback}
Domain {signed}
Selector signing
KeyFile {folder}/key
RequireSafeKeys no
InternalHosts {folder}/hosts
Canonicalization relaxed/relaxed
"""

CHECKER = """
options {{
  filters = "dkim";
  url_tld = "{folder}/domains";
  local_addrs = [];
  tempdir = "{folder}";
  pidfile = "{folder}/pid";
  control_socket = "{folder}/control";
  hs_cache_dir = "{folder}";
  raw_mode = false;
  dns {{ nameserver = ["{resolver}"]; timeout = 2s; retransmits = 2; enable_dnssec = false; }}
}}
logging {{ type = "file"; filename = "{folder}/log"; level = "info"; }}
lua = "/usr/share/rspamd/rules/rspamd.lua";
modules {{
  path = "/usr/share/rspamd/plugins/spf.lua";
  path = "/usr/share/rspamd/plugins/dmarc.lua";
  path = "/usr/share/rspamd/plugins/milter_headers.lua";
}}
spf {{ check_local = true; check_authed = true; }}
dkim {{ check_local = true; check_authed = true; }}
dmarc {{ check_local = true; check_authed = true; }}
milter_headers {{
  use = ["authentication-results"];
  skip_local = false; skip_authenticated = false;
  routines {{ authentication-results {{ hostname = "{name}"; }} }}
}}
actions {{ reject = 1000; add_header = 900; greylist = 800; }}
worker "rspamd_proxy" {{
  bind_socket = "{loopback}:{port}";
  milter = yes;
  count = 1;
  timeout = 20s;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""


@dataclass(frozen=True, slots=True)
class CheckedMail:
    """The doors of the running servers.

    `submission_port` takes mail after STARTTLS and a login, signs it and hands it to the incoming one, which checks it
    as a provider would: from 127.0.0.1, for whatever domain its sender has.
    """

    submission_port: int
    incoming_port: int
    dovecot: Dovecot
    daemons: tuple[Daemon, ...]

    def log(self) -> str:
        """The last lines of all logs."""
        return "\n".join(daemon.words() for daemon in self.daemons)


@contextlib.contextmanager
def checked_mail(dovecot: Dovecot, names: Names) -> Generator[CheckedMail]:
    """Run the three servers for as long as the block lasts."""
    need(MASTER, OPENDKIM, RSPAMD, as_root=True)
    with contextlib.ExitStack() as ending:
        signer_port, signer = start_somewhere(lambda: _start_signer(names))
        ending.enter_context(signer)
        checker_port, checker = start_somewhere(lambda: _start_checker(names))
        ending.enter_context(checker)
        ports, postfix = start_somewhere(lambda: _start_postfix(dovecot, signer_port, checker_port))
        ending.enter_context(postfix)
        yield CheckedMail(*ports, dovecot, (signer, checker, postfix))


# The steps.


def _start_signer(names: Names) -> tuple[int, Daemon]:
    (port,) = free_ports(1)
    folder = private_folder("opendkim")
    (folder / "key").write_text(names.signing_key, "ascii")
    (folder / "hosts").write_text(f"{LOOPBACK}\n", "ascii")
    configuration = folder / "conf"
    configuration.write_text(SIGNER.format(port=port, loopback=LOOPBACK, signed=SIGNED, folder=folder), "ascii")
    command = [OPENDKIM, "-f", "-x", str(configuration), "-P", str(folder / "pid")]
    return port, Daemon(command, folder=folder, log=folder / "log", ports=[port])


def _start_checker(names: Names) -> tuple[int, Daemon]:
    (port,) = free_ports(1)
    folder = private_folder("rspamd")
    # Of the whole list of public suffixes a matcher would be compiled, for seconds.
    (folder / "domains").write_text("test\norg\n", "ascii")
    configuration = folder / "conf"
    configuration.write_text(
        CHECKER.format(port=port, loopback=LOOPBACK, folder=folder, resolver=names.at, name=AUTHSERV_ID), "ascii"
    )
    command = [RSPAMD, "-f", "-i", "-c", str(configuration)]
    return port, Daemon(command, folder=folder, log=folder / "log", ports=[port])


def _start_postfix(dovecot: Dovecot, signer_port: int, checker_port: int) -> tuple[list[int], Daemon]:
    folder = private_folder("checked")
    ports = free_ports(2)
    owner = pwd.getpwnam(OWNER)
    make_queue(folder)
    etc = folder / "etc"
    etc.mkdir()
    write_settled(
        etc / "master.cf",
        SERVICES.format(
            loopback=LOOPBACK, submission_port=ports[0], incoming_port=ports[1], signer_port=signer_port,
            checker_port=checker_port,
        ),
    )  # fmt: skip
    write_settled(
        etc / "main.cf",
        MAIN.format(
            folder=folder, loopback=LOOPBACK, domain=DOMAIN, name=AUTHSERV_ID, user=ADA.user, junked=JUNKED,
            mailbox=mailbox(ADA.user), mail=dovecot.mailboxes.folder, uid=owner.pw_uid, gid=owner.pw_gid,
            certificate=dovecot.authority.certificate, key=dovecot.authority.key, sasl=dovecot.sasl,
        ),
    )  # fmt: skip
    return ports, Daemon([MASTER, "-c", str(etc), "-s"], folder=folder, log=folder / "log", ports=ports)
