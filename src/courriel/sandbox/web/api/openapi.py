"""OpenAPI document of our own API, made from one table."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_NUMBER = {"name": "number", "in": "path", "required": True, "schema": {"type": "string"},
           "description": "Number of a mail, or `latest` (`?to=`, `?search=`)."}  # fmt: skip


def _query(name: str, kind: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": kind}, "description": text}


_TO = _query("to", "string", "Mailbox: address of a recipient, as in the envelope.")
_SEARCH = _query("search", "string", "Search: from: to: subject: has: before: after: larger: !word.")
_LIST = [_TO, _SEARCH, _query("start", "integer", "Mails to leave out."), _query("limit", "integer", "Mails, 50.")]
_LATEST = [_NUMBER, _TO, _SEARCH]

_TABLE: list[tuple[str, str, str, list[dict[str, Any]], dict[int, str]]] = [
    ("/api/mails", "get", "Mails with the newest first.", _LIST, {200: "Mails"}),
    ("/api/mails", "delete", "Remove the mails of a search, of a mailbox, of a list of numbers, or all.",
     [_TO, _SEARCH], {200: "Removed"}),
    ("/api/mails", "post", "Put in a mail: an .eml as the body.",
     [_query("from", "string", "Sender of the envelope."), _TO], {201: "Mail", 400: "Error"}),
    ("/api/mails/{number}", "get", "One mail whole.", _LATEST, {200: "WholeMail", 404: "Error"}),
    ("/api/mails/{number}", "delete", "Remove one mail.", _LATEST, {200: "Removed", 404: "Error"}),
    ("/api/mails/{number}/raw", "get", "Octets of one mail.", _LATEST, {200: "", 404: "Error"}),
    ("/api/mails/{number}/bounce", "post",
     'Return a mail to its sender: {"reply": "550 5.1.1 no such user", "recipient": …}; a report lies in its mailbox.',
     _LATEST, {201: "Mail", 400: "Error", 404: "Error"}),
    ("/api/mails/{number}/parts/{part}", "get", "Content of a part, decoded.",
     [_NUMBER, {"name": "part", "in": "path", "required": True, "schema": {"type": "integer"}}],
     {200: "", 404: "Error"}),
    ("/api/mailboxes", "get", "Recipients with the number of their mails.", [], {200: "Mailboxes"}),
    ("/api/wait", "get", "Wait until mails fit; 404 when they did not come in time, with what came instead.",
     [_TO, _query("subject", "string", "Text in the subject."), _SEARCH,
      _query("count", "integer", "Mails that are waited for, 1."),
      _query("after", "integer", "Leave out mails up to this number."),
      _query("timeout", "string", "Seconds (5), at most 300; 500ms is understood.")],
     {200: "Mails", 404: "Error"}),
    ("/api/sessions", "get", "The last sessions with their dialogues.", [], {200: ""}),
    ("/api/faults", "post", 'Set a fault: {"play": "ID"} or {"stage": …, "answer": …}.', [],
     {200: "", 400: "Error"}),
    ("/api/faults", "delete", "Remove all faults.", [], {200: ""}),
    ("/api/ready", "get", "Whether the servers listen, with their URLs.", [], {200: ""}),
]  # fmt: skip

_PERSON = {"type": "object", "properties": {"name": {"type": "string"}, "address": {"type": "string"}}}
_MAIL = {
    "number": {"type": "integer"}, "page": {"type": "string"}, "from": _PERSON,
    "to": {"type": "array", "items": _PERSON},
    "envelope": {"type": "object", "properties": {"from": {"type": "string"},
                                                  "to": {"type": "array", "items": {"type": "string"}}}},
    "subject": {"type": "string"}, "snippet": {"type": "string"}, "message_id": {"type": "string"},
    "received": {"type": "string", "format": "date-time"}, "size": {"type": "integer"},
    "attachments": {}, "seen": {"type": "boolean"}, "findings": {},
}  # fmt: skip
_SCHEMAS = {
    "Mail": {"type": "object", "properties": _MAIL},
    "WholeMail": {
        "type": "object",
        "properties": {
            **_MAIL, "text": {"type": "string"}, "html": {"type": "string"},
            "headers": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
            "hidden": {"type": "array", "items": {"type": "string"}}, "cc": {"type": "array", "items": _PERSON},
            "date": {"type": ["string", "null"]}, "session": {"type": "object"},
        },
    },
    "Mails": {
        "type": "object",
        "properties": {"count": {"type": "integer"},
                       "mails": {"type": "array", "items": {"$ref": "#/components/schemas/Mail"}}},
    },
    "Mailboxes": {"type": "object", "properties": {"mailboxes": {"type": "array", "items": {"type": "object"}}}},
    "Removed": {"type": "object", "properties": {"removed": {"type": "integer"}}},
    "Error": {"type": "object", "properties": {"error": {"type": "string"}}},
}  # fmt: skip


def document(request: Request) -> Response:
    """The document, as OpenAPI 3.1 has it."""
    paths: dict[str, dict[str, Any]] = {}
    for path, method, text, parameters, answers in _TABLE:
        paths.setdefault(path, {})[method] = {
            "summary": text,
            "parameters": parameters,
            "responses": {str(status): _answer(status, schema) for status, schema in answers.items()},
        }
    return JSONResponse(
        {
            "openapi": "3.1.0",
            "info": {"title": "courriel sandbox", "version": version("courriel")},
            "paths": paths,
            "components": {"schemas": _SCHEMAS},
        }
    )


def _answer(status: int, schema: str) -> dict[str, Any]:
    said: dict[str, Any] = {"description": "Done" if status < 300 else "Refused"}
    if schema:
        said["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return said
