"""Introduction of `courriel sandbox` on the terminal: the page, URLs to paste, lines for frameworks."""

from __future__ import annotations

from collections.abc import Callable

from courriel import Sandbox, errors
from courriel.cli.i18n import label, say
from courriel.cli.reporting import CommandReport
from courriel.cli.sandbox.plan import Plan


def introduce(report: CommandReport, sandbox: Sandbox, plan: Plan, folder: str | None) -> None:
    """Print everything, or one object of JSON."""
    page = sandbox.web_url if plan.has_page else None
    starttls, tls = existing(lambda: sandbox.starttls_url), existing(lambda: sandbox.tls_url)
    if report.values(
        {
            "event": "open", "url": sandbox.url, "starttls_url": starttls, "tls_url": tls, "pop_url": sandbox.pop_url,
            "pops_url": existing(lambda: sandbox.pops_url), "imap_url": sandbox.imap_url,
            "imaps_url": existing(lambda: sandbox.imaps_url), "ca": existing(lambda: str(sandbox.ca)), "web_url": page,
            "password": plan.password or None, "folder": folder, "data": plan.data, "users": list(plan.users or ()),
        }
    ):  # fmt: skip
        return
    _warn(report, plan, page)
    report.line(
        say(
            "Serveur d'entraînement ouvert ; collez l'une de ces URL :",
            "Practice server open; paste one of these URLs:",
        )
    )
    report.line(say(f"  en clair   {sandbox.url}", f"  in clear   {sandbox.url}"))
    if starttls and tls:
        report.line(f"  STARTTLS   {starttls}")
        report.line(f"  TLS        {tls}")
    else:
        report.line('  TLS        pip install "courriel[sandbox]"')
    _print_reading(report, sandbox, plan)
    if starttls:
        report.line(say(f"  autorité   {sandbox.ca}", f"  authority  {sandbox.ca}"))
    if folder:
        report.line(say(f"  messages   {folder}", f"  mails      {folder}"))
    for name, line in sandbox.ready_lines.items():
        report.line(f"  {name:<10} {line}")
    if page:
        report.line(say(f"La page : {page}", f"The page: {page}"))
    elif plan.web:
        report.line(say('La page : pip install "courriel[web]"', 'The page: pip install "courriel[web]"'))
    if plan.password:
        report.line(say(f"  mot de passe {plan.password}", f"  password   {plan.password}"))
    report.line(say("Ctrl-C pour fermer.", "Ctrl-C to close."))


def existing(url: Callable[[], str]) -> str | None:
    """A URL, or None where the part that it needs is not installed."""
    try:
        return url()
    except errors.MissingExtra:
        return None


# The steps.


def _warn(report: CommandReport, plan: Plan, page: str | None) -> None:
    if plan.local:
        return
    report.aside(
        f"{label('attention', 'warning')}"
        + say(
            f"{plan.host} n'est pas réservé à cette machine : d'autres peuvent y déposer des messages, "
            "et les lire en chemin",
            f"{plan.host} is not this machine alone: others can put mails in, and read them on the road",
        )
    )
    if page and not plan.password:
        report.aside(
            f"{label('attention', 'warning')}"
            + say(
                "la page est ouverte à tous, sans mot de passe (--no-password)",
                "the page is open to all, without a password (--no-password)",
            )
        )


def _print_reading(report: CommandReport, sandbox: Sandbox, plan: Plan) -> None:
    # The mailbox of one recipient, as an example.
    by_pop, by_imap = sandbox.pop_url, sandbox.imap_url
    if not plan.users:
        by_pop, by_imap = (url.replace("://", "://bob%40example.org:secret@") for url in (by_pop, by_imap))
    whose = (
        "" if plan.users else say("  (le nom est l'adresse du destinataire)", "  (the name is the recipient's address)")
    )
    report.line(say(f"  à lire     {by_pop}", f"  to read    {by_pop}"))
    report.line(f"             {by_imap}{whose}")
    known = ", ".join(plan.users or ())
    report.line(
        say(
            f"  compte     {known} ; on dépose aussi sans compte",
            f"  login      {known}; mail is taken without one too",
        )
        if known
        else say("  compte     tous sont acceptés, aucun n'est exigé", "  login      any is taken, none is required")
    )
