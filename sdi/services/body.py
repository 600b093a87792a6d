"""A body of rows: small it is in memory, large it lies in a file, and what is more than a page flows.

Up to a page it is whole before it is sent: it is right or an error, its length is known, and a client that reads
slowly holds no connection of the database. Beyond, it is sent as the rows come, whoever waits for them.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

KEPT = 8_000_000
"""Bytes that stay in memory: 10,000 parcels, which is a page at most."""

PIECE = 256_000
"""Bytes that are read from the file at a time."""

LONGEST_S = 900
"""Seconds that a client may take for an answer."""


class Body:
    """Rows with `between` between them, and what stands around them."""

    def __init__(self, between: bytes = b"") -> None:
        self.rows = 0
        self._between = between
        self._size = 0
        self._head = self._tail = b""
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._rest: Iterator[Sequence[bytes]] | None = None
        self._ended: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, file: IO[bytes]) -> Body:
        """What an open file holds."""
        body = cls()
        body._file, body._size = file, file.seek(0, 2)
        return body

    def add(self, rows: Sequence[bytes]) -> None:
        """Rows that follow those before."""
        piece = self._following(rows)
        self._size += len(piece)
        if self._file is None and self._size > KEPT:
            self._file = tempfile.TemporaryFile()  # closed when nobody holds it any more
            self._file.writelines(self._pieces)
            self._pieces.clear()
        if self._file is None:
            self._pieces.append(piece)
        else:
            self._file.write(piece)

    def within(self, head: bytes, tail: bytes) -> Body:
        """The same, between `head` and `tail`."""
        self._head, self._tail = head, tail
        self._size += len(head) + len(tail)
        return self

    def flowing(self, rest: Iterable[Sequence[bytes]], ended: Callable[[], None]) -> Body:
        """The same with the `rest` of the rows, read while it is sent; `ended` is called after that in any case."""
        self._rest, self._ended = iter(rest), ended
        return self

    def close(self) -> None:
        """Let go of the file and of what the rest is read from."""
        if self._file is not None:
            self._file.close()
        self._ended()

    @property
    def size(self) -> int | None:
        """Bytes, where that is known before it is sent."""
        return None if self._rest is not None else self._size

    @property
    def whole(self) -> bytes | None:
        """All of it, where it is in memory."""
        return None if self._file or self._rest is not None else b"".join((self._head, *self._pieces, self._tail))

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it, once."""
        yield self._head
        for piece in self._pieces:
            yield piece
        if self._file is not None:
            self._file.seek(0)
            while piece := await run_in_threadpool(self._file.read, PIECE):
                yield piece
        while self._rest is not None and (rows := await run_in_threadpool(next, self._rest, None)) is not None:
            yield self._following(rows)
        yield self._tail

    def _following(self, rows: Sequence[bytes]) -> bytes:
        before = self._between if self.rows and rows else b""
        self.rows += len(rows)
        return before + self._between.join(rows)


class _Sent(StreamingResponse):
    """A body that is not in memory."""

    def __init__(self, body: Body, status: int, headers: Mapping[str, str], media_type: str | None) -> None:
        super().__init__(body.pieces(), status, headers, media_type)
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry. Cut off, which every client notices, where the client takes longer than LONGEST_S."""
        try:
            async with asyncio.timeout(LONGEST_S):
                await super().__call__(scope, receive, send)
        finally:
            await run_in_threadpool(self._body.close)


def response(
    body: Body, method: str, headers: Mapping[str, str], status: int = 200, media_type: str | None = None
) -> Response:
    """The answer to a request by `method`."""
    if body.size is not None:
        headers = {**headers, "Content-Length": str(body.size)}
    if method == "HEAD":
        body.close()
        answer = Response(None, status, headers, media_type)
        if body.size is None:
            del answer.headers["Content-Length"]
        return answer
    whole = body.whole
    if whole is None:
        return _Sent(body, status, headers, media_type)
    return Response(whole, status, headers, media_type)
