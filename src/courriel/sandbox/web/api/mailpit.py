"""Addresses and answers of Mailpit's API (v1) that test suites use most, so that they run unchanged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from importlib.metadata import version
from time import monotonic
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.structure import MailPart, parts_of
from courriel.sandbox.web.api.own import find, remove_found
from courriel.sandbox.web.asked import body_of, mail_of, numbers_in, query_of, searched, site_of
from courriel.sandbox.web.errors import BadRequest
from courriel.sandbox.web.parts import file_name, part_answer
from courriel.sandbox.web.site import Site

_BEGAN = monotonic()
_LINK = re.compile(r"<\s*([^<>\s]{1,2000})\s*>")


def list_messages(request: Request) -> Response:
    """Messages, or those of a search, with the newest first."""
    site = site_of(request)
    found = find(request)
    unread = sum(not site.captured.is_seen(mail.number) for mail in found.letters)
    return JSONResponse(
        {
            "total": site.captured.count(), "unread": site.captured.unseen, "count": len(found.letters),
            "messages_count": found.count,
            "messages_unread": site.captured.unseen if not searched(request) else unread,
            "start": int(request.query_params.get("start") or 0), "tags": [],
            "messages": [_in_list(site, mail) for mail in found.letters],
        }
    )  # fmt: skip


async def mark_messages(request: Request) -> Response:
    """Set the messages read or unread: those of `IDs`, of `Search`, or with neither all."""
    site = site_of(request)
    body = _lowered(await body_of(request))
    search = body.get("search") or searched(request)
    numbers: Iterable[int] = numbers_in(body.get("ids"))
    if not numbers and isinstance(search, str) and search:
        numbers = await run_in_threadpool(site.index.numbers, query_of(search))
    elif not body.get("ids"):
        numbers = [mail.number for mail in site.captured.letters]
    await run_in_threadpool(site.captured.mark, numbers, seen=bool(body.get("read", False)))
    return PlainTextResponse("ok")


async def delete_messages(request: Request) -> Response:
    """Delete the messages of `IDs`; with none, all."""
    site = site_of(request)
    body = _lowered(await body_of(request))
    if body.get("ids"):
        await run_in_threadpool(site.captured.remove, numbers_in(body["ids"]))
    else:
        await run_in_threadpool(site.captured.clear)
    return PlainTextResponse("ok")


def delete_found(request: Request) -> Response:
    """Delete the messages of a search."""
    search = searched(request)
    if not search.strip():
        raise BadRequest("no search query")
    remove_found(site_of(request), search, None)
    return PlainTextResponse("ok")


def one_message(request: Request) -> Response:
    """One message; whoever fetches it has read it."""
    site = site_of(request)
    mail = mail_of(request, "id")
    site.captured.mark([mail.number], seen=True)
    return JSONResponse(_whole(site, mail))


def message_headers(request: Request) -> Response:
    """Header fields, each name with all its values."""
    fields: dict[str, list[str]] = {}
    for name, value in mail_of(request, "id").letter.headers:
        fields.setdefault("-".join(word.capitalize() for word in name.split("-")), []).append(value)
    return JSONResponse(fields)


def raw_message(request: Request) -> Response:
    """Octets of a message as text; nothing in it is shown as a page."""
    return Response(mail_of(request, "id").content, headers={"Content-Type": "text/plain; charset=utf-8"})


def message_part(request: Request) -> Response:
    """Content of a part, by the number that `one_message` gave."""
    return part_answer(mail_of(request, "id"), int(request.path_params["part"]), inline=False)


def info(request: Request) -> Response:
    """Facts of the server. The version is that of the API of which this is a part, for clients that ask."""
    site = site_of(request)
    captured = site.captured
    return JSONResponse(
        {
            "Version": "v1.20.0", "LatestVersion": "v1.20.0", "Server": f"courriel {version('courriel')}",
            "Database": str(site.data or ""), "DatabaseSize": 0, "Messages": captured.count(),
            "Unread": captured.unseen, "Tags": {},
            "RuntimeStats": {
                "Uptime": int(monotonic() - _BEGAN), "Memory": 0, "MessagesDeleted": captured.dropped,
                "SMTPAccepted": captured.count() + captured.dropped, "SMTPAcceptedSize": captured.held,
                "SMTPRejected": 0, "SMTPIgnored": 0,
            },
        }
    )  # fmt: skip


def configuration(request: Request) -> Response:
    """Settings that a page of Mailpit's asks for."""
    site = site_of(request)
    return JSONResponse(
        {
            "Label": "courriel", "ChaosEnabled": False, "DuplicatesIgnored": False, "HideDeleteAllButton": False,
            "SpamAssassin": False,
            "MessageRelay": {"Enabled": site.pass_on is not None, "SMTPServer": site.relay, "ReturnPath": "",
                             "AllowedRecipients": "", "BlockedRecipients": "", "OverrideFrom": "",
                             "PreserveMessageIDs": True, "RecipientAllowlist": ""},
        }
    )  # fmt: skip


def tags(request: Request) -> Response:
    """Tags: there are none here."""
    return JSONResponse([])


def alive(request: Request) -> Response:
    """Whether the server is alive."""
    return PlainTextResponse("ok")


# The steps.


def _lowered(body: dict[str, Any]) -> dict[str, Any]:
    # Mailpit takes the names in any case: `ids` that were not known would delete everything.
    return {name.lower(): value for name, value in body.items()}


def _person(pair: tuple[str, str]) -> dict[str, str]:
    return {"Name": pair[0], "Address": pair[1]}


def _in_list(site: Site, mail: CapturedMessage) -> dict[str, Any]:
    summary = site.summaries.of(mail)
    return {
        "ID": str(mail.number), "MessageID": summary.message_id.strip("<>"),
        "Read": site.captured.is_seen(mail.number), "From": _person(summary.sender),
        "To": [_person(each) for each in summary.to], "Cc": [_person(each) for each in summary.cc],
        "Bcc": [_person(("", address)) for address in summary.hidden],
        "ReplyTo": [_person(each) for each in summary.reply_to], "Subject": summary.subject,
        "Created": mail.received.isoformat().replace("+00:00", "Z"), "Username": mail.user, "Tags": [],
        "Size": mail.size, "Attachments": summary.attachments, "Snippet": summary.snippet,
    }  # fmt: skip


def _whole(site: Site, mail: CapturedMessage) -> dict[str, Any]:
    summary = site.summaries.of(mail)
    letter, content = mail.letter, mail.content
    files = [part for part in parts_of(content) if part.attached or part.name or part.content_id]
    described = [(part.attached or not part.content_id, _file(part, part.decoded(content))) for part in files]
    moment = letter.date or mail.received
    return {
        "ID": str(mail.number), "MessageID": summary.message_id.strip("<>"), "From": _person(summary.sender),
        "To": [_person(each) for each in summary.to], "Cc": [_person(each) for each in summary.cc],
        "Bcc": [_person(("", address)) for address in summary.hidden],
        "ReplyTo": [_person(each) for each in summary.reply_to], "ReturnPath": mail.sender,
        "Subject": summary.subject, "ListUnsubscribe": _unsubscribe(mail),
        "Date": moment.isoformat().replace("+00:00", "Z"), "Tags": [], "Username": mail.user,
        "Text": letter.text.replace("\n", "\r\n") if letter.text else "", "HTML": letter.html, "Size": mail.size,
        "Inline": [file for attached, file in described if not attached],
        "Attachments": [file for attached, file in described if attached],
    }  # fmt: skip


def _file(part: MailPart, data: bytes) -> dict[str, Any]:
    return {
        "PartID": str(part.number), "FileName": file_name(part), "ContentType": part.content_type,
        "ContentID": part.content_id, "Size": len(data),
        "Checksums": {
            "MD5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
            "SHA1": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
            "SHA256": hashlib.sha256(data).hexdigest(),
        },
    }  # fmt: skip


def _unsubscribe(mail: CapturedMessage) -> dict[str, Any]:
    header, post = mail.header("List-Unsubscribe"), mail.header("List-Unsubscribe-Post")
    links = _LINK.findall(header)
    return {
        "Header": header, "HeaderPost": post, "Links": links[:10],
        "Errors": "" if links or not header else "no link in angle brackets",
    }  # fmt: skip
