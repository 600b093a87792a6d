"""Answers compressed as the client wants them: zstd or gzip, both at their fastest level.

Of a page of parcels zstd leaves least. gzip is ISA-L's, which takes a fraction of zlib's time for no more bytes. Higher
levels take several times as long for little less.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from fnmatch import fnmatchcase
from typing import Protocol

import zstandard
from isal import isal_zlib
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sdi.services.accept import coding

SMALLEST = 1_000
"""Bytes of a body below which compressing gains nothing."""

_IN_A_THREAD = 128_000
"""Bytes from which on a piece would hold up other requests."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


ENCODINGS: dict[str, Callable[[], _Compressor]] = {
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "gzip": lambda: isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31),
}
"""What makes a compressor, by content coding; the one that is preferred among equals first."""


class Compression:
    """Compresses bodies of SMALLEST bytes and more, piece by piece, but for the media types `but` (patterns)."""

    def __init__(self, app: ASGIApp, but: Collection[str] = ()) -> None:
        self.app, self.but = app, tuple(but)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        wanted = Headers(scope=scope).get("Accept-Encoding", "")
        encoding = None if scope["method"] == "HEAD" else coding(wanted, tuple(ENCODINGS))
        await self.app(scope, receive, _Answer(send, encoding, self.but).send)


class _Answer:
    """One answer on its way out; its start waits for the first piece."""

    def __init__(self, send: Send, encoding: str | None, but: tuple[str, ...]) -> None:
        self.out, self.encoding, self.but = send, encoding, but
        self.start: Message | None = None
        self.compressor: _Compressor | None = None

    async def send(self, message: Message) -> None:
        """Take a message of the application."""
        if message["type"] == "http.response.start":
            self.start = message
            return
        if message["type"] != "http.response.body":
            await self.out(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self.start is not None:
            start, self.start = self.start, None
            self._begin(start, len(body), more)
            if self.compressor is not None and not more:
                body = await self._compressed(body, more)
                MutableHeaders(scope=start)["Content-Length"] = str(len(body))
                await self.out(start)
                await self.out({**message, "body": body})
                return
            await self.out(start)
        if self.compressor is not None:
            body = await self._compressed(body, more)
        await self.out({**message, "body": body})

    def _begin(self, start: Message, first: int, more: bool) -> None:
        """Whether to compress, as the headers say; they are set right."""
        headers = MutableHeaders(scope=start)
        media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if start["status"] in (204, 206, 304) or "Content-Encoding" in headers or any(
                fnmatchcase(media_type, pattern) for pattern in self.but):
            return
        headers.add_vary_header("Accept-Encoding")
        if self.encoding is None or (first < SMALLEST and not more):
            return
        self.compressor = ENCODINGS[self.encoding]()
        headers["Content-Encoding"] = self.encoding
        del headers["Content-Length"]
        if headers.get("ETag", "").startswith('"'):
            headers["ETag"] = f'W/{headers["ETag"]}'  # other bytes than those that it named

    async def _compressed(self, body: bytes, more: bool) -> bytes:
        if len(body) >= _IN_A_THREAD:
            return await run_in_threadpool(self._next, body, more)
        return self._next(body, more)

    def _next(self, body: bytes, more: bool) -> bytes:
        assert self.compressor is not None
        compressed = self.compressor.compress(body)
        return compressed if more else compressed + self.compressor.flush()
