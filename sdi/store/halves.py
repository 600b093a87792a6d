"""A page read by two connections at once: what takes its time is that PostgreSQL writes the text of rows, on one core
for each connection. The second one sees what the first sees.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

from sdi.store.table import Row, text_rows

WORTH = 500
"""Rows of a page from which on two are quicker than one."""

PATIENCE_S = 0.05
"""How long to wait for the second connection: as long as it takes to make one."""

_THREADS = ThreadPoolExecutor(4, thread_name_prefix="half")


def is_free(pool: ConnectionPool) -> bool:
    """Whether nobody but the caller, who has one of its connections, works with a pool; else two would only hinder."""
    stats = pool.get_stats()
    return pool.max_size > 1 and stats["pool_size"] - stats["pool_available"] <= 1 and not stats["requests_waiting"]


def in_halves(
    pool: ConnectionPool, connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any]
) -> Generator[list[Row], None, None]:
    """The rows of a statement as `text_rows` gives them of `connection`, which is in a transaction, in two batches.

    `values` have `limit` and `offset`. Raises psycopg errors.
    """
    first = values["limit"] // 2
    rest = {**values, "offset": values["offset"] + first, "limit": values["limit"] - first}
    row = connection.execute("select pg_export_snapshot()").fetchone()
    assert row is not None
    second = _THREADS.submit(_rest, pool, row[0], statement, rest)
    yield text_rows(connection, statement, {**values, "limit": first})
    rows = second.result()
    yield text_rows(connection, statement, rest) if rows is None else rows


def _rest(
    pool: ConnectionPool, snapshot: str, statement: sql.Composed, values: dict[str, Any]
) -> list[Row] | None:
    """Rows as a snapshot has them, None where there is no connection for them."""
    try:
        with pool.connection(PATIENCE_S) as connection, connection.transaction():
            connection.execute(sql.SQL("set transaction snapshot {}").format(snapshot))
            return text_rows(connection, statement, values)
    except PoolTimeout:
        return None
