"""Connections to the node's PostGIS, one role per intent.

`owner` migrates, `harvest` writes registers, `serve` reads what is public and nothing else, with a statement timeout.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from sdi.errors import DatabaseError
from sdi.model.text import Text

Role = Literal["owner", "harvest", "serve"]

SERVE_TIMEOUT_MS = 30_000

_OPTIONS = {
    "owner": "-c jit=off",
    "harvest": "-c role=sdi_harvest -c jit=off -c synchronous_commit=on",
    # A generic plan for bbox + order + limit costs seconds instead of milliseconds; parallel workers cost more to
    # start than a page takes. A transaction is one snapshot: what belongs together is of one dataset version.
    "serve": f"-c role=sdi_serve -c jit=off -c timezone=UTC -c plan_cache_mode=force_custom_plan "
             "-c max_parallel_workers_per_gather=0 -c default_transaction_isolation=repeatable\\ read "
             f"-c statement_timeout={SERVE_TIMEOUT_MS} -c default_transaction_read_only=on",
}


@dataclass(frozen=True, slots=True)
class Database:
    """A reachable PostGIS: where it is, and how each half of the node connects to it."""

    url: str
    """libpq URL or conninfo of the owner."""

    def conninfo(self, role: Role) -> str:
        """The conninfo for one role. The role is taken at connect by `options`, so that one URL is enough."""
        given = conninfo_to_dict(self.url).get("options") or ""
        options = f"{given} {_OPTIONS[role]}".strip()
        return make_conninfo(self.url, options=options, application_name=f"sdi-{role}", client_encoding="UTF8")

    def connect(self, role: Role, **arguments: Any) -> psycopg.Connection[Any]:
        """One connection. Raises DatabaseError that says what to look at."""
        try:
            return psycopg.connect(self.conninfo(role), **arguments)
        except psycopg.OperationalError as error:
            raise DatabaseError(f"no connection to the database as {role}: {error}".strip()) from error
        except psycopg.ProgrammingError as error:  # psycopg cannot read the text itself
            raise DatabaseError(
                f"SDI_DATABASE_URL is not a libpq URL, postgresql://user@host/database: {error}".strip()) from error

    @contextmanager
    def connected(self, role: Role, **arguments: Any) -> Iterator[psycopg.Connection[Any]]:
        """A connection for as long as the `with` takes. Raises DatabaseError, also where it is lost meanwhile."""
        try:
            with self.connect(role, **arguments) as connection:
                yield connection
        except psycopg.OperationalError as error:
            reason = " ".join(str(error).split())
            raise DatabaseError(Text(pl=f"baza danych zawiodła ({reason})",
                                     en=f"the database gave up ({reason})")) from error

    def pool(self, role: Role, size: int) -> ConnectionPool:
        """A pool of at most `size` connections, opened by the caller (`with` or `.open()`)."""
        return ConnectionPool(self.conninfo(role), min_size=0, max_size=size, open=False, timeout=10,
                              check=_check, kwargs={"autocommit": True})


def _check(connection: psycopg.Connection[Any]) -> None:
    """Raise psycopg.OperationalError where the server has ended an idle connection, without asking it each time.

    The server sends nothing to who is idle, but for the end (and notices, which the question then reads).
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)
