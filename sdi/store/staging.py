"""The stage: per run and feature type a table of what was delivered, on its way to the commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from sdi.db.feature_tables import SQL_TYPES, current_table
from sdi.db.queries import query
from sdi.model.region import Source
from sdi.model.register import FeatureType

FIXED = {
    "ordinal": "integer not null",  # of the unit
    "item": "bigint not null",  # rises within the unit
    "position": "text",
    "past": "boolean not null",  # a closed or superseded version: history only
    "outside": "boolean not null",  # outside the county's polygon
    "id": "text not null",
    "namespace": "text",
    "commune": "text",
    "version_id": "text",
    "started_at": "timestamptz",
    "valid_from": "timestamptz",
    "valid_to": "timestamptz",
    "content": "uuid not null",
}
"""Columns of every stage table; geometries and attributes follow."""
KNOWN = {
    "feature_type": "text not null",
    "ordinal": "integer not null",
    "item": "bigint not null",
    "content": "uuid not null",
}
"""Columns of the stage's table of objects that were not read again, as they are in the store already."""

_BINARY_HEADER, _BINARY_TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


def stage_table(run: int, feature_type: FeatureType) -> sql.Identifier:
    """The stage table of one feature type in one run, quoted."""
    return sql.Identifier("stage", f"run_{run}_{feature_type.name}")


def stage_columns(feature_type: FeatureType) -> tuple[str, ...]:
    """The columns of a stage table, in the order in which rows are copied."""
    return (*FIXED, *feature_type.geometry_columns, *feature_type.attributes)


def known_table(run: int) -> sql.Identifier:
    """The stage table of objects that were not read again, quoted."""
    return sql.Identifier("stage", f"run_{run}_")


def create_stage(connection: psycopg.Connection[Any], run: int, feature_types: Iterable[FeatureType]) -> None:
    """Create the empty stage tables of a run; unlogged, as a delivery can always be read again."""
    _create(connection, known_table(run), KNOWN)
    for feature_type in feature_types:
        columns = FIXED | dict.fromkeys(feature_type.geometry_columns, "geometry(Geometry, 2180)") | {
            name: SQL_TYPES[attribute.type] for name, attribute in feature_type.attributes.items()
        }
        _create(connection, stage_table(run, feature_type), columns)


def _create(connection: psycopg.Connection[Any], table: sql.Identifier, columns: dict[str, str]) -> None:
    listed = (sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns.items())
    connection.execute(sql.SQL("create unlogged table {} ({})").format(table, sql.SQL(", ").join(listed)))


def drop_stage(connection: psycopg.Connection[Any], run: int) -> None:
    """Drop the stage tables of a run, whatever feature types it had."""
    for (name,) in connection.execute(query("harvest", "stage_tables"), {"run": run}).fetchall():
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier("stage", name)))


def staged(connection: psycopg.Connection[Any], run: int) -> int:
    """How many rows stand in all stage tables of a run."""
    total = 0
    for (name,) in connection.execute(query("harvest", "stage_tables"), {"run": run}).fetchall():
        row = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier("stage", name))).fetchone()
        total += row[0] if row else 0
    return total


def copy_rows(connection: psycopg.Connection[Any], run: int, feature_type: FeatureType, rows: bytes) -> None:
    """Append rows in COPY's text format, in the columns of `stage_columns`; geometries as hexadecimal EWKB (2180)."""
    statement = sql.SQL("copy {} ({}) from stdin").format(
        stage_table(run, feature_type), sql.SQL(", ").join(map(sql.Identifier, stage_columns(feature_type)))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows)


def copy_known(
    connection: psycopg.Connection[Any], run: int, objects: Iterable[tuple[str, int, NDArray[np.int64], bytes]]
) -> None:
    """Append objects that were not read again: feature type, unit, items, and contents of 16 bytes each."""
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        known_table(run), sql.SQL(", ").join(map(sql.Identifier, KNOWN)))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(b"".join((_BINARY_HEADER, *(_known_rows(*some) for some in objects), _BINARY_TRAILER)))


def _known_rows(feature_type: str, ordinal: int, items: NDArray[np.int64], contents: bytes) -> bytes:
    """Rows of COPY's binary format (PostgreSQL, COPY): how many columns, then each with its size in front."""
    name = feature_type.encode()
    columns = (("name", f"S{len(name)}"), ("ordinal", ">i4"), ("item", ">i8"), ("content", "V16"))
    sized = [(f"{column}{part}", kind) for column, of in columns for part, kind in (("_size", ">i4"), ("", of))]
    rows = np.empty(len(items), np.dtype([("columns", ">i2"), *sized]))
    rows["columns"] = len(columns)
    for column, _ in columns:
        rows[f"{column}_size"] = rows[column].itemsize
    rows["name"], rows["ordinal"], rows["item"] = name, ordinal, items
    rows["content"] = np.frombuffer(contents, "V16")
    return rows.tobytes()


def known_counts(connection: psycopg.Connection[Any], run: int) -> dict[str, int]:
    """How many objects of each feature type were not read again."""
    statement = sql.SQL("select feature_type, count(*) from {} group by 1").format(known_table(run))
    return dict(connection.execute(statement).fetchall())


@contextmanager
def hashed(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Join by hash: what is known has no statistics and no index, and a planner that takes it for small errs dearly."""
    connection.execute("set local enable_nestloop = off")
    yield
    connection.execute("set local enable_nestloop = on")


def contents(connection: psycopg.Connection[Any], feature_type: FeatureType, source: Source) -> bytes:
    """The hashes of the contents of a source's current objects, 16 bytes each."""
    statement = sql.SQL(
        "select string_agg(uuid_send(content), ''::bytea) from {} where county = %(county)s and source = %(source)s"
    ).format(current_table(feature_type))
    with connection.cursor(binary=True) as cursor:
        row = cursor.execute(statement, {"county": source.county, "source": source.id}).fetchone()
    return row[0] if row and row[0] else b""
