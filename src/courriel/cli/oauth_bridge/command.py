"""`courriel oauth-bridge`: programs log in on this machine by a password, and the bridge logs in by OAuth."""

from __future__ import annotations

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say

_PORT = click.IntRange(0, 65535)


@click.command(
    "oauth-bridge",
    cls=Command,
    words=Bilingual(
        "Ouvre sur cette machine un relais SMTP, POP3 et IMAP pour les programmes qui ne connaissent qu'un nom et un "
        "mot de passe : ils s'authentifient ici, et le relais s'authentifie par OAuth chez le fournisseur. Il ne garde "
        "aucun message. Sans --as ni [bridge] dans courriel.toml, les comptes sont ceux de courriel login. Ctrl-C "
        "l'arrête.",
        "Opens an SMTP, POP3 and IMAP relay on this machine for programs that know a name and a password only: they "
        "log in here, and the relay logs in by OAuth at the provider. It stores no mail. Without --as, and without "
        "[bridge] in courriel.toml, the accounts are those of courriel login. Ctrl-C stops it.",
    ),
    examples=[
        "courriel oauth-bridge",
        'courriel oauth-bridge --as "ada=smtp+starttls://ada@smtp.office365.com?password=login:ada@firm.example"',
        "courriel oauth-bridge --new-password",
        "courriel oauth-bridge --install > ~/.config/systemd/user/courriel-bridge.service",
    ],
)
@option("--as", "accounts", multiple=True, value=Bilingual("NOM=URL", "NAME=URL"),
        fr="Nom que donne un programme, et serveur du fournisseur ; se répète, une URL par protocole.",
        en="Name that a program gives, and the provider's server; repeat it, a URL for each protocol.")  # fmt: skip
@option("--smtp-port", type=_PORT, default=1587, value="PORT",
        fr="Port pour envoyer ; par défaut 1587. 0 : un port libre.",
        en="Port for sending; default: 1587. 0: any free port.")  # fmt: skip
@option("--pop3-port", type=_PORT, default=1110, value="PORT",
        fr="Port pour lire par POP3 ; par défaut 1110.", en="Port for reading by POP3; default: 1110.")  # fmt: skip
@option("--imap-port", type=_PORT, default=1143, value="PORT",
        fr="Port pour lire par IMAP ; par défaut 1143.", en="Port for reading by IMAP; default: 1143.")  # fmt: skip
@option("--host", default="127.0.0.1", value=Bilingual("ADRESSE", "ADDRESS"),
        fr="Adresse d'écoute, de cette machine seulement ; par défaut 127.0.0.1.",
        en="Address to listen on, of this machine only; default: 127.0.0.1.")  # fmt: skip
@option("--transcript", is_flag=True, fr="Montre les conversations, sans les secrets ni les messages.",
        en="Shows the conversations, without secrets and mails.")  # fmt: skip
@option("--new-password", is_flag=True, fr="Fait un nouveau mot de passe local, le montre une fois, et s'arrête.",
        en="Makes a new local password, shows it once, and ends.")  # fmt: skip
@option("--install", is_flag=False, flag_value="auto", type=click.Choice(["auto", "systemd", "windows"]),
        value="systemd|windows",
        fr="Montre de quoi le lancer à l'ouverture de session (unité systemd, tâche Windows), et n'installe rien.",
        en="Prints what starts it with your session (systemd unit, Windows task), and installs nothing.")  # fmt: skip
@click.pass_obj
def command(
    manner: GlobalOptions,
    accounts: tuple[str, ...],
    smtp_port: int,
    pop3_port: int,
    imap_port: int,
    host: str,
    transcript: bool,
    new_password: bool,
    install: str | None,
) -> int:
    """Run the bridge until the process is stopped."""
    from courriel.cli.reporting import CommandReport

    if install is not None:
        from courriel.cli.oauth_bridge.installing import lines_to_install

        ports = [f"--smtp-port={smtp_port}", f"--pop3-port={pop3_port}", f"--imap-port={imap_port}", f"--host={host}"]
        report = CommandReport(manner)
        for line in lines_to_install(install, [*(f"--as={each}" for each in accounts), *ports]):
            report.line(line)
        return report.status
    from courriel.cli.oauth_bridge.serving import make_password, serve

    if new_password:
        return make_password(manner)
    by_protocol = {"smtp": smtp_port, "pop3": pop3_port, "imap": imap_port}
    return serve(manner, _accounts(accounts), host, by_protocol, transcript=transcript)


def _accounts(given: tuple[str, ...]) -> dict[str, list[str]]:
    """The accounts of --as, by name."""
    found: dict[str, list[str]] = {}
    for each in given:
        name, equals, url = each.partition("=")
        if not (name and equals and url):
            # The text may hold a secret: it is not quoted.
            raise click.UsageError(say("--as se lit NOM=URL", "--as is written NAME=URL"))
        found.setdefault(name, []).append(url)
    return found
