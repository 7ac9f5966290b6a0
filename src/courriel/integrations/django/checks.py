"""
System checks (manage.py check) of mailers, and of the databases that hold an outbox.

    courriel.E001  a mailer is configured wrongly
    courriel.E002  outbox: True, and routers that may choose another database for each model: name its alias
    courriel.E003  a database that cannot hold an outbox, or that is not there
    courriel.E004  a SQLite file in WAL mode, with a SQLite that can damage it (WAL-reset bug)
    courriel.E005  COURRIEL_UNSUBSCRIBE is wrong: an option, or a function that cannot be imported
    courriel.W001  in production: mail is captured, or goes to a practice server (with --deploy)
    courriel.W002  nothing has been sent for ten minutes, and mails are due: no worker (with --database)
    courriel.W003  the password of a URL stands in the settings file
    courriel.W004  DEFAULT_FROM_EMAIL or SERVER_EMAIL has no domain
    courriel.W005  a SQLite database of an outbox whose transactions do not begin as IMMEDIATE
    courriel.W006  mails wait for a mailer that is not in the settings any more (with --database)
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, Warning  # noqa: A004 - Django's own names
from django.db import DatabaseError, connections

from courriel import Address, Route, State, errors
from courriel.integrations.django.backend import EmailBackend
from courriel.integrations.django.queueing.databases import alias_of, check_engine, outbox_on
from courriel.integrations.django.sending.configured import mailers_with
from courriel.integrations.django.sending.options import InvalidMailer, MailerOptions
from courriel.integrations.django.unsubscribe import options as unsubscribing
from courriel.integrations.django.words import pair

_PATIENCE = 600.0  # seconds that a due mail may wait before somebody asks whether a worker runs
_USUAL_PORTS = (24, 25, 465, 587)
_LOCAL_KINDS = ("memory", "console", "null", "file", "maildir")


def register_all() -> None:
    """Register the system checks of the mailers."""
    checks.register(check_mailers)
    checks.register(check_senders)
    checks.register(check_unsubscribe)
    checks.register(check_databases, Tags.database)
    checks.register(check_capture, deploy=True)


def check_mailers(**_: Any) -> list[CheckMessage]:
    """Options of the mailers, and the databases that they name."""
    try:
        mailers = mailers_with(EmailBackend)
    except InvalidMailer as wrong:
        return [Error(str(wrong), id="courriel.E001")]
    found: list[CheckMessage] = []
    for mailer, options in mailers.items():
        found += _secret_in_settings(mailer, options)
        if options.outbox:
            found += _check_outbox(mailer, options)
    return found


def check_senders(**_: Any) -> list[CheckMessage]:
    """The addresses of the settings: one without a domain is refused when a mail is sent."""
    found: list[CheckMessage] = []
    for name in ("DEFAULT_FROM_EMAIL", "SERVER_EMAIL"):
        try:
            Address.of(str(getattr(settings, name)))
        except errors.InvalidAddress as wrong:
            hint = pair("Write an address with its domain.", "Écrivez une adresse avec son domaine.")
            found.append(Warning(f"{name}: {wrong}", hint=str(hint), id="courriel.W004"))
    return found


def check_unsubscribe(**_: Any) -> list[CheckMessage]:
    """COURRIEL_UNSUBSCRIBE, where there is one; its key is not read, which need not be there where code is checked."""
    if not hasattr(settings, unsubscribing.SETTING):
        return []
    try:
        unsubscribing.functions()
    except errors.UsageError as wrong:
        return [Error(str(wrong), id="courriel.E005")]
    return []


def check_capture(**_: Any) -> list[CheckMessage]:
    """In production: whether mail leaves at all."""
    found: list[CheckMessage] = []
    if os.environ.get("COURRIEL_CAPTURE"):
        said = pair(
            "COURRIEL_CAPTURE is set: no mail leaves this machine.",
            "COURRIEL_CAPTURE est défini : aucun courriel ne quitte cette machine.",
        )
        found.append(Warning(str(said), id="courriel.W001"))
    try:
        mailers = mailers_with(EmailBackend)
    except InvalidMailer:
        return found  # told by another check
    said = pair(
        "The mailer {!r} leads to {}, which is for practice: no mail leaves this machine.",
        "Le mailer {!r} mène à {}, qui est pour s'exercer : aucun courriel ne quitte cette machine.",
    )
    return found + [
        Warning(str(said).format(mailer, options.route.name), id="courriel.W001")
        for mailer, options in mailers.items()
        if isinstance(options.route, Route) and _is_for_practice(options.route)
    ]


def check_databases(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Outboxes in these databases: whether somebody sends."""
    try:
        mailers = mailers_with(EmailBackend)
    except InvalidMailer:
        return []
    names: dict[str, set[str]] = {}
    for mailer, options in mailers.items():
        if options.outbox:
            names.setdefault(alias_of(options), set()).add(mailer)
    found: list[CheckMessage] = []
    for name in sorted(names.keys() & set(databases or ())):
        found += _check_work(name, names[name])
    return found


# The steps.


def _check_outbox(mailer: str, options: MailerOptions) -> Iterator[CheckMessage]:
    if options.outbox is True and settings.DATABASE_ROUTERS and len(list(connections)) > 1:
        said = pair(
            "The mailer {!r} has outbox: True, and DATABASE_ROUTERS may choose another database for each model.",
            "Le mailer {!r} a outbox: True, et DATABASE_ROUTERS peut choisir une autre base pour chaque modèle.",
        )
        hint = pair(
            'Name the database in whose transactions mails are put: "outbox": "default".',
            "Nommez la base dont les transactions portent les courriels : « outbox »: « default ».",
        )
        yield Error(str(said).format(mailer), hint=str(hint), id="courriel.E002")
        return
    alias = alias_of(options)
    if alias not in connections:
        said = pair("The mailer {!r} has its outbox in {!r}, which is no database of DATABASES.",
                    "Le mailer {!r} a sa boîte d'envoi dans {!r}, qui n'est pas une base de DATABASES.")  # fmt: skip
        yield Error(str(said).format(mailer, alias), id="courriel.E003")
        return
    try:
        check_engine(alias)
    except errors.UsageError as wrong:
        yield Error(str(wrong), id="courriel.E003")
        return
    if connections[alias].vendor == "sqlite":
        yield from _check_file(alias)


def _check_file(alias: str) -> Iterator[CheckMessage]:
    """A SQLite file that the application and workers share."""
    said = connections[alias].settings_dict
    if str(said.get("OPTIONS", {}).get("transaction_mode") or "").upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        text = pair(
            "The SQLite database {!r} has an outbox, and its transactions begin as DEFERRED: one that reads first fails"
            " at once where a worker writes meanwhile (database is locked).",
            "La base SQLite {!r} a une boîte d'envoi, et ses transactions commencent en DEFERRED : une qui lit d'abord"
            " échoue aussitôt si un processus d'envoi écrit entre-temps (database is locked).",
        )
        hint = 'DATABASES: "OPTIONS": {"transaction_mode": "IMMEDIATE"}'
        yield Warning(str(text).format(alias), hint=hint, id="courriel.W005")
    if may_reset_wal(sqlite3.sqlite_version_info) and _has_log(alias):
        text = pair(
            "The SQLite database {!r} is in WAL mode, and SQLite {} can damage it when a commit meets a checkpoint.",
            "La base SQLite {!r} est en mode WAL, et SQLite {} peut l'abîmer quand un commit rencontre un checkpoint.",
        )
        hint = pair(
            "Use SQLite 3.51.3, 3.50.7, 3.44.6 or newer, or PRAGMA journal_mode = DELETE, or PostgreSQL.",
            "Prenez SQLite 3.51.3, 3.50.7, 3.44.6 ou plus récent, ou PRAGMA journal_mode = DELETE, ou PostgreSQL.",
        )
        yield Error(str(text).format(alias, sqlite3.sqlite_version), hint=str(hint), id="courriel.E004")


def may_reset_wal(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the WAL-reset bug."""
    mended = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return not mended


def _has_log(alias: str) -> bool:
    connection = connections[alias]
    if connection.is_in_memory_db() or not Path(connection.settings_dict["NAME"]).exists():
        return False
    try:
        with connection.cursor() as cursor:
            return bool(cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal")
    except DatabaseError:
        return False


def _check_work(alias: str, mailers: set[str]) -> Iterator[CheckMessage]:
    try:
        ready = [each for each in outbox_on(alias).stats() if each.state is State.READY and each.mails]
    except (errors.CourrielError, DatabaseError):
        return  # no tables yet: `migrate` itself runs this check before it makes them
    for lane in sorted({each.lane for each in ready} - mailers):
        text = pair(
            "Mails in {!r} wait for the mailer {!r}, which is not in the settings: no worker sends them.",
            "Des courriels de {!r} attendent le mailer {!r}, qui n'est pas dans les réglages : personne ne les envoie.",
        )
        hint = pair(
            "Give a mailer with outbox this alias again, until they are sent, or cancel them in the admin.",
            "Redonnez cet alias à un mailer avec outbox jusqu'à leur envoi, ou annulez-les dans l'admin.",
        )
        yield Warning(str(text).format(alias, lane), hint=str(hint), id="courriel.W006")
    waiting = [each.oldest for each in ready if each.oldest is not None and each.lane in mailers]
    late = time.time() - min(waiting, default=time.time())
    if late > _PATIENCE:
        text = pair(
            "Mails in {!r} have been due for {:.0f} minutes, and nobody sends them.",
            "Des courriels de {!r} sont dus depuis {:.0f} minutes, et personne ne les envoie.",
        )
        hint = pair("Run manage.py courriel_worker.", "Lancez manage.py courriel_worker.")
        yield Warning(str(text).format(alias, late / 60), hint=str(hint), id="courriel.W002")


def _secret_in_settings(mailer: str, options: MailerOptions) -> Iterator[CheckMessage]:
    """A password that stands literally in the file of the settings, and so in the repository."""
    route = options.route
    if not isinstance(route, Route) or route.password is None or route.password.kind != "plain":
        return
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", None) or os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    path = getattr(module, "__file__", None)
    if path is None:
        return
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return
    if route.read_secret() in text:
        said = pair(
            "The password of the mailer {!r} stands in {}.", "Le mot de passe du mailer {!r} est écrit dans {}."
        )
        hint = pair(
            "Write ?password=env:MAIL_PASSWORD, or file:/path, into the URL in its place.",
            "Écrivez ?password=env:MAIL_PASSWORD, ou file:/chemin, dans l'URL à sa place.",
        )
        yield Warning(str(said).format(mailer, path), hint=str(hint), id="courriel.W003")


def _is_for_practice(route: Route) -> bool:
    if route.server is None:
        return route.kind in _LOCAL_KINDS
    local = route.server.host in ("localhost", "127.0.0.1", "::1") or route.server.host.startswith("127.")
    return local and route.server.port not in _USUAL_PORTS
