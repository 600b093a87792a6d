"""The database that the services are measured on, and the home of the node that serves it.

Both counties' EGiB of the sample region, written as `sdi demo` writes it and harvested as `sdi harvest` does: so
tables, indexes, counts and records are those of a real node. The county that runs a WFS delivers a file here, as paging
250,000 parcels out of the sample WFS would only measure that.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.demo.chance import Scenario
from sdi.demo.egib import write_egib
from sdi.demo.survey import Survey
from sdi.harvest.progress import Progress
from sdi.harvest.run import harvest
from sdi.model.load import load_region
from sdi.settings import Settings
from tests.conftest import new_database
from tests.features.conftest import copy_home

COUNTIES = ("0404", "0415")

VIEW = """
    drop schema if exists bench cascade;
    create schema bench;
    create view bench.dzialki as select {columns}, geom from egib.dzialki;
"""


def bench_home(folder: Path) -> Path:
    """A copy of the home in which both counties deliver EGiB as files."""
    home = copy_home(folder)
    sources = home / "configs" / "regions" / "demo" / "sources"
    text = (sources / "0415-egib.yaml").read_text(encoding="utf-8")
    (sources / "0404-egib.yaml").write_text(text.replace("0415", "0404"), encoding="utf-8")
    return home


@contextmanager
def bench_database(server: Database, settings: Settings, parcels: int, keep: bool) -> Iterator[Database]:
    """A harvested database of `parcels` parcels; kept for the next run as `sdi_bench_<parcels>`, or dropped at the end.

    `settings` are those of the node, its home made by `bench_home`.
    """
    if not keep:
        with new_database(server) as database:
            _fill(database, settings, parcels)
            yield database
        return
    name = f"sdi_bench_{parcels}"
    database = Database(make_conninfo(server.url, dbname=name))
    if _execute(server, "select 1 from pg_database where datname = %s", name):
        print(f"Using {name}, made by a run before.", flush=True)
    else:
        draft = f"{name}_draft"
        _execute(server, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(draft)))
        _execute(server, sql.SQL("create database {}").format(sql.Identifier(draft)))
        _fill(Database(make_conninfo(server.url, dbname=draft)), settings, parcels)
        _execute(server, sql.SQL("alter database {} rename to {}").format(*map(sql.Identifier, (draft, name))))
    yield database


def _fill(database: Database, settings: Settings, parcels: int) -> None:
    """Write, harvest and analyse; deliveries go as soon as they are in."""
    os.environ["SDI_VAR"] = str(settings.var)  # the sources' parameters name it
    region = load_region(settings.home, "demo").region
    migrate(database, region.registers.values())
    survey = Survey(Scenario(parcels=parcels))
    for county in COUNTIES:
        delivery = settings.var / "demo" / county / "egib.gml"
        print(f"Writing and harvesting the EGiB of county {county} of a region of {parcels:,} parcels …", flush=True)
        write_egib(survey, county, delivery)
        outcome = harvest(region.sources[f"{county}-egib"], region, database, settings, Progress())
        delivery.unlink()
        if outcome.state != "committed":
            raise SystemExit(f"{county}-egib: {outcome.state}: {outcome.message}")
    with database.connect("owner", autocommit=True) as connection:
        connection.execute("vacuum analyze")


def for_peers(database: Database, columns: Iterable[str]) -> None:
    """A view of the parcels with the published columns, so that peers send what we send; no JIT, which slows all."""
    with database.connect("owner", autocommit=True) as connection:
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        connection.execute(sql.SQL(VIEW).format(columns=names))
        connection.execute(sql.SQL("alter database {} set jit = off").format(sql.Identifier(connection.info.dbname)))


def places(database: Database, number: int) -> list[tuple[float, float]]:
    """Centroids of parcels in EPSG:2180 (easting, northing), the same each time, spread over the whole table."""
    with database.connect("owner") as connection:
        rows = connection.execute(
            "select st_x(p), st_y(p) from (select st_centroid(geom) p from egib.dzialki where geom is not null"
            " order by md5(id) limit %s) t", [number]).fetchall()
    return [(float(x), float(y)) for x, y in rows]


def _execute(server: Database, statement: str | sql.Composed, *values: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.conninfo("owner"), autocommit=True) as connection:
        cursor = connection.execute(statement, values or None)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []
