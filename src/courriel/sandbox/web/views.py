"""Mails as documents of their own, for the frame of the page and for browser tests: `/view/latest.html`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from courriel.sandbox.web.asked import mail_of, site_of
from courriel.sandbox.web.mail_html import POLICY, POLICY_WITHOUT_IMAGES, mail_html
from courriel.sandbox.web.parts import PART_POLICY, part_answer


def view_html(request: Request) -> Response:
    """HTML of a mail, cleaned, under a policy that lets nothing run; `?images=off`, `?embed=1` for a frame."""
    images = request.query_params.get("images") != "off"
    mail = mail_of(request, "id")
    if "embed" not in request.query_params:
        site_of(request).captured.mark([mail.number], seen=True)
    shown = mail_html(mail, images=images, new_pages="embed" in request.query_params)
    return HTMLResponse(
        shown.document,
        headers={
            "Content-Security-Policy": POLICY if images else POLICY_WITHOUT_IMAGES,
            "X-Held-Back": str(shown.held_back),
        },
    )


def view_text(request: Request) -> Response:
    """Text of a mail."""
    headers = {"Content-Security-Policy": PART_POLICY, "Content-Type": "text/plain; charset=utf-8"}
    return Response(mail_of(request, "id").text.encode("utf-8", "replace"), headers=headers)


def view_part(request: Request) -> Response:
    """A part of a mail, shown where it is of a harmless type; `?save=1` saves it."""
    inline = "save" not in request.query_params
    return part_answer(mail_of(request), int(request.path_params["part"]), inline=inline)
