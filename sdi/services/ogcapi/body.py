"""A body that is whole before it is sent: small it stays in memory, large it lies in a file meanwhile.

So an answer is right or an error, its length is known, and a client that reads slowly holds no connection of the
database.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from typing import IO

from starlette.concurrency import run_in_threadpool

from sdi.store.selection import Form

KEPT = 4_000_000
"""Bytes that stay in memory."""

PIECE = 256_000
"""Bytes that are read from the file at a time."""


class Body:
    """The rows of a page, and what stands around them."""

    def __init__(self, form: Form) -> None:
        self.rows = 0
        self.size = 0
        self._between = b"\r\n" if form == "csv" else b","
        self._head = self._tail = b""
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None

    def add(self, rows: list[bytes]) -> None:
        """Rows that follow those before."""
        piece = (self._between if self.rows else b"") + self._between.join(rows)
        self.rows += len(rows)
        self.size += len(piece)
        if self._file is None and self.size > KEPT:
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
        self.size += len(head) + len(tail)
        return self

    def close(self) -> None:
        """Let go of the file; for answers that are not sent."""
        if self._file is not None:
            self._file.close()

    @property
    def whole(self) -> bytes | None:
        """All of it, where it is in memory."""
        return None if self._file else b"".join((self._head, *self._pieces, self._tail))

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it, once, where it lies in a file."""
        assert self._file is not None
        with self._file as file:
            yield self._head
            file.seek(0)
            while piece := await run_in_threadpool(file.read, PIECE):
                yield piece
            yield self._tail
