"""The SQL over one feature type for one tenant.

Each row comes out of PostgreSQL as the text of one GeoJSON feature and is never parsed on the way to the client.
The tenant's filter is part of every statement; names of columns come from the declaration only; values are bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import shapely
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from shapely.geometry.base import BaseGeometry

from sdi.model.text import Text
from sdi.store.columns import ID, Column
from sdi.store.crs import STORED_SRID, Crs
from sdi.store.selection import InvalidQuery, Page, Selection, clean, value_of


@dataclass(frozen=True, slots=True)
class Table:
    """The statements over one feature type, or what is read like one, for one tenant."""

    name: str
    relation: sql.Identifier
    columns: dict[str, Column]
    mine: sql.Composed
    """The condition that a row is the tenant's, of the current table and of its changes."""
    values: dict[str, Any]
    """What `mine` binds."""
    time: str = "valid_from"
    """The column that `datetime` looks at."""

    def where(self, selection: Selection) -> tuple[sql.Composed, dict[str, Any]]:
        """Conditions and their values. Raises InvalidQuery."""
        conditions: list[sql.Composable] = [self.mine]
        values: dict[str, Any] = dict(self.values)
        if selection.nothing:
            conditions.append(sql.SQL("false"))
        if selection.ids is not None:
            conditions.append(sql.SQL("id = any(%(ids)s)"))
            values["ids"] = [clean(identifier) for identifier in selection.ids]
        if selection.area is not None:
            values["area"] = wkb(selection.area.outline)
            touches: sql.Composable = sql.SQL("st_intersects(geom, %(area)s::geometry)")
            if selection.area.within is not None:
                # Bounding boxes alone settle what lies inside, at a third of the time.
                values["within"] = wkb(selection.area.within)
                touches = sql.SQL("geom && %(area)s::geometry and (geom @ %(within)s::geometry or {})").format(touches)
            conditions.append(touches)
        if selection.begun_by is not None:
            conditions.append(sql.SQL("{} <= %(begun_by)s").format(sql.Identifier(self.time)))
            values["begun_by"] = selection.begun_by
        for number, (name, text) in enumerate(selection.equal):
            key = f"equal{number}"
            column_ = self._column(name)
            conditions.append(sql.SQL("{} = {}").format(sql.Identifier(column_.name), sql.Placeholder(key)))
            values[key] = value_of(column_, text)
        for condition in selection.conditions:
            conditions.append(condition.sql)
            values |= condition.values
        return sql.SQL(" and ").join(conditions), values

    def features(self, where: sql.Composed, page: Page) -> sql.Composed:
        """Text rows of a page; binds `limit` and `offset`. Raises InvalidQuery."""
        order = sql.SQL(", ").join([
            *(sql.SQL("{} {}").format(sql.Identifier(self._column(name).name), sql.SQL("desc" if down else "asc"))
              for name, down in page.order),
            sql.SQL("fid"),
        ])
        return sql.SQL(
            """select {feature} from (
                select * from {table} where {where} order by {order} limit %(limit)s offset %(offset)s
            ) t order by {order}"""
        ).format(feature=self.feature(page), table=self.relation, where=where, order=order)

    def feature(self, page: Page) -> sql.Composed:
        """The text of one GeoJSON feature, as an expression over a row of the relation. Raises InvalidQuery."""
        shown = self.columns if page.properties is None else {
            name: column for name, column in self.columns.items() if name in self._names(page.properties)
        }
        # Without columns row_to_json would have no record to take.
        properties = sql.SQL("(select row_to_json(p)::text from (select {}) p)").format(
            sql.SQL(", ").join(map(sql.Identifier, shown))
        ) if shown else sql.SQL("'{}'")
        return sql.SQL(
            """'{{"type":"Feature","id":' || to_json(id)::text || ',"geometry":' || {geometry}
                || ',"properties":' || {properties} || '}}'"""
        ).format(geometry=_geojson(page.crs) if page.geometry else sql.SQL("'null'"), properties=properties)

    def count(self, where: sql.Composed) -> sql.Composed:
        """The number of rows, counted no further than `limit`."""
        return sql.SQL("select count(*) from (select 1 from {} where {} limit %(limit)s) t").format(
            self.relation, where)

    def _names(self, names: Sequence[str]) -> set[str]:
        return {self._column(name).name for name in names}

    def _column(self, name: str) -> Column:
        column = ID if name == ID.name else self.columns.get(name)
        if column is None:
            known = ", ".join((ID.name, *self.columns))
            raise InvalidQuery(Text(
                pl=f"nieznana właściwość {name!r} w {self.name}; są: {known}",
                en=f"unknown property {name!r} in {self.name}; there are: {known}"))
        return column


class _Bytes(Loader):
    """Hands text over as the bytes it came in."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def text_rows(
    connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of a statement; columns of text come as the UTF-8 bytes that they are."""
    with connection.cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", _Bytes)
        return cursor.execute(statement, values).fetchall()


def wkb(geometry: BaseGeometry) -> str:
    """A geometry in EPSG:2180 as what PostGIS reads with a cast to geometry."""
    return str(shapely.to_wkb(shapely.set_srid(geometry, STORED_SRID), hex=True, include_srid=True))


def _geojson(crs: Crs) -> sql.Composed:
    geometry = sql.SQL("geom") if crs.srid == STORED_SRID else sql.SQL("st_transform(geom, {})").format(crs.srid)
    if crs.flipped:
        geometry = sql.SQL("st_flipcoordinates({})").format(geometry)
    return sql.SQL("coalesce(st_asgeojson({}, {}, 0), 'null')").format(geometry, crs.digits)
