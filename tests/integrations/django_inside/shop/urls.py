"""The project's pages: the admin, and those of passwords, as a project has them."""

import os

from asgiref.sync import sync_to_async
from django.contrib import admin
from django.contrib.auth import views
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def order(request: HttpRequest) -> HttpResponse:
    """Send a mail in a transaction, and say which process did."""
    with transaction.atomic():
        send_mail(request.GET["subject"], "Hello.", None, ["bob@example.org"])
        if "undo" in request.GET:
            transaction.set_rollback(True)
    return HttpResponse(str(os.getpid()))


async def order_awaited(request: HttpRequest) -> HttpResponse:
    """The same as an async view."""
    return await sync_to_async(order)(request)


urlpatterns = [
    path("order/", order),
    path("order-awaited/", order_awaited),
    path("admin/", admin.site.urls),
    path("unsubscribe/", include("courriel.integrations.django.unsubscribe.urls")),
    path("password_reset/", views.PasswordResetView.as_view(), name="password_reset"),
    path("password_reset/done/", views.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path("reset/<uidb64>/<token>/", views.PasswordResetConfirmView.as_view(), name="password_reset_confirm"),
]
