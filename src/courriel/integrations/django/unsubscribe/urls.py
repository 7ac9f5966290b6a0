"""The address of the links: `path("unsubscribe/", include("courriel.integrations.django.unsubscribe.urls"))`."""

from __future__ import annotations

from django.urls import path

from courriel.integrations.django.unsubscribe.views import unsubscribe

urlpatterns = [path("<str:token>", unsubscribe, name="courriel_unsubscribe")]
