"""Pages of OGC API items, against stock pygeoapi, tipg, and the bare SQL of the same rows: the floor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg

from sdi.store.crs import CRS84, PL1992, Crs
from sdi.store.reader import Reader
from sdi.store.selection import Page, Selection
from sdi.store.table import text_rows
from tests.bench.rows import Row, compared
from tests.bench.services import Bench
from tests.bench.timing import Absent, Contender, NoAnswer, Web, latencies, throughputs

LIMITS = {10: 60, 1_000: 20, 10_000: 7}
"""Rows of a page, and how many rounds they are asked for."""

AIMS = {10: 6.0, 1_000: 12.0, 10_000: 12.0}
"""How many times faster than pygeoapi."""

TIPG_AIM = 5.0
FLOOR_AIM = 1 / 1.5
FLOOR_FROM = 1_000
"""From this page size on the floor is an aim: below, any HTTP answer costs more than ten rows."""


def item_rows(bench: Bench) -> Iterator[Row]:
    """Latency for each page size and CRS; throughput at 1,000."""
    for crs, label in ((CRS84, "CRS84"), (PL1992, "EPSG:2180")):
        for limit, rounds in LIMITS.items():
            yield from _page(bench, limit, rounds, crs, label)
    pygeoapi, tipg = _pygeoapi(bench, 1_000, CRS84), _tipg(bench, 1_000, CRS84)
    ours, *others = throughputs([_ours(bench, 1_000, CRS84), pygeoapi, tipg])
    for peer, outcome in zip((bench.pygeoapi, bench.tipg), others, strict=True):
        yield compared("Items, limit 1,000, CRS84, 8 clients", ours, outcome, peer.name, peer.version, unit="1/s",
                       better="higher")


def _page(bench: Bench, limit: int, rounds: int, crs: Crs, label: str) -> Iterator[Row]:
    with bench.database.connect("serve", autocommit=True) as connection:
        floor = Floor(connection, bench, limit, crs)
        contenders: list[Contender] = [
            _ours(bench, limit, crs), _pygeoapi(bench, limit, crs), _tipg(bench, limit, crs), floor]
        ours, pygeoapi, tipg, bare = latencies(contenders, rounds)
    name = f"Items, limit {limit:,}, {label}"
    yield compared(name, ours, pygeoapi, bench.pygeoapi.name, bench.pygeoapi.version, aim=AIMS[limit])
    yield compared(name, ours, tipg, bench.tipg.name, bench.tipg.version, aim=TIPG_AIM)
    yield compared(name, ours, bare, "the same SQL, psycopg", psycopg.__version__,
                   aim=FLOOR_AIM if limit >= FLOOR_FROM else None)


class Floor:
    """The statement of our own reader, its text rows fetched and nothing done with them."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]], bench: Bench, limit: int, crs: Crs) -> None:
        table = Reader(None, bench.tenant).table("dzialki")  # type: ignore[arg-type]  # no pool: it runs nothing
        self.connection, self.limit = connection, limit
        self.statement, values = table.rows(Selection(), Page(limit=limit, crs=crs))
        self.values = {**values, "limit": limit}

    def ask(self, number: int) -> float:
        """Milliseconds until all rows are here. Raises NoAnswer where they are fewer than the page has."""
        since = time.perf_counter()
        rows = text_rows(self.connection, self.statement, self.values)
        taken = (time.perf_counter() - since) * 1_000
        if len(rows) != self.limit:
            raise NoAnswer(f"{len(rows)} parcels, expected {self.limit}")
        return taken


def _ours(bench: Bench, limit: int, crs: Crs) -> Web | Absent:
    path = f"/{bench.tenant.id}/ogcapi/collections/dzialki/items?f=json&limit={limit}&crs={crs.uri}"
    return bench.ours.web(lambda _: path, _has(limit))


def _pygeoapi(bench: Bench, limit: int, crs: Crs) -> Web | Absent:
    path = f"/collections/dzialki/items?f=json&limit={limit}&crs={crs.uri}"
    return bench.pygeoapi.web(lambda _: path, _has(limit))


def _tipg(bench: Bench, limit: int, crs: Crs) -> Web | Absent:
    if crs != CRS84:
        return Absent("answers in CRS84 only")
    path = f"/collections/bench.dzialki/items?f=geojson&limit={limit}"
    return bench.tipg.web(lambda _: path, _has(limit))


def _has(limit: int) -> Callable[[bytes], bool]:
    return lambda body: body.count(b'"Feature"') == limit
