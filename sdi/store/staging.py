"""The stage: per run and feature type a table of what was delivered, on its way to the commit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from sdi.db.feature_tables import SQL_TYPES
from sdi.db.queries import query
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


def stage_table(run: int, feature_type: FeatureType) -> sql.Identifier:
    """The stage table of one feature type in one run, quoted."""
    return sql.Identifier("stage", f"run_{run}_{feature_type.name}")


def stage_columns(feature_type: FeatureType) -> tuple[str, ...]:
    """The columns of a stage table, in the order in which rows are copied."""
    return (*FIXED, *feature_type.geometry_columns, *feature_type.attributes)


def create_stage(connection: psycopg.Connection[Any], run: int, feature_types: Iterable[FeatureType]) -> None:
    """Create the empty stage tables of a run; unlogged, as a delivery can always be read again."""
    for feature_type in feature_types:
        columns = FIXED | dict.fromkeys(feature_type.geometry_columns, "geometry(Geometry, 2180)") | {
            name: SQL_TYPES[attribute.type] for name, attribute in feature_type.attributes.items()
        }
        connection.execute(
            sql.SQL("create unlogged table {} ({})").format(
                stage_table(run, feature_type),
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns.items()
                ),
            )
        )


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
