"""Errors that are no standard's, as problem+json (RFC 9457) in the language asked for."""

from __future__ import annotations

import logging
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sdi.model.text import LANGUAGES, Text
from sdi.services import accept

log = logging.getLogger(__name__)


class Problem(HTTPException):
    """An answer that says what is wrong, in both languages."""

    def __init__(self, status: int, text: Text, headers: dict[str, str] | None = None) -> None:
        self.text = text
        super().__init__(status, text.en, headers)


def language_of(request: Request) -> str:
    """The language to answer in: `lang=`, else what Accept-Language wants most, else Polish."""
    asked = request.query_params.get("lang", "")[:2]
    if asked in LANGUAGES:
        return asked
    return accept.language(request.headers.get("accept-language", ""), LANGUAGES) or LANGUAGES[0]


async def on_problem(request: Request, error: Exception) -> Response:
    """Answer an HTTPException."""
    assert isinstance(error, HTTPException)
    detail = error.text.get(language_of(request)) if isinstance(error, Problem) else error.detail
    return JSONResponse(
        {"type": "about:blank", "title": detail, "status": error.status_code, "instance": request.url.path},
        error.status_code,
        headers=dict(error.headers or {}),
        media_type="application/problem+json",
    )


def failure(request: Request, error: Exception) -> Problem:
    """What to say of anything unforeseen: the log has the traceback, the user a number to quote."""
    number = uuid4().hex[:12]
    log.error("failure %s: %s %s", number, request.method, request.url, exc_info=error)
    return Problem(500, Text(
        pl=f"Błąd wewnętrzny usługi; zgłaszając go, podaj numer {number}",
        en=f"Internal error of the service; quote number {number} when you report it",
    ))
