"""The tables of a feature type, made from its declaration; a new attribute becomes a new column."""

from __future__ import annotations

from importlib import resources
from typing import Any

import psycopg
from psycopg import sql

from sdi.model.register import AttributeType, FeatureType

SQL_TYPES: dict[AttributeType, str] = {
    "text": "text",
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamptz",
}
"""Column type of each attribute type."""


def current_table(feature_type: FeatureType) -> sql.Identifier:
    """The table of current objects, quoted."""
    return sql.Identifier(*feature_type.table)


def history_table(feature_type: FeatureType) -> sql.Identifier:
    """The table of closed versions, quoted."""
    schema, name = feature_type.table
    return sql.Identifier(schema, f"{name}_history")


def ensure_feature_table(connection: psycopg.Connection[Any], feature_type: FeatureType) -> None:
    """Create the tables of a feature type, or add the columns that its declaration has gained."""
    schema, name = feature_type.table
    template = resources.files("sdi.db").joinpath("schema", "feature_table.sql").read_text(encoding="utf-8")
    names = {"schema": schema, "table": name, "history": f"{name}_history"}
    indexes = {
        key: key.replace("table", name, 1).replace("history", f"{name}_history", 1)
        for key in (
            "table_geom", "table_county", "table_commune", "history_geom", "history_fid", "history_county",
            "history_commune", "history_known_to", "history_id")
    }
    connection.execute(
        sql.SQL(template).format(**{key: sql.Identifier(value) for key, value in (names | indexes).items()})
    )
    wanted = {column: "geometry(Geometry, 2180)" for column in feature_type.geometries} | {
        column: SQL_TYPES[attribute.type] for column, attribute in feature_type.attributes.items()
    }
    for table in (current_table(feature_type), history_table(feature_type)):
        for column, column_type in wanted.items():
            connection.execute(
                sql.SQL("alter table {} add column if not exists {} {}").format(
                    table, sql.Identifier(column), sql.SQL(column_type)
                )
            )
