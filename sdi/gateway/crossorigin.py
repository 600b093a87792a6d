"""Requests of scripts on other sites: browsers ask first (a preflight) whether a request is allowed.

Here all are: what is served is public and only read, and no answer depends on who asks. Starlette's CORSMiddleware does
not fit: it refuses headers that nobody has listed, and tells caches that every answer depends on the origin.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

ALLOWED = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST",
    # BEWARE: the asterisk is any header but Authorization, which clients send that talk to closed services too.
    "Access-Control-Allow-Headers": "*, Authorization",
    "Access-Control-Max-Age": "86400",
}
"""The answer to a preflight; whom it is for is in sdi.gateway.limits, as for all answers."""


class Preflights:
    """Answers preflights for every address, so that no service has to; all else goes on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS" and (
                "access-control-request-method" in Headers(scope=scope)):
            await Response(status_code=204, headers=ALLOWED)(scope, receive, send)
            return
        await self.app(scope, receive, send)
