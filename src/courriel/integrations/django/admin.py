"""Pages of the admin: what waits, is held or was refused, with cause and remedy; retry, release, hold and cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from courriel import Letter, State, Ticket, errors
from courriel.integrations.django.models import STATES, Mail
from courriel.integrations.django.pages import content, facts
from courriel.integrations.django.pages.shown_database import using
from courriel.integrations.django.pages.suppressed import SuppressedAdmin as SuppressedAdmin  # noqa: PLC0414 - registered by its import
from courriel.integrations.django.queueing.databases import outbox_on
from courriel.integrations.django.words import pair


def _retry(ticket: Ticket) -> bool:
    return ticket.retry_failed() if ticket.status is State.FAILED else ticket.retry_now()


ACTS: dict[str, tuple[Any, Callable[[Ticket], bool]]] = {
    "retry": (pair("Try again now", "Réessayer maintenant"), _retry),
    "release": (pair("Release", "Libérer"), Ticket.release),
    "hold": (pair("Hold", "Retenir"), Ticket.hold),
    "cancel": (pair("Cancel", "Annuler"), Ticket.cancel),
}
"""What a person can do with a mail; each returns False where its state does not allow it."""

_POSSIBLE = {
    State.READY: ("retry", "hold", "cancel"),
    State.LEASED: ("hold", "cancel"),
    State.HELD: ("release", "cancel"),
    State.FAILED: ("retry",),
}
_LARGEST = 5_000_000  # octets of a mail that is shown; a larger one can be saved


@admin.register(Mail)
class MailAdmin(admin.ModelAdmin):
    """The mails of the outbox. Nothing is added, changed or deleted here but by a mail's ticket."""

    list_display = ("put_at", "recipients", "state_shown", "mailer", "tries")
    list_filter = ("state", "mailer")
    search_fields = ("id", "key", "sender", "recipients_waiting", "results")
    ordering = ("-created", "-id")
    list_per_page = 50
    show_full_result_count = False
    actions = ("retry_mails", "release_mails", "hold_mails", "cancel_mails")

    # Who may what.

    def has_add_permission(self, request: HttpRequest) -> bool:
        """No: mails are put by the program."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No: workers forget old mails."""
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        """The rows in the database of the outbox."""
        return Mail.objects.using(using()).order_by(*self.ordering)

    # Columns.

    @admin.display(description=pair("put", "déposé"), ordering="created")
    def put_at(self, mail: Mail) -> Any:
        """Time at which the mail was put."""
        return facts.moment(mail.created)

    @admin.display(description=pair("recipients", "destinataires"))
    def recipients(self, mail: Mail) -> str:
        """The first recipients, and how many more there are."""
        try:
            found = facts.names_in(mail)
        except (ValueError, TypeError):
            return "?"  # somebody has changed the row
        more = str(pair(" and {} more", " et {} de plus")).format(len(found) - 3) if len(found) > 3 else ""
        return ", ".join(found[:3]) + more

    @admin.display(description=pair("state", "état"), ordering="state")
    def state_shown(self, mail: Mail) -> Any:
        """The state, whether the mail is in doubt, and the beginning of the reason why it waits or has failed."""
        doubt = pair(" (in doubt)", " (incertain)") if mail.unsure else ""
        why = mail.why if len(mail.why) < 90 else f"{mail.why[:88]} …"
        return format_html("<b>{}</b>{}<br>{}", mail.get_state_display(), doubt, why)

    # Acts.

    @admin.action(description=ACTS["retry"][0], permissions=["change"])
    def retry_mails(self, request: HttpRequest, chosen: Any) -> None:
        """Try the chosen mails again."""
        self._act(request, "retry", chosen)

    @admin.action(description=ACTS["release"][0], permissions=["change"])
    def release_mails(self, request: HttpRequest, chosen: Any) -> None:
        """Release the chosen mails."""
        self._act(request, "release", chosen)

    @admin.action(description=ACTS["hold"][0], permissions=["change"])
    def hold_mails(self, request: HttpRequest, chosen: Any) -> None:
        """Hold the chosen mails."""
        self._act(request, "hold", chosen)

    @admin.action(description=ACTS["cancel"][0], permissions=["change"])
    def cancel_mails(self, request: HttpRequest, chosen: Any) -> None:
        """Take the chosen mails back."""
        self._act(request, "cancel", chosen)

    def _act(self, request: HttpRequest, name: str, chosen: Any) -> None:
        title, act = ACTS[name]
        done = too_late = 0
        for mail in chosen:
            if self._done(act, mail.pk):
                done += 1
            else:
                too_late += 1
        if done:
            self.message_user(request, f"{title}: {done}", messages.SUCCESS)
        if too_late:
            text = pair("not possible in their state: {}", "impossible dans leur état : {}")
            self.message_user(request, f"{title}: {str(text).format(too_late)}", messages.WARNING)

    def _done(self, act: Callable[[Ticket], bool], ident: str) -> bool:
        try:
            return act(outbox_on(using()).get(ident))
        except errors.TicketNotFound:
            return False

    # Pages.

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, under its own title: nothing is changed by choosing a mail."""
        title = {"title": self.opts.verbose_name_plural.capitalize()}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of one mail."""
        wrap = self.admin_site.admin_view
        return [
            path("<str:ident>/shown/", wrap(self.shown_view), name="courriel_mail_shown"),
            path("<str:ident>/source/", wrap(self.source_view), name="courriel_mail_source"),
            path("<str:ident>/act/", wrap(self.act_view), name="courriel_mail_act"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """The page of one mail."""
        ticket = self._ticket(request, object_id)
        info = ticket.info
        letter = Letter.parse(ticket.content()) if info.size <= _LARGEST else None
        may_act = self.has_change_permission(request)
        cause, remedy = facts.cause_and_remedy(info)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": letter.subject if letter is not None else info.id,
            "info": info,
            "state": STATES[info.state],
            "times": {"put": facts.moment(info.created), "due": facts.moment(info.due)},
            "waits": info.state in (State.READY, State.HELD),
            "recipients": list(facts.recipients_of(info)),
            "cause": cause,
            "remedy": remedy,
            "letter": letter,
            "acts": [(name, ACTS[name][0]) for name in _POSSIBLE.get(info.state, ())] if may_act else [],
            "words": WORDS,
        }
        return TemplateResponse(request, "admin/courriel/mail.html", context)

    def shown_view(self, request: HttpRequest, ident: str) -> HttpResponse:
        """The HTML of a mail, for the sandboxed frame of its page."""
        ticket = self._ticket(request, ident)
        if ticket.info.size > _LARGEST:
            raise Http404
        return content.framed(Letter.parse(ticket.content()))

    def source_view(self, request: HttpRequest, ident: str) -> HttpResponse:
        """A mail as it is sent, as a file."""
        ticket = self._ticket(request, ident)
        return content.as_file(ticket.content(), ticket.id)

    def act_view(self, request: HttpRequest, ident: str) -> HttpResponse:
        """Act on one mail, by POST."""
        name = request.POST.get("act", "")
        if request.method != "POST" or name not in ACTS:
            raise Http404
        if not self.has_change_permission(request):
            raise PermissionDenied
        ticket = self._ticket(request, ident)
        self._act(request, name, [Mail(id=ticket.id)])
        return HttpResponseRedirect(reverse("admin:courriel_mail_change", args=[ticket.id]))

    def _ticket(self, request: HttpRequest, ident: str) -> Ticket:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return outbox_on(using()).get(ident)
        except (errors.TicketNotFound, errors.UsageError):
            raise Http404 from None


WORDS = {
    "facts": pair("Facts", "Faits"),
    "state": pair("State", "État"),
    "in_doubt": pair("in doubt: it may have arrived", "incertain : il est peut-être arrivé"),
    "why": pair("Reason", "Raison"),
    "cause": pair("Cause", "Cause"),
    "remedy": pair("Remedy", "Remède"),
    "remedy_is": pair("Remedy: ", "Remède : "),
    "put": pair("Put", "Déposé"),
    "due": pair("Next try", "Prochain essai"),
    "tries": pair("Tries", "Essais"),
    "mailer": pair("Mailer", "Mailer"),
    "key": pair("Key", "Clé"),
    "sender": pair("Sender", "Expéditeur"),
    "recipients": pair("Recipients", "Destinataires"),
    "recipient": pair("Recipient", "Destinataire"),
    "reply": pair("The server's words", "Réponse du serveur"),
    "content": pair("Content", "Contenu"),
    "text": pair("Text", "Texte"),
    "html": pair(
        "HTML, as in a mail program; nothing is loaded, and no script runs",
        "HTML, comme dans un logiciel de courrier ; rien n'est chargé, aucun script ne tourne",
    ),
    "files": pair("Files", "Pièces jointes"),
    "save": pair("Save the mail (.eml)", "Enregistrer le courriel (.eml)"),
    "too_large": pair("The mail is too large to be shown here.", "Le courriel est trop gros pour être montré ici."),
    "home": pair("Home", "Accueil"),
}
"""Texts of the page of one mail."""
