"""Two connections for one answer: what takes its time is that PostgreSQL writes texts and tiles, on one core for each
connection. The second one sees what the first sees.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

PATIENCE_S = 0.05
"""How long to wait for the second connection: as long as it takes to make one."""

_THREADS = ThreadPoolExecutor(4, thread_name_prefix="beside")


def is_free(pool: ConnectionPool) -> bool:
    """Whether nobody but the caller, who has one of its connections, works with a pool; else two would only hinder."""
    stats = pool.get_stats()
    return pool.max_size > 1 and stats["pool_size"] - stats["pool_available"] <= 1 and not stats["requests_waiting"]


def beside[T](
    pool: ConnectionPool, connection: psycopg.Connection[Any], work: Callable[[psycopg.Connection[Any]], T]
) -> Callable[[], T]:
    """Begin some work on a second connection, which sees what `connection` sees in its transaction; call for its end.

    Where there is no second one, the first does it when it is called for. Raises psycopg errors, then and now.
    """
    row = connection.execute("select pg_export_snapshot()").fetchone()
    assert row is not None
    begun = _THREADS.submit(_done, pool, row[0], work)

    def end() -> T:
        done = begun.result()
        return work(connection) if done is None else done[0]

    return end


def _done[T](pool: ConnectionPool, snapshot: str, work: Callable[[psycopg.Connection[Any]], T]) -> tuple[T] | None:
    """What work on a snapshot gives; None where there is no connection for it."""
    try:
        with pool.connection(PATIENCE_S) as connection, connection.transaction():
            connection.execute(sql.SQL("set transaction snapshot {}").format(snapshot))
            return (work(connection),)
    except PoolTimeout:
        return None
