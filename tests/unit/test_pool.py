"""Connections of the serving role: kept without a question each time, replaced where the server has ended them."""

from __future__ import annotations

import pytest
from psycopg_pool import ConnectionPool

from sdi.db.database import Database


def test_a_connection_that_the_server_ended_is_replaced(database: Database) -> None:
    with database.pool("serve", 1) as pool:
        with pool.connection() as connection:
            ended = connection.info.backend_pid
        with database.connect("owner", autocommit=True) as owner:
            owner.execute("select pg_terminate_backend(%s, 5000)", [ended])
        with pool.connection() as connection:
            assert connection.info.backend_pid != ended
            assert connection.execute("select 1").fetchone() == (1,)


def test_a_living_connection_is_not_asked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(connection: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(ConnectionPool, "check_connection", asked)
    with database.pool("serve", 1) as pool:
        pids = set()
        for _ in range(3):
            with pool.connection() as connection:
                pids.add(connection.info.backend_pid)
    assert len(pids) == 1
