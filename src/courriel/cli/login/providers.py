"""`courriel login microsoft` and `courriel login google`: options, and the login that they describe."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from courriel.delivery.oauth.login import Grant, StoredLogin

    F = TypeVar("F", bound=Callable[..., object])

_FILE = Bilingual("FICHIER", "FILE")


def _common_options(function: F) -> F:
    """The options of both providers."""
    for add in (
        option(
            "--no-try",
            "no_try",
            is_flag=True,
            fr="N'essaie pas l'authentification sur le serveur de courrier.",
            en="Does not try the authentication on the mail server.",
        ),
        option(
            "--no-browser",
            "no_browser",
            is_flag=True,
            fr="N'ouvre pas le navigateur : affiche seulement l'adresse.",
            en="Does not open the browser: only shows the address.",
        ),
        option(
            "--authority",
            value="URL",
            default="",
            fr="Un autre serveur d'autorisation (nuage national).",
            en="Another authorization server (national cloud).",
        ),
        option(
            "--server",
            "servers",
            value="URL",
            multiple=True,
            fr="Serveur de courrier qui recevra le jeton, au lieu de ceux du fournisseur ; le premier est essayé.",
            en="Mail server that gets the token, instead of the provider's; the first one is tried.",
        ),
        option(
            "--name",
            value=Bilingual("NOM", "NAME"),
            default="",
            fr="Nom de la connexion ; par défaut l'adresse.",
            en="Name of the login; default: the address.",
        ),
        option(
            "--secret",
            value=Bilingual("RÉFÉRENCE", "REFERENCE"),
            default="",
            fr="Secret de l'application, par référence : env:NOM, file:/chemin, prompt, cmd:programme.",
            en="The application's secret, by reference: env:NAME, file:/path, prompt, cmd:program.",
        ),
        option(
            "--client-id",
            value=Bilingual("NUMÉRO", "ID"),
            default="",
            fr="Numéro de votre application chez le fournisseur (docs/login.fr.md).",
            en="Id of your application at the provider (docs/login.md).",
        ),
    ):
        function = add(function)
    return function


@click.command(
    "microsoft",
    cls=Command,
    words=Bilingual(
        "Se connecte à Microsoft 365 : par le navigateur, par un code (--device), ou pour un programme par un secret "
        "ou un certificat. Vérifie le jeton, l'essaie sur le serveur, et finit par l'URL à coller.",
        "Logs in to Microsoft 365: by the browser, by a code (--device), or for a program by a secret or a "
        "certificate. Checks the token, tries it on the server, and ends with the URL to paste.",
    ),
    examples=[
        "courriel login microsoft ada@firm.example --client-id 11111111-2222-3333-4444-555555555555",
        "courriel login microsoft billing@firm.example --client-id 1111… --tenant firm.example --secret env:APP_SECRET",
        "courriel login microsoft ada@firm.example --for graph --client-id 11111111-2222-3333-4444-555555555555",
    ],
    usage=Bilingual("ADRESSE", "ADDRESS"),
)
@click.argument("address")
@_common_options
@option("--for", "purpose", type=click.Choice(["mail", "graph"]), default="mail",
        fr="À quoi sert le jeton : aux serveurs de courrier (mail), ou à l'envoi par Microsoft Graph (graph).",
        en="What the token is for: the mail servers (mail), or sending by Microsoft Graph (graph).")  # fmt: skip
@option("--tenant", value=Bilingual("ORGANISATION", "TENANT"), default="",
        fr="Domaine ou numéro de l'annuaire ; par défaut le domaine de l'adresse.",
        en="Domain or directory id; default: the domain of the address.")  # fmt: skip
@option("--device", is_flag=True, fr="Par un code à entrer dans un navigateur d'une autre machine.",
        en="By a code to enter in a browser of another machine.")  # fmt: skip
@option("--certificate", value=_FILE, default="", fr="Certificat (PEM) du programme, au lieu d'un secret.",
        en="The program's certificate (PEM), instead of a secret.")  # fmt: skip
@option("--key", value=_FILE, default="", fr="Clé RSA (PEM) du certificat, si elle est dans un autre fichier.",
        en="RSA key (PEM) of the certificate, when it is in another file.")  # fmt: skip
@click.pass_obj
def microsoft(
    manner: GlobalOptions,
    address: str,
    client_id: str,
    secret: str,
    name: str,
    servers: tuple[str, ...],
    authority: str,
    no_browser: bool,
    no_try: bool,
    purpose: str,
    tenant: str,
    device: bool,
    certificate: str,
    key: str,
) -> int:
    """Log in at Microsoft."""
    from courriel.cli.login.making import LoginMaker

    if not client_id:
        raise click.UsageError(_missing_option("--client-id"))
    if secret and certificate:
        raise click.UsageError(say("--secret ou --certificate, pas les deux", "--secret or --certificate, not both"))
    program = bool(secret or certificate)
    if program and device:
        raise click.UsageError(
            say("--device est pour une personne, --secret et --certificate pour un programme",
                "--device is for a person, --secret and --certificate are for a program")
        )  # fmt: skip
    grant: Grant = "program" if program else "device" if device else "browser"
    graph = purpose == "graph"
    if graph and not name:
        name = f"graph-{address}"  # beside the login of the same mailbox for its mail servers
    maker = LoginMaker(manner, servers, browser=not no_browser, trial=not no_try)
    login = _login_without_tokens(
        address, name, servers, grant=grant, provider="microsoft", client_id=client_id, authority=authority,
        tenant=tenant or address.rpartition("@")[2], certificate=_absolute_path(certificate), key=_absolute_path(key),
        purpose="graph" if graph else "",
    )  # fmt: skip
    return maker.make(login, secret)


@click.command(
    "google",
    cls=Command,
    words=Bilingual(
        "Se connecte à Gmail ou Workspace : par le navigateur, ou pour un programme par un compte de service. Essaie "
        "le jeton sur le serveur, et finit par l'URL à coller.",
        "Logs in to Gmail or Workspace: by the browser, or for a program by a service account. Tries the token on the "
        "server, and ends with the URL to paste.",
    ),
    examples=[
        "courriel login google ada@example.org --client-file client_secret.json",
        "courriel login google billing@example.org --service-account robot.json",
    ],
    usage=Bilingual("ADRESSE", "ADDRESS"),
)
@click.argument("address")
@_common_options
@option("--client-file", value=_FILE, default="", fr="Fichier JSON du client « Application de bureau ».",
        en="JSON file of the Desktop app client.")  # fmt: skip
@option("--service-account", value=_FILE, default="", fr="Clé JSON d'un compte de service, avec délégation.",
        en="JSON key of a service account, with delegation.")  # fmt: skip
@click.pass_obj
def google(
    manner: GlobalOptions,
    address: str,
    client_id: str,
    secret: str,
    name: str,
    servers: tuple[str, ...],
    authority: str,
    no_browser: bool,
    no_try: bool,
    client_file: str,
    service_account: str,
) -> int:
    """Log in at Google."""
    from courriel.cli.login.making import LoginMaker, client_in_file

    typed = ""
    if client_file:
        client_id, typed = client_in_file(client_file)
    if not service_account and not client_id:
        raise click.UsageError(_missing_option("--client-file"))
    if not service_account and not (typed or secret):
        raise click.UsageError(
            say("les clients de bureau de Google ont un secret : --client-file FICHIER, ou --secret RÉFÉRENCE",
                "Google's desktop clients have a secret: --client-file FILE, or --secret REFERENCE")
        )  # fmt: skip
    maker = LoginMaker(manner, servers, browser=not no_browser, trial=not no_try)
    login = _login_without_tokens(
        address, name, servers, grant="service-account" if service_account else "browser", provider="google",
        client_id=client_id, authority=authority, service_account=_absolute_path(service_account), client_secret=typed,
    )  # fmt: skip
    return maker.make(login, secret)


# The steps.


def _login_without_tokens(address: str, name: str, servers: tuple[str, ...], **more: object) -> StoredLogin:
    """The login without tokens; its hosts are those of the servers, by default the provider's."""
    from courriel import Address, Route
    from courriel.delivery.oauth import store
    from courriel.delivery.oauth.login import StoredLogin

    mailbox = Address.parse(address).spec
    hosts = tuple(dict.fromkeys(route.server.host for each in servers if (route := Route.parse(each)).server))
    if servers and not hosts:
        raise click.UsageError(
            say("--server : l'URL d'un serveur, comme smtps://smtp.example.org",
                "--server: the URL of a server, as smtps://smtp.example.org")
        )  # fmt: skip
    plain = StoredLogin(store.normal(name or mailbox), mailbox=mailbox, hosts=hosts, **more)  # type: ignore[arg-type]
    if hosts:
        return plain
    from courriel._dataclass import replace

    return replace(plain, hosts=plain.made_by_provider.hosts)


def _absolute_path(path: str) -> str:
    """The path from the root: the login is used from any folder later."""
    return os.path.abspath(path) if path else ""  # noqa: PTH100 - pathlib would be imported for this alone


def _missing_option(name: str) -> str:
    return say(
        f"{name} manque : le client est le vôtre, et docs/login.fr.md dit comment le déclarer chez le fournisseur",
        f"{name} is missing: the client is your own, and docs/login.md says how to register it at the provider",
    )
