"""What the gateway does to every request and answer: a bound on bodies, safe headers, open CORS for services."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sdi.model.text import Text
from sdi.services.problems import Problem, on_problem

BODY_MAX = 1_000_000
"""Largest body of a request, in bytes: the longest honest WFS or CSW query is far shorter."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Content-Crs, Link, ETag, OGC-NumberMatched, OGC-NumberReturned, Accept-Ranges, "
                                     "Content-Disposition, Content-Range, Repr-Digest",
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
                               "frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
}

_TOO_LARGE = Text(pl=f"Treść żądania jest większa niż {BODY_MAX} bajtów",
                  en=f"The body of the request is larger than {BODY_MAX} bytes")


class Limits:
    """Refuses bodies over BODY_MAX (413) whether announced or streamed, and adds HEADERS to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        body = await _body(receive) if scope["method"] in ("POST", "PUT", "PATCH") else b""
        if body is None:
            refusal = await on_problem(Request(scope), Problem(413, _TOO_LARGE))
            await refusal(scope, receive, send_with_headers)
            return
        done = False

        async def receive_again() -> Message:
            nonlocal done
            if scope["method"] not in ("POST", "PUT", "PATCH") or done:
                return await receive()
            done = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, receive_again, send_with_headers)


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None where it is larger than BODY_MAX."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        size += len(message.get("body", b""))
        if size > BODY_MAX:
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
