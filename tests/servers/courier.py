"""A private Courier: POP3 and IMAP over Maildirs, with passwords in its userdb."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from courriel import Dialect, Security, Server, Trust

from .accounts import ADA, BOB, Account
from .authority import Authority
from .daemon import Daemon, private_folder, start_somewhere
from .own_root import in_own_root, need_unpacked
from .ports import LOOPBACK, free_ports

PEOPLE = 64998
COURIER = 64997
PROGRAM = Path(__file__).with_name("courier.sh")

SETUP = """
mkdir -p /run/courier/authdaemon /var/lib/courier
chown -R courier:courier /run/courier
sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' /etc/courier/authdaemonrc
echo 'POP3AUTH="PLAIN LOGIN CRAM-MD5"' >> /etc/courier/pop3d
echo 'POP3AUTH_TLS="PLAIN LOGIN CRAM-MD5"' >> /etc/courier/pop3d
echo 'IMAP_STARTTLS=YES' >> /etc/courier/imapd
echo 'IMAP_CAPABILITY_TLS="IMAP4rev1 UIDPLUS CHILDREN NAMESPACE AUTH=PLAIN AUTH=CRAM-MD5 IDLE"' >> /etc/courier/imapd
echo 'IMAP_CAPABILITY="IMAP4rev1 UIDPLUS CHILDREN NAMESPACE AUTH=PLAIN AUTH=CRAM-MD5 IDLE"' >> /etc/courier/imapd
cp {folder}/certificate-and-key /etc/courier/pop3d.pem
cp {folder}/certificate-and-key /etc/courier/imapd.pem
chown courier /etc/courier/*.pem
for protocol in pop3d imapd; do
    printf 'TLS_DHPARAMS=\nTLS_CACHEFILE=\n' >> /etc/courier/$protocol-ssl
done
"""

USER = """
userdb '{user}' set home='{home}' mail='{home}/Maildir' uid={people} gid={people}
printf '%s\\n' "{password}" | userdbpw | userdb '{user}' set systempw
printf '%s\\n' "{password}" | userdbpw -hmac-md5 | userdb '{user}' set hmac-md5pw
"""


@dataclass(frozen=True, slots=True)
class Courier:
    """A running Courier: `pop_port` and `imap_port` offer STARTTLS, and logins also without."""

    pop_port: int
    imap_port: int
    authority: Authority
    folder: Path
    daemon: Daemon

    accounts = (ADA, BOB)

    def server(self, dialect: Dialect, security: Security = Security.STARTTLS, *auth: str) -> Server:
        """What a client needs to reach it."""
        port = self.pop_port if dialect is Dialect.POP3 else self.imap_port
        trust = Trust.file(str(self.authority.ca_file))
        return Server("localhost", port, security, trust=trust, dialect=dialect, auth=auth)

    def fill(self, account: Account, letters: list[bytes]) -> None:
        """Make these the only letters in a mailbox (line ends of Unix), in this order."""
        maildir = self.folder / "mail" / account.user / "Maildir"
        shutil.rmtree(maildir, ignore_errors=True)
        for name in ("new", "cur", "tmp"):
            (maildir / name).mkdir(parents=True)
        for number, letter in enumerate(letters, 1):
            (maildir / "new" / f"{1_700_000_000 + number}.{number}.mx").write_bytes(letter)
        for path in (maildir, *maildir.rglob("*")):
            os.chown(path, PEOPLE, PEOPLE)

    def letters(self, account: Account) -> list[bytes]:
        """What lies in a mailbox now, oldest first, with the line ends of Unix."""
        maildir = self.folder / "mail" / account.user / "Maildir"
        files = [path for name in ("new", "cur") for path in (maildir / name).iterdir()]
        return [path.read_bytes() for path in sorted(files, key=lambda path: path.name)]


@contextlib.contextmanager
def courier(authority: Authority) -> Generator[Courier]:
    """Run a Courier for as long as the block lasts."""
    packages = need_unpacked("courier")
    started = start_somewhere(lambda: _start(authority, packages))
    with started.daemon:
        yield started


# The steps.


def _start(authority: Authority, packages: Path) -> Courier:
    folder = private_folder("courier")
    pop_port, imap_port = free_ports(2)
    both = folder / "certificate-and-key"
    both.touch(0o600)
    both.write_bytes(authority.key.read_bytes() + authority.certificate.read_bytes())
    setup = SETUP.format(folder=folder)
    for account in Courier.accounts:
        home = folder / "mail" / account.user
        home.mkdir(parents=True)
        os.chown(home, PEOPLE, PEOPLE)
        setup += USER.format(user=account.user, home=home, people=PEOPLE, password=account.password)
    command = in_own_root(
        folder,
        packages,
        {"courier": COURIER, "people": PEOPLE},
        ["/bin/sh", str(shutil.copy(PROGRAM, folder)), LOOPBACK, str(pop_port), str(imap_port), str(folder / "log")],
        setup=f"{setup}\nmakeuserdb\n",
    )
    daemon = Daemon(command, folder=folder, log=folder / "log", ports=[pop_port, imap_port])
    made = Courier(pop_port, imap_port, authority, folder, daemon)
    for account in made.accounts:
        made.fill(account, [])
    return made
