"""The node's database: an own server named by SDI_DATABASE_URL, or a private PostgreSQL cluster under `var/`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sdi.db.database import Database
from sdi.errors import DatabaseError
from sdi.settings import Settings


@contextmanager
def node_database(settings: Settings) -> Iterator[Database]:
    """The database of the node's region, running for as long as anyone is inside the `with`."""
    if settings.database_url is not None:
        yield Database(settings.database_url)
        return
    raise DatabaseError("no private cluster yet")
