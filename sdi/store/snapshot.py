"""A whole feature type of one tenant as Arrow record batches, out of one snapshot of the database.

The rows come through a cursor of the server, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg_pool import ConnectionPool

from sdi.db.queries import query
from sdi.errors import SdiError
from sdi.model.region import Tenant
from sdi.model.register import AttributeType
from sdi.store.columns import ID, Column
from sdi.store.editions import Edition, current_editions
from sdi.store.reader import Reader
from sdi.store.table import Table

GEOMETRY = "geom"
"""The column of geometries: WKB, EPSG:2180, x = easting."""

BATCH_ROWS = 5_000

TIMEOUT_S = 900
"""Longest time for one step of the server, such as the sorting of all rows."""

ARROW_TYPES: dict[AttributeType, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us", tz="UTC"),
}

_FAMILIES = ({"Point", "MultiPoint"}, {"LineString", "MultiLineString"}, {"Polygon", "MultiPolygon"})


class NothingHarvested(SdiError):
    """The tenant never had an object of the feature type."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What the geometries of a snapshot are, looked at one by one."""

    objects: int
    without_geometry: int
    types: tuple[str, ...]
    """Simple feature names, sorted. Single and multi geometries of one kind count, and are read, as multi."""
    bounds: tuple[float, float, float, float] | None
    """EPSG:2180: min easting, min northing, max easting, max northing, in metres; None without geometries."""
    promoted: bool
    """Single geometries are read as multi geometries of one part."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One feature type of one tenant at one moment."""

    connection: psycopg.Connection[Any]
    table: Table
    edition: Edition
    layer: Layer
    record: tuple[str, str] | None
    """The ISO 19139 record of the register for this tenant, and its lineage in words."""

    @property
    def columns(self) -> list[Column]:
        """As every service shows them, `id` first."""
        return [ID, *self.table.columns.values()]

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """All rows, near ones near each other; `schema` has the columns in order, then GEOMETRY. Raises psycopg errors.

        Equal snapshots give equal rows in equal order.
        """
        geometry = sql.SQL("st_asbinary({})").format(
            sql.SQL("st_multi(geom)" if self.layer.promoted else "geom"))
        # PostGIS orders geometries along a Hilbert curve: readers of a part then touch few blocks.
        statement = sql.SQL("select {columns}, {geometry} from {table} where {mine} order by geom, id").format(
            columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in self.columns), geometry=geometry,
            table=self.table.relation, mine=self.table.mine)
        with self.connection.cursor("snapshot", binary=True) as cursor:
            cursor.execute(statement, self.table.values)
            while rows := cursor.fetchmany(BATCH_ROWS):
                columns = zip(*rows, strict=True)
                yield pa.RecordBatch.from_arrays(
                    [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)],
                    schema=schema)


@contextmanager
def snapshot(conninfo: str, tenant: Tenant, feature_type: str) -> Iterator[Snapshot]:
    """Inside, the database stands still. Raises NothingHarvested, UnknownFeatureType, psycopg errors.

    `conninfo` is that of the serving role.
    """
    declared = tenant.feature_type(feature_type)
    with ConnectionPool(conninfo, min_size=0, max_size=1, open=False) as pool:
        table = Reader(pool, tenant).table(feature_type)
        assert declared is not None
        with pool.connection() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with connection.transaction():
                connection.execute(f"set local statement_timeout = '{TIMEOUT_S}s'".encode())
                edition = current_editions(connection, tenant, [feature_type]).get(feature_type)
                if edition is None:
                    raise NothingHarvested(f"{tenant.id}: no object of {feature_type} was ever harvested")
                record = connection.execute(
                    query("editions", "record"), {"tenant": tenant.id, "register": declared.register_id}).fetchone()
                yield Snapshot(connection, table, edition, _layer(connection, table), record)


def _layer(connection: psycopg.Connection[Any], table: Table) -> Layer:
    rows = connection.execute(sql.SQL(
        """select kind, n, st_xmin(box), st_ymin(box), st_xmax(box), st_ymax(box) from (
            select substr(st_geometrytype(geom), 4) as kind, count(*) as n, st_extent(geom) as box
            from {table} where {mine} group by 1
        ) t"""
    ).format(table=table.relation, mine=table.mine), table.values).fetchall()
    kinds = {row[0] for row in rows if row[0] is not None}
    promoted = len(kinds) == 2 and any(kinds == family for family in _FAMILIES)
    boxes = [row[2:] for row in rows if row[2] is not None]
    west, south, east, north = zip(*boxes, strict=True) if boxes else ((), (), (), ())
    return Layer(
        objects=sum(row[1] for row in rows),
        without_geometry=sum(row[1] for row in rows if row[0] is None),
        types=tuple(sorted(kind for kind in kinds if not promoted or kind.startswith("Multi"))),
        bounds=(min(west), min(south), max(east), max(north)) if boxes else None,
        promoted=promoted,
    )
