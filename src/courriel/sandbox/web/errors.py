"""Answers of the page and of the API to what went wrong: short, and without a name from inside."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from courriel.sandbox.web.guard import LARGEST, TooLarge, answer


class NotThere(Exception):
    """Signal: there is no such mail, part or address."""


class BadRequest(Exception):
    """Signal: the request makes no sense; the text says why, for whoever wrote it."""


def too_large(request: Request, error: Exception) -> Response:
    """Answer to a body that is too large."""
    return answer(request.url.path, 413, f"A request has {LARGEST:,} octets at most")


def not_there(request: Request, error: Exception) -> Response:
    """Answer to an address that leads nowhere."""
    return answer(request.url.path, 404, str(error) or "There is nothing at this address")


def bad_request(request: Request, error: Exception) -> Response:
    """Answer to a request that makes no sense."""
    return answer(request.url.path, 400, str(error))


def broken(request: Request, error: Exception) -> Response:
    """Answer to a failure of our own: a stranger learns nothing of the inside (hazard H83)."""
    return answer(request.url.path, 500, "Something went wrong here")


def wrong_method(request: Request, error: Exception) -> Response:
    """Answer to a method that the address does not have."""
    refused = answer(request.url.path, 405, "The address does not take this method")
    if isinstance(error, HTTPException):
        refused.headers.update(error.headers or {})
    return refused


HANDLERS = {
    TooLarge: too_large,
    NotThere: not_there,
    BadRequest: bad_request,
    404: not_there,
    405: wrong_method,
    Exception: broken,
}
