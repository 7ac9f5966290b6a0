"""Changes that are made in the page: remove, mark, drop in, play a failure, choose a language. All by POST."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from courriel import errors
from courriel.failures import speak
from courriel.sandbox.web.api.own import NO_SUCH_USER, remove_found, returned
from courriel.sandbox.web.asked import mail_of, site_of
from courriel.sandbox.web.checks.links import one_click_link
from courriel.sandbox.web.errors import BadRequest, NotThere
from courriel.sandbox.web.language import COOKIE, language_of
from courriel.sandbox.web.pages.rendering import THEME, query
from courriel.sandbox.web.received import take

_YEAR = 365 * 86400


def remove(request: Request) -> Response:
    """Remove one mail, and go on to the next older one of the list."""
    site, mail = site_of(request), mail_of(request)
    to, search = request.query_params.get("to"), request.query_params.get("search")
    older = [each.number for each in site.captured.page(to or None, most=1000) if each.number < mail.number]
    site.captured.remove([mail.number])
    following = f"/m/{older[0]}" if older and not search else "/"
    return RedirectResponse(following + query(to=to, search=search), 303)


async def remove_all(request: Request) -> Response:
    """Remove the mails of the list as it is shown: of its mailbox, of its search, or all."""
    site = site_of(request)
    await run_in_threadpool(
        remove_found, site, request.query_params.get("search", "").strip(), request.query_params.get("to") or None
    )
    return RedirectResponse("/", 303)


def unread(request: Request) -> Response:
    """Mark one mail as not seen, and go back to the list."""
    site, mail = site_of(request), mail_of(request)
    site.captured.mark([mail.number], seen=False)
    return RedirectResponse("/" + query(to=request.query_params.get("to")), 303)


async def drop(request: Request) -> Response:
    """Take an `.eml` that was dropped into the page; answers with the address of its page."""
    site = site_of(request)
    content = await request.body()
    mail = await run_in_threadpool(take, site, content)
    return JSONResponse({"page": f"/m/{mail.number}"}, 201)


async def play(request: Request) -> Response:
    """Play a failure of the table once, on the next mail; with none, remove all faults."""
    site = site_of(request)
    form = await fields(request)
    if failure := form.get("failure", ""):
        try:
            site.faults.play(failure, times=1)
        except errors.UsageError as unknown:
            raise BadRequest(str(unknown)) from None
    else:
        site.faults.clear()
    return RedirectResponse(local(form.get("back", "/")), 303)


async def pass_on(request: Request) -> Response:
    """Send one mail on for good, to the recipients that were typed: only where a relay was named when it began."""
    site, mail = site_of(request), await run_in_threadpool(mail_of, request)
    if site.pass_on is None:
        raise NotThere("This practice server passes nothing on; it does with: --relay URL")
    form = await fields(request)
    recipients = form.get("to", "").replace(",", " ").split()[:50]
    if not recipients:
        raise BadRequest("nobody is named whom the mail is to go to")
    try:
        reply = await run_in_threadpool(site.pass_on, mail, recipients)
    except errors.CourrielError as refused:
        raise BadRequest(str(refused)) from None
    return PlainTextResponse(f"{reply}\n")


async def bounce(request: Request) -> Response:
    """Return one mail to its sender with the reply that was typed, and go to the report."""
    form = await fields(request)

    def report() -> int:
        return returned(site_of(request), mail_of(request), form.get("reply", "") or NO_SUCH_USER, "").number

    return RedirectResponse(f"/m/{await run_in_threadpool(report)}", 303)


def one_click(request: Request) -> Response:
    """Post one click for the link of a mail, as its reader's provider would: only where the service was named."""
    site, mail = site_of(request), mail_of(request)
    if site.one_click is None:
        raise NotThere("This practice server clicks nowhere; it does with: --unsubscribe-at URL")
    link = one_click_link(mail)
    if link is None:
        raise BadRequest("this mail has no link for one click")
    speak(language_of(request))
    return PlainTextResponse(f"{site.one_click(link)}\n")


async def settings(request: Request) -> Response:
    """Choose language and colours; both are kept in cookies of this page."""
    form = await fields(request)
    answer = RedirectResponse(local(form.get("back", "/")), 303)
    if form.get("lang") in ("fr", "en"):
        answer.set_cookie(COOKIE, form["lang"], max_age=_YEAR, httponly=True, samesite="strict")
    if form.get("theme") in ("light", "dark", "auto"):
        answer.set_cookie(THEME, form["theme"], max_age=_YEAR, httponly=True, samesite="strict")
    return answer


async def fields(request: Request) -> dict[str, str]:
    """Fields of a form (application/x-www-form-urlencoded), the first of each name."""
    from urllib.parse import parse_qsl

    data = (await request.body())[:20_000].decode("utf-8", "replace")
    found: dict[str, str] = {}
    for name, value in parse_qsl(data, max_num_fields=20):
        found.setdefault(name, value)
    return found


def local(address: str) -> str:
    """An address within this page; anything else becomes its beginning, so that no link leads away from here."""
    if not address.startswith("/") or address.startswith(("//", "/\\")) or not address.isprintable():
        return "/"
    return address
