"""What two connections read at once is what one reads, whatever else goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import shapely
from psycopg_pool import ConnectionPool

from sdi.db.database import Database
from sdi.model.region import Region
from sdi.store import companion, reader
from sdi.store.reader import Reader
from sdi.store.selection import Page, Selection
from sdi.store.table import text_rows
from tests.reading import read_page
from tests.services.ogcapi.conftest import Table

OBJECTS = 23


@pytest.fixture
def pool(database: Database) -> Iterator[ConnectionPool]:
    with database.pool("serve", 2) as pool:
        yield pool


@pytest.fixture
def mine(pool: ConnectionPool, region: Region, dzialki: Table, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A reader of some parcels that reads every page in halves where it can."""
    monkeypatch.setattr(reader, "WORTH", 2)
    monkeypatch.setattr(companion, "PATIENCE_S", 5.0)
    put(dzialki, *(f"p{number}" for number in range(OBJECTS)))
    return Reader(pool, region.tenants["0415"])


def put(dzialki: Table, *ids: str) -> None:
    dzialki.insert([{"id": name, "commune": "041501", "geom": shapely.box(471_000, 550_000, 471_010, 550_010)}
                    for name in ids])


def walked(reader: Reader, limit: int) -> list[list[bytes]]:
    """All pages, following their tokens."""
    pages, cursor = [], None
    while True:
        features, around = read_page(reader, "dzialki", Selection(), Page(limit=limit, cursor=cursor))
        pages.append(features)
        assert (around.next is not None) is around.more
        if around.next is None:
            return pages
        cursor = around.next


@pytest.mark.parametrize("limit", [1, 2, 7, 22, 23, 24, 1_000])
def test_the_pages_are_the_same(
    mine: Reader, pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    in_two = walked(mine, limit)
    assert pool.get_stats()["pool_size"] == 2
    monkeypatch.setattr(reader, "is_free", lambda pool: False)
    assert in_two == walked(mine, limit)
    assert sum(map(len, in_two)) == len(set().union(*in_two)) == OBJECTS


def test_both_see_the_same(mine: Reader, pool: ConnectionPool, dzialki: Table) -> None:
    """The second one reads after a commit that the first does not know of."""
    statement, values = mine.table("dzialki").rows(Selection(), Page(limit=1_000))

    def late(connection: psycopg.Connection[Any]) -> int:
        put(dzialki, "late")
        return len(text_rows(connection, statement, {**values, "limit": 1_000}))

    with mine.snapshot() as connection:
        seen = companion.beside(pool, connection, late)()
    assert pool.get_stats()["pool_size"] == 2
    assert seen == OBJECTS
    assert sum(map(len, walked(mine, 1_000))) == OBJECTS + 1


def test_without_a_second_connection_the_first_reads_on(
    mine: Reader, pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companion, "PATIENCE_S", 0.05)
    monkeypatch.setattr(reader, "is_free", lambda pool: True)
    with pool.connection():
        assert companion.is_free(pool)
        with pool.connection():
            assert not companion.is_free(pool)
    with pool.connection():  # somebody else's
        assert sum(map(len, walked(mine, 10))) == OBJECTS


def test_an_error_of_the_second_half_is_one_of_the_page(mine: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ConnectionError("cut off")

    monkeypatch.setattr(companion, "_done", broken)
    with pytest.raises(ConnectionError, match="cut off"):
        walked(mine, 10)
