"""Makes files ahead: those that people fetch are made again, one by one, when a commit has brought a new edition.

Which those are, the files tell: the time of a file's last use is its modification time, and one that is made ahead
takes over that of the edition before. So what nobody fetches any more falls out by itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from anyio.from_thread import start_blocking_portal

from sdi.db.queries import query
from sdi.services.contract import Engines
from sdi.services.downloads.catalogue import PROTOCOL, folder_of, job_for, offers
from sdi.services.downloads.files import Name, last_uses
from sdi.services.downloads.job import Job
from sdi.services.downloads.makers import Makers
from sdi.services.publications import Build, Publications

HABIT_S = 14 * 24 * 3600
"""How long after its last use a file is still made ahead."""

QUIET_S = 300
"""How long after a commit it is waited for the next one, as harvests come one after the other."""

LOOK_S = 30
"""How often it is looked whether there is anything new."""

SLOT = ("ahead",)
"""Its own, so that nobody who waits for a file waits for one that nobody waits for."""

LONGEST_S = 24 * 3600

LOGGER = logging.getLogger(__name__)


class Ahead:
    """What is to be made, and what has been tried."""

    def __init__(self, engines: Engines, publications: Publications, quiet_s: float = QUIET_S) -> None:
        self.engines, self.publications, self.quiet_s = engines, publications, quiet_s
        self.downloads = folder_of(engines)
        self.makers = Makers(self.downloads, SLOT)
        self._tried: set[tuple[str, Name]] = set()
        self._done: tuple[str, int] | None = None
        """The publication and the version for which nothing is left."""

    async def run(self) -> None:
        """Look for ever. What goes wrong is logged and harms nobody."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except Exception:
                LOGGER.exception("files are not made ahead")

    async def look(self) -> None:
        """Make all that is wanted and not there. Raises psycopg errors."""
        while (found := await asyncio.to_thread(self._next)) is not None:
            job, name = found
            await self.makers.turn(job, name, time.monotonic() + LONGEST_S)

    def _next(self) -> tuple[Job, Name] | None:
        """The file that was used last of those that are missing and have not been tried."""
        since = time.time() - HABIT_S
        wanted = [use for use in last_uses(self.downloads) if use[0] > since]
        if not wanted:  # where nobody fetches files, the region need not be in the memory of this process
            return None
        build, version = self.publications.current(), self._version()
        if build is None or version is None or self._done == (build.digest, version):
            return None
        for last_use, tenant, collection, extension in wanted:
            if (found := self._missing(build, tenant, collection, extension)) is not None:
                self._tried.add((tenant, found))
                return job_for(self.engines, build.tenants[tenant], found, last_use), found
        self._done = build.digest, version
        return None

    def _version(self) -> int | None:
        """The newest dataset version; None before the first and while another one may follow at once."""
        with self.engines.pool.connection() as connection:
            row = connection.execute(query("reader", "newest")).fetchone()
        if row is None or row[2] is None or (datetime.now(UTC) - row[2]).total_seconds() < self.quiet_s:
            return None
        return int(row[1])

    def _missing(self, build: Build, tenant: str, collection: str, extension: str) -> Name | None:
        published = build.tenants.get(tenant)
        if published is None or PROTOCOL not in published.tenant.services:
            return None
        for offer in offers(self.engines, published, [collection]).get(collection, ()):
            if offer.name.extension == extension and offer.made is None and (tenant, offer.name) not in self._tried:
                return offer.name
        return None


@contextmanager
def running(ahead: Ahead) -> Iterator[None]:
    """Inside, it looks in a thread of its own."""
    with ahead.engines.pool, start_blocking_portal() as portal:
        looking = portal.start_task_soon(ahead.run)
        try:
            yield
        finally:
            looking.cancel()
