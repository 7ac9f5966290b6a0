"""Our own API: mails, mailboxes, waiting, sessions, faults.

Functions that are no coroutines run in threads, and a coroutine hands what reads a mail to one: a hostile mail takes
seconds, in which the page answers others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from courriel.errors import UsageError
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.mailboxes import report_about
from courriel.sandbox.store.index import FoundMails
from courriel.sandbox.weather import STAGES
from courriel.sandbox.web.asked import (
    MOST,
    body_of,
    mail_of,
    number_in,
    numbers_in,
    query_of,
    searched,
    seconds_in,
    site_of,
)
from courriel.sandbox.web.errors import BadRequest, NotThere
from courriel.sandbox.web.parts import part_answer
from courriel.sandbox.web.received import take
from courriel.sandbox.web.site import ADDRESS, Site

NO_SUCH_USER = "550 5.1.1 no such user"
"""Reply that a bounce reports when the request names none."""


def list_mails(request: Request) -> Response:
    """Mails with the newest first: `?to=` of a mailbox, `?search=`, `?start=`, `?limit=`."""
    found = find(request)
    site = site_of(request)
    return JSONResponse(
        {
            "count": found.count,
            "total": site.captured.count(),
            "dropped": site.captured.dropped,
            "mails": [short(site, mail) for mail in found.letters],
        }
    )


def one_mail(request: Request) -> Response:
    """One mail whole, without the contents of its attachments: `latest`, or its number."""
    return JSONResponse(whole(site_of(request), mail_of(request)))


def raw_mail(request: Request) -> Response:
    """Octets of one mail."""
    mail = mail_of(request)
    return Response(
        mail.content,
        media_type="message/rfc822",
        headers={"Content-Disposition": f'attachment; filename="{mail.number}.eml"'},
    )


def one_part(request: Request) -> Response:
    """Content of one part of a mail, decoded; always as a file to be saved."""
    return part_answer(mail_of(request), int(request.path_params["part"]), inline=False)


def remove_mail(request: Request) -> Response:
    """Remove one mail."""
    return JSONResponse({"removed": site_of(request).captured.remove([mail_of(request).number])})


async def remove_mails(request: Request) -> Response:
    """Remove mails: those of `?search=` and `?to=`, of a list of `numbers`, or with neither all.

    A condition that is empty or misspelt is refused: it would remove everything.
    """
    site = site_of(request)
    body = await body_of(request)
    given = request.query_params
    if unknown := [*(given.keys() - _CONDITIONS), *(body.keys() - {"numbers"})]:
        raise BadRequest(f"mails are removed by search, to or numbers, and not by {unknown[0][:60]}")
    if empty := [name for name in given if not given[name].strip()]:
        raise BadRequest(f"{empty[0]} is empty; all mails are removed by leaving it out")
    if "numbers" in body:
        removed = await run_in_threadpool(site.captured.remove, numbers_in(body["numbers"]))
        return JSONResponse({"removed": removed})
    to, search = request.query_params.get("to"), searched(request)
    return JSONResponse({"removed": await run_in_threadpool(remove_found, site, search, to)})


async def add_mail(request: Request) -> Response:
    """Put in a mail, an `.eml` as the body; `?from=` and `?to=` are its envelope, by default that of its header."""
    site = site_of(request)
    content = await request.body()
    query = request.query_params

    def taken() -> dict[str, Any]:
        return short(site, take(site, content, sender=query.get("from", ""), recipients=tuple(query.getlist("to"))))

    return JSONResponse(await run_in_threadpool(taken), 201)


async def return_mail(request: Request) -> Response:
    """Return one mail to its sender, as a server further on would: `{"reply": "550 5.1.1 …", "recipient": …}`."""
    site = site_of(request)
    body = await body_of(request)

    def report() -> dict[str, Any]:
        mail = mail_of(request)
        if unknown := [*(body.keys() - {"reply", "recipient"})]:
            raise BadRequest(f"a mail is returned with reply and recipient, and not with {unknown[0][:60]}")
        return short(site, returned(site, mail, body.get("reply", NO_SUCH_USER), body.get("recipient", "")))

    return JSONResponse(await run_in_threadpool(report), 201)


def mailboxes(request: Request) -> Response:
    """Recipients, each with the number of its mails."""
    return JSONResponse(
        {
            "mailboxes": [
                {"address": address, "count": count, "unseen": unseen}
                for address, count, unseen in site_of(request).captured.mailboxes()
            ]
        }
    )


async def wait_for(request: Request) -> Response:
    """Wait until `?count=` mails (1) fit `?to=`, `?subject=` and `?search=`, at most `?timeout=` seconds (5).

    404 when they did not come, with what came instead; `?after=` leaves out mails up to that number.
    """
    site = site_of(request)
    given = request.query_params
    count = number_in(given.get("count"), 1, least=1, most=MOST)
    after = number_in(given.get("after"), 0)
    to, subject, search = given.get("to") or None, given.get("subject") or None, searched(request)
    query = query_of(search)

    def fitting() -> list[CapturedMessage]:
        if search:
            found = site.index.search(query, mailbox=to, most=MOST).letters
        else:
            found = tuple(site.captured.page(to, most=MOST))
        return [mail for mail in found if mail.number > after and mail.fits(to, subject)]

    found = await wait_until(site, fitting, count, seconds_in(given.get("timeout"), 5.0))
    if len(found) < count:
        came = await run_in_threadpool(_all_short, site, site.captured.page(most=5))
        return JSONResponse({"error": f"{len(found)} of {count} mails came in time", "came": came}, 404)
    return JSONResponse({"count": len(found), "mails": await run_in_threadpool(_all_short, site, found)})


async def wait_until(site: Site, fitting: Any, count: int, seconds: float) -> list[CapturedMessage]:
    """Search again at each change, until there are enough or the time is over; returns what is there then."""
    found: list[CapturedMessage] = []
    try:
        async with asyncio.timeout(seconds):
            with site.captured.changes() as changed:
                while not site.closing.is_set():
                    changed.clear()
                    found = await run_in_threadpool(fitting)
                    if len(found) >= count:
                        return found
                    await changed.wait()
    except TimeoutError:
        pass
    return found


def sessions(request: Request) -> Response:
    """The last sessions with their dialogues; no secret is in them."""
    return JSONResponse(
        {
            "sessions": [
                {
                    "peer": served.session.peer, "hello": served.session.hello, "tls": served.session.tls_version,
                    "user": served.session.user, "mails": served.session.messages,
                    "lines": [[round(line.seconds, 4), line.who, line.text] for line in served.transcript],
                }
                for served in list(site_of(request).sessions())[-100:]
            ]
        }
    )  # fmt: skip


async def add_fault(request: Request) -> Response:
    """Set a fault: {"play": "GMAIL-…"} or {"stage": …, "answer": …}, with `when`, `nth`, `times` (1)."""
    site = site_of(request)
    body = await body_of(request)
    where: dict[str, Any] = {name: body[name] for name in ("when", "nth", "times") if name in body}
    where.setdefault("times", 1)
    _check_where(where)
    try:
        if isinstance(body.get("play"), str):
            site.faults.play(body["play"], **where)
        elif isinstance(body.get("stage"), str) and isinstance(body.get("answer"), str):
            site.faults.add(body["stage"], body["answer"], **where)
        else:
            raise BadRequest('a fault is {"play": "ID"} or {"stage": "…", "answer": "…"}; stages: ' + ", ".join(STAGES))
    except UsageError as senseless:
        raise BadRequest(str(senseless)) from None
    return JSONResponse({"set": True})


def clear_faults(request: Request) -> Response:
    """Remove all faults."""
    site_of(request).faults.clear()
    return JSONResponse({"set": False})


def ready(request: Request) -> Response:
    """Whether the servers listen: they do as soon as this page answers."""
    return JSONResponse({"ready": True, "urls": dict(site_of(request).addresses())})


# What both APIs do.


def find(request: Request) -> FoundMails:
    """Mails of a list: of a mailbox, of a search, of a page of either."""
    site = site_of(request)
    query = request.query_params
    start = number_in(query.get("start"), 0)
    most = number_in(query.get("limit"), 50, most=MOST)
    to, search = query.get("to") or None, searched(request)
    if search:
        return site.index.search(query_of(search), mailbox=to, start=start, most=most)
    return FoundMails(tuple(site.captured.page(to, start=start, most=most)), site.captured.count(to))


def remove_found(site: Site, search: str, to: str | None) -> int:
    """Remove the mails of a search and of a mailbox; with neither, all. Raises BadRequest for a search of nothing."""
    if search:
        query = query_of(search)
        if query.empty:
            raise BadRequest("the search has no word that could be searched for; nothing was removed")
        return site.captured.remove(site.index.numbers(query, mailbox=to or None))
    if to:
        return site.captured.remove([mail.number for mail in site.captured.page(to, most=site.captured.count(to))])
    count = site.captured.count()
    site.captured.clear()
    return count


def short(site: Site, mail: CapturedMessage) -> dict[str, Any]:
    """A mail in a list, for JSON."""
    summary = site.summaries.of(mail)
    return {
        "number": mail.number,
        "page": ADDRESS.format(number=mail.number),
        "from": {"name": summary.sender[0], "address": summary.sender[1]},
        "to": [{"name": name, "address": address} for name, address in summary.to],
        "envelope": {"from": mail.sender, "to": list(mail.recipients)},
        "subject": summary.subject,
        "snippet": summary.snippet,
        "message_id": summary.message_id,
        "received": mail.received.isoformat(),
        "size": mail.size,
        "attachments": summary.attachments,
        "seen": site.captured.is_seen(mail.number),
        "findings": len(mail.findings),
    }


def whole(site: Site, mail: CapturedMessage) -> dict[str, Any]:
    """A mail with its texts, for JSON."""
    letter = mail.letter
    return {
        **short(site, mail),
        "cc": [{"name": each.name, "address": each.spec} for each in letter.cc],
        "hidden": list(site.summaries.of(mail).hidden),
        "date": letter.date.isoformat() if letter.date else None,
        "headers": [[name, value] for name, value in letter.headers],
        "text": letter.text,
        "html": letter.html,
        "attachments": [
            {"name": file.name, "content_type": file.content_type, "size": file.size, "inline": file.inline,
             "content_id": file.content_id}
            for file in letter.attachments
        ],
        "session": {
            "peer": mail.peer, "hello": mail.hello, "tls": mail.tls_version, "user": mail.user,
            "mechanism": mail.mechanism,
        },
        "findings": [{"kind": finding.kind, "text": finding.text} for finding in mail.findings],
    }  # fmt: skip


def returned(site: Site, mail: CapturedMessage, reply: object, recipient: object) -> CapturedMessage:
    """The report about a mail, in the mailbox of its sender. Raises BadRequest."""
    if not isinstance(reply, str) or not isinstance(recipient, str):
        raise BadRequest("reply and recipient are texts")
    try:
        return site.captured.put(*report_about(mail, "sandbox.localhost", reply, recipient))
    except UsageError as wrong:
        raise BadRequest(str(wrong)) from None


# The steps.


_CONDITIONS = frozenset({"search", "query", "to"})


def _all_short(site: Site, mails: Iterable[CapturedMessage]) -> list[dict[str, Any]]:
    return [short(site, mail) for mail in mails]


def _check_where(where: dict[str, Any]) -> None:
    when, nth, times = where.get("when", ""), where.get("nth", 1), where.get("times")
    if not isinstance(when, str) or type(nth) is not int or not (times is None or type(times) is int):
        raise BadRequest('"when" is a text, "nth" and "times" are whole numbers')


def no_such_address(request: Request) -> Response:
    """Answer to an address below /api/ that is none."""
    raise NotThere("There is nothing at this address; /openapi.json has them all")
