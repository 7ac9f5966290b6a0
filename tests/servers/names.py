"""NSD with zones that are good and bad, and Unbound before it, as machines ask: on ports of loopback."""

from __future__ import annotations

import contextlib
import socket
from base64 import b64encode
from collections.abc import Generator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from courriel.delivery.dkim.records import forms_of
from dkim_keys import keys as signing_keys

from .daemon import Daemon, private_folder, start_somewhere
from .packages import need
from .ports import LOOPBACK, free_ports

NSD, UNBOUND = "/usr/sbin/nsd", "/usr/sbin/unbound"
HUGE = 10_000
"""Octets of the longest record."""

ZONE = """\
$ORIGIN test.
$TTL 60
@ SOA ns.test. admin.test. 1 3600 600 86400 60
@ NS ns.test.
ns A 127.0.0.1

good MX 10 mx1.good
good MX 20 mx2.good
good A 127.0.0.1
good TXT "v=spf1 include:_spf.good.test mx -all"
good TXT "an unrelated text"
_spf.good TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"
mx1.good A 127.0.0.1
mx2.good AAAA ::1
_dmarc.good TXT "v=DMARC1; p=quarantine; sp=reject; rua=mailto:dmarc@good.test,mailto:reports@elsewhere.test"
good.test._report._dmarc.elsewhere TXT "v=DMARC1;"
_mta-sts.good TXT "v=STSv1; id=20261130T000000;"
_smtp._tls.good TXT "v=TLSRPTv1; rua=mailto:tls@good.test"
s2048._domainkey.good TXT {rsa2048}
s1024._domainkey.good TXT {rsa1024}
ed._domainkey.good TXT "v=DKIM1; k=ed25519; p={ed25519}"
revoked._domainkey.good TXT "v=DKIM1; p="
broken._domainkey.good TXT "v=DKIM1; p=not base64!"
alias._domainkey.good CNAME s2048._domainkey.good
sub.good MX 10 mx1.good

bare A 127.0.0.1
nullmx MX 0 .

sending MX 10 mx1.good
sending TXT "v=spf1 mx -all"
_dmarc.sending TXT "v=DMARC1; p=reject; rua=mailto:dmarc@sending.test"
signing._domainkey.sending TXT {signing}
unlisted MX 10 mx1.good
unlisted TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.unlisted TXT "v=DMARC1; p=none"

several TXT "v=spf1 mx -all"
several TXT "v=spf1 -all"
_dmarc.several TXT "v=DMARC1; p=none"
_dmarc.several TXT "v=DMARC1; p=reject"
several MX 10 mx1.good

loop MX 10 mx1.good
loop TXT "v=spf1 include:a.loop.test -all"
a.loop TXT "v=spf1 include:b.loop.test -all"
b.loop TXT "v=spf1 include:loop.test -all"
self TXT "v=spf1 redirect=self.test"

many MX 10 mx1.good
many TXT "v=spf1 include:m1.many.test include:m2.many.test -all"
m1.many TXT "v=spf1 a mx exists:good.test a:good.test a:bare.test -all"
m2.many TXT "v=spf1 a:good.test a:bare.test mx:good.test a:mx1.good.test -all"
void TXT "v=spf1 a:v1.void.test a:v2.void.test a:v3.void.test -all"
empty TXT "v=spf1 include:bare.test -all"
typo TXT "v=spf1 inclde:good.test -all"
passall TXT "v=spf1 +all"
open TXT "v=spf1 ip4:192.0.2.1"

cname CNAME other.cname
other.cname CNAME cname

big MX 10 mx1.good
big TXT {huge}

psd TXT "nothing"
_dmarc.psd TXT "v=DMARC1; p=reject; psd=y"
observer MX 10 mx1.good
_dmarc.observer TXT "v=DMARC1; p=nothing; pct=50; rua=mailto:a@observer.test"
silenced MX 10 mx1.good
_dmarc.silenced TXT "v=DMARC1; p=reject; rua=mailto:a@foreign.test"

{signed}
alias._domainkey.signed CNAME s1._domainkey.signed
gone._domainkey.signed CNAME nowhere.signed
stale._domainkey.signed TXT {rsa2048}
"""


@dataclass(frozen=True, slots=True)
class Names:
    """A running resolver; `at` is its place, `authority` that of the name server with the zones behind it."""

    port: int
    authority_port: int
    resolver: Daemon
    authority_daemon: Daemon
    signing_key: str
    """The private key of signing._domainkey.sending.test, as PEM: for whoever signs mail."""

    @property
    def at(self) -> str:
        """For `--dns`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def authority(self) -> str:
        """The name server with the zones, without a resolver before it."""
        return f"{LOOPBACK}:{self.authority_port}"


@contextlib.contextmanager
def names() -> Generator[Names]:
    """Run both for as long as the block lasts. `slow.test` goes to somebody silent, `dead.test` to nobody."""
    need(NSD, UNBOUND)
    with contextlib.ExitStack() as ending:
        silent = ending.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind((LOOPBACK, 0))
        dead = ending.enter_context(socket.socket())  # taken, and not listened on
        dead.bind((LOOPBACK, 0))
        key = rsa.generate_private_key(65537, 2048)
        authority_port, authority = start_somewhere(lambda: _start_nsd(key))
        ending.enter_context(authority)
        ports = {"test.": authority_port, "slow.test.": silent.getsockname()[1], "dead.test.": dead.getsockname()[1]}
        port, resolver = start_somewhere(lambda: _start_unbound(ports))
        ending.enter_context(resolver)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        yield Names(port, authority_port, resolver, authority, pem.decode("ascii"))


# The steps.


def _start_nsd(signing: rsa.RSAPrivateKey) -> tuple[int, Daemon]:
    (port,) = free_ports(1)
    folder = private_folder("nsd")
    (folder / "test.zone").write_text(_zone(signing), "ascii")
    configuration = folder / "nsd.conf"
    configuration.write_text(
        f"""\
server:
    ip-address: {LOOPBACK}
    port: {port}
    do-ip6: no
    server-count: 1
    username: ""
    zonesdir: "{folder}"
    database: ""
    xfrdfile: "{folder}/xfrd.state"
    zonelistfile: "{folder}/zone.list"
    pidfile: "{folder}/nsd.pid"
    verbosity: 1
remote-control:
    control-enable: no
zone:
    name: test.
    zonefile: test.zone
""",
        "ascii",
    )
    command = [NSD, "-d", "-c", str(configuration)]
    return port, Daemon(command, folder=folder, log=folder / "log", ports=[port])


def _start_unbound(zones: dict[str, int]) -> tuple[int, Daemon]:
    (port,) = free_ports(1)
    folder = private_folder("unbound")
    stubs = "\n".join(
        f"stub-zone:\n    name: {zone}\n    stub-addr: {LOOPBACK}@{behind}\n    stub-first: no"
        for zone, behind in zones.items()
    )
    configuration = folder / "unbound.conf"
    configuration.write_text(
        f"""\
server:
    interface: {LOOPBACK}@{port}
    port: {port}
    do-ip6: no
    do-daemonize: no
    num-threads: 1
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: "{folder}/unbound.pid"
    use-syslog: no
    do-not-query-localhost: no
    access-control: 127.0.0.0/8 allow
    module-config: "iterator"
    # Nothing leaves loopback: the root is refused, and below it "test." goes to the name server beside us.
    local-zone: "." refuse
    local-zone: "test." transparent
{stubs}
""",
        "ascii",
    )
    command = [UNBOUND, "-d", "-c", str(configuration)]
    return port, Daemon(command, folder=folder, log=folder / "log", ports=[port])


def _zone(signing: rsa.RSAPrivateKey) -> str:
    return ZONE.format(
        rsa2048=_new_key(2048), rsa1024=_new_key(1024), ed25519=_ed25519(), huge=_strings(_huge()),
        signing=_key(signing),
        signed="\n".join(forms_of("signed.test", each.selector, each.key).zone for each in signing_keys()),
    )  # fmt: skip


def _new_key(bits: int) -> str:
    return _key(rsa.generate_private_key(65537, bits))


def _key(private: rsa.RSAPrivateKey) -> str:
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _strings(f"v=DKIM1; k=rsa; p={b64encode(der).decode()}")


def _ed25519() -> str:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _huge() -> str:
    """A record whose answer fits into no UDP packet."""
    terms = [f"ip4:192.0.{number // 250}.{number % 250}" for number in range(HUGE)]
    text = "v=spf1"
    for term in terms:
        if len(text) + len(term) + 6 > HUGE:
            break
        text += f" {term}"
    return f"{text} -all".ljust(HUGE)


def _strings(text: str) -> str:
    """A text as the strings of a TXT record, 250 characters each."""
    return " ".join(f'"{text[start : start + 250]}"' for start in range(0, len(text), 250))
