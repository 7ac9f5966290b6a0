"""Pages of the admin for the suppression list: who gets no more mail, and why; added and lifted through the outbox."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from courriel import Address, Suppression, errors
from courriel.integrations.django.models import Suppressed
from courriel.integrations.django.pages import facts
from courriel.integrations.django.pages.shown_database import using
from courriel.integrations.django.queueing.databases import outbox_on
from courriel.integrations.django.words import pair

_LONGEST = 500  # characters of a note; a stream has a hundred
_ONE_STREAM = pair("only an unsubscription is from one stream", "seule une désinscription vaut pour un flux")
_TOO_LONG = pair("note: 500 characters at most; stream: 100", "note : 500 caractères au plus ; flux : 100")


class SuppressedForm(forms.ModelForm):
    """Form of one entry, with the checks of the outbox."""

    class Meta:
        model = Suppressed
        fields = ("shown", "reason", "stream", "note")
        widgets = {name: forms.TextInput(attrs={"size": 50}) for name in ("shown", "stream", "note")}  # noqa: RUF012

    def clean(self) -> dict[str, Any]:
        """Refuse what the outbox would refuse, in its own words."""
        said = super().clean() or self.cleaned_data
        try:
            Address.of(said.get("shown", ""))
        except errors.InvalidAddress as wrong:
            raise forms.ValidationError(str(wrong)) from wrong
        if said.get("stream") and said.get("reason") != "unsubscribe":
            raise forms.ValidationError(_ONE_STREAM)
        if max(len(said.get("note") or ""), 5 * len(said.get("stream") or "")) > _LONGEST:
            raise forms.ValidationError(_TOO_LONG)
        return said


@admin.register(Suppressed)
class SuppressedAdmin(admin.ModelAdmin):
    """The suppression list of the outbox. An entry is added or lifted; it is never changed."""

    form = SuppressedForm
    list_display = ("shown", "reason", "stream", "note", "added_at")
    list_display_links = None
    list_filter = ("reason", "stream")
    search_fields = ("address", "shown", "note")
    ordering = ("-added", "address")
    list_per_page = 100
    show_full_result_count = False
    actions = ("lift_addresses",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No: an entry says what happened."""
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        """The rows in the database of the outbox."""
        return Suppressed.objects.using(using()).order_by(*self.ordering)

    def get_actions(self, request: HttpRequest) -> Any:
        """The action that lifts, and not Django's own that deletes rows."""
        return {name: act for name, act in super().get_actions(request).items() if name != "delete_selected"}

    @admin.display(description=pair("since", "depuis"), ordering="added")
    def added_at(self, entry: Suppressed) -> Any:
        """Time at which the address was added."""
        return facts.moment(entry.added)

    @admin.action(description=pair("Lift: they get mail again", "Retirer : ils reçoivent de nouveau du courrier"),
                  permissions=["delete"])  # fmt: skip
    def lift_addresses(self, request: HttpRequest, chosen: Any) -> None:
        """Take the chosen addresses off the list, for every reason."""
        suppressions = outbox_on(using()).suppressions
        done = sum(suppressions.lift(address) for address in {entry.shown for entry in chosen})
        lifted = str(pair("{} entries were lifted", "{} entrées ont été retirées")).format(done)
        self.message_user(request, lifted, messages.SUCCESS)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Add the entry through the outbox."""
        outbox_on(using()).suppressions.add_many([_entry(form.cleaned_data)])
        obj.address = obj.shown

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        """Back to the list, also from "save and continue": there is no page of one entry."""
        if "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        added = str(pair("{} gets no more mail", "{} ne reçoit plus rien")).format(obj.shown)
        self.message_user(request, added, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:courriel_suppressed_changelist"))


# The steps.


def _entry(said: dict[str, Any]) -> Suppression:
    return Suppression(
        said.get("shown", ""), said.get("reason", "manual"), said.get("stream") or "", said.get("note") or ""
    )
