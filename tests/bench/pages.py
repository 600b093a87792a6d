"""How long a page of OGC API items takes over HTTP, against the same rows by bare SQL: the floor."""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg

from sdi.db.database import Database
from tests.bench.rows import Row
from tests.features.conftest import copy_home, environment, start

PAGES = (10, 1_000)
TIMES = 40
WARM = 5

FLOOR = """
    select id, id_dzialki, numer_dzialki, pole_ewidencyjne, klasouzytki_egib, valid_from,
           ST_AsGeoJSON(ST_Transform(geom, 4326), 7)
    from egib.dzialki order by id limit %s
"""


def page_latency(database: Database, folder: Path) -> list[Row]:
    """Median milliseconds per page of parcels, from a node that serves `database`; its home is made in `folder`."""
    home = copy_home(folder / "home")
    variables = environment(home) | {"SDI_DATABASE_URL": database.url, "SDI_VAR": str(folder / "serving")}
    node = start(home, variables, "serve")
    try:
        with httpx.Client(base_url=node.url, timeout=60) as client, database.connect("serve") as connection:
            version = connection.execute("select split_part(postgis_version(), ' ', 1)").fetchone()
            peer = f"{psycopg.__version__} + PostGIS {version[0] if version else '?'}"
            return [Row(f"OGC API items, limit={limit}", "ms", "lower", _median(partial(_page, client, limit)),
                        _median(partial(_floor, connection, limit)), "psycopg", peer) for limit in PAGES]
    finally:
        node.process.send_signal(signal.SIGINT)
        node.process.wait(60)


def _page(client: httpx.Client, limit: int) -> None:
    answer = client.get("/region/ogcapi/collections/dzialki/items", params={"f": "json", "limit": str(limit)})
    if answer.status_code != 200 or answer.content.count(b'"Feature"') != limit:
        raise SystemExit(f"{answer.request.url}: {answer.status_code} {answer.text[:300]}")


def _floor(connection: psycopg.Connection[Any], limit: int) -> None:
    if len(connection.execute(FLOOR, (limit,)).fetchall()) != limit:
        raise SystemExit(f"fewer than {limit} parcels")


def _median(action: Callable[[], object]) -> float:
    taken = []
    for number in range(WARM + TIMES):
        since = time.perf_counter()
        action()
        if number >= WARM:
            taken.append((time.perf_counter() - since) * 1_000)
    return statistics.median(taken)
