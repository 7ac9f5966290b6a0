"""The view of a link to unsubscribe, without CSRF token, session or transaction of its own."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db import transaction
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt

from courriel.integrations.django.unsubscribe.options import endpoint
from courriel.integrations.unsubscribe.endpoint import Asked
from courriel.integrations.unsubscribe.form import LARGEST


@csrf_exempt  # a provider that clicks has no token (RFC 8058 3.1)
@transaction.non_atomic_requests  # what the project's function has written is committed before we say so
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page, or unsubscribe."""
    preferred = request.headers.get("Accept-Language") or get_language() or ""
    asked = Asked(request.method or "", f"/{token}", preferred, request.META.get("REMOTE_ADDR") or "")
    content_type, body = _form(request) if request.method == "POST" else ("", b"")
    given = endpoint().respond(asked, content_type, body)
    return HttpResponse(given.body, status=given.status, headers=dict(given.headers))


# The steps.


def _form(request: HttpRequest) -> tuple[str, bytes]:
    """Content type and body; nothing where the client went away."""
    try:
        body: bytes = request.read(LARGEST + 1)
        if not body and request.POST:
            # A middleware has read it before us.
            return "", urlencode(list(request.POST.items())).encode()
    except UnreadablePostError:
        return "", b""
    return request.headers.get("Content-Type", ""), body
