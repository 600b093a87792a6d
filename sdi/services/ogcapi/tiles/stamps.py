"""What the database holds now, asked once for all requests that wait: no tile is older than its request."""

from __future__ import annotations

import asyncio
from uuid import UUID

from psycopg_pool import ConnectionPool
from starlette.concurrency import run_in_threadpool

from sdi.db.queries import query

Stamp = tuple[UUID, int]
"""The feed's identity and the last version of any source."""


class Stamps:
    """Reads the stamp. One query runs at a time; whoever comes meanwhile shares the next one."""

    def __init__(self, pool: ConnectionPool) -> None:
        self.pool = pool
        self._running: asyncio.Task[Stamp] | None = None
        self._next: asyncio.Task[Stamp] | None = None

    async def now(self) -> Stamp:
        """The stamp, read after this was called. Raises psycopg.OperationalError."""
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._read(self._running))
        # One reader that hangs up must not take the answer from the others.
        return await asyncio.shield(self._next)

    async def _read(self, before: asyncio.Task[Stamp] | None) -> Stamp:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await run_in_threadpool(self.read)

    def read(self) -> Stamp:
        """The stamp, by a query of one's own."""
        with self.pool.connection() as connection:
            row = connection.execute(query("tiles", "stamp")).fetchone()
        assert row is not None
        return row[0], row[1]
