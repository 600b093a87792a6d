"""The SQL over one feature type for one tenant.

Each row comes out of PostgreSQL as the text of one GeoJSON feature and is never parsed on the way to the client.
The tenant's filter is part of every statement; names of columns come from the declaration only; values are bound.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg
import shapely
from psycopg import sql
from psycopg.types.string import ByteaBinaryLoader
from shapely.geometry.base import BaseGeometry

from sdi.model.text import Text
from sdi.store import texts
from sdi.store.columns import ID, Column
from sdi.store.crs import STORED_SRID
from sdi.store.history import states
from sdi.store.keyset import Cursor, Key, beyond, keys_of, ordered
from sdi.store.selection import InvalidQuery, Page, Selection, clean, value_of

Row = tuple[Any, ...]
"""The text of a feature and its sort keys as text, both as bytes."""

FAR = 2**62
"""More rows than there can be."""

STREAMED = 10_001
"""Rows of the largest page, and the one that tells whether there are more."""


def touches(outline: sql.Composable, within: sql.Composable | None) -> sql.Composed:
    """The condition that an object touches an Area, given what binds its geometries.

    Of what lies well inside, bounding boxes alone settle it, at a third of the time.
    """
    if within is None:
        return sql.SQL("st_intersects(geom, {})").format(outline)
    return sql.SQL("(geom && {area} and (geom @ {within} or st_intersects(geom, {area})))").format(
        area=outline, within=within)


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
    history: sql.Identifier | None = None
    """The table of closed versions, where there is one."""
    time: str = "valid_from"
    """When a state began; without history, the column that `valid` looks at."""

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
            values["area"], within = wkb(selection.area.outline), None
            if selection.area.within is not None:
                values["within"], within = wkb(selection.area.within), sql.SQL("%(within)s::geometry")
            conditions.append(touches(sql.SQL("%(area)s::geometry"), within))
        if self.history is None and selection.valid is not None and selection.valid.end is not None:
            conditions.append(sql.SQL("{} <= %(until)s").format(sql.Identifier(self.time)))
            values["until"] = selection.valid.end
        for number, (name, text) in enumerate(selection.equal):
            key = f"equal{number}"
            column_ = self._column(name)
            conditions.append(sql.SQL("{} = {}").format(sql.Identifier(column_.name), sql.Placeholder(key)))
            values[key] = value_of(column_, text)
        for condition in selection.conditions:
            conditions.append(condition.sql)
            values |= condition.values
        return sql.SQL(" and ").join(conditions), values

    def states(self, selection: Selection) -> tuple[list[sql.Composed], dict[str, Any]]:
        """Statements that together give the states that a selection is of, each up to its last condition.

        Raises InvalidQuery where there is no history.
        """
        now = sql.SQL("select * from {} r where true").format(self.relation)
        if self.history is None:
            if selection.as_of is not None:
                raise InvalidQuery(Text(pl=f"asOf: kolekcja {self.name} nie ma historii",
                                        en=f"asOf: the collection {self.name} has no history"))
            return [now], {}
        if selection.as_of is None and selection.valid is None:
            return [now], {}
        columns = dict.fromkeys(("fid", ID.name, *self.columns, "county", "commune", "geom"))
        return states(self.relation, self.history, columns, selection.as_of, selection.valid)

    def order(self, page: Page) -> tuple[Key, ...]:
        """The keys that a page is sorted by. Raises InvalidQuery."""
        return keys_of([(self._column(name), down) for name, down in page.order])

    def rows(
        self, selection: Selection, page: Page, cursor: Cursor | None = None
    ) -> tuple[sql.Composed, dict[str, Any]]:
        """Rows of a page: the text of the feature, then each sort key as text; binds all but `limit`.

        Raises InvalidQuery.
        """
        parts, bound = self.states(selection)
        where, values = self.where(selection)
        keys = self.order(page)
        inner = ordered(keys, back=cursor is not None and cursor.back)
        place: dict[str, Any] = {"offset": 0 if cursor else min(page.offset, FAR)}
        if cursor is not None:
            beyond_it, values_beyond = beyond(keys, cursor)
            where, place = where + sql.SQL(" and ") + beyond_it, place | values_beyond
        feature, as_keys = self.feature(page, past=len(parts) > 1), sql.SQL(", ").join(
            sql.SQL("{}::text as {}").format(key.column, sql.Identifier(f"key{number}"))  # else order by takes it
            for number, key in enumerate(keys))
        start, limited = sql.SQL(" order by {} limit %(limit)s offset %(offset)s").format(inner), parts[0]
        if len(parts) > 1:
            bounded = sql.SQL("({} and {} order by {} limit %(limit)s::bigint + %(offset)s)")
            limited = sql.SQL("select * from ({}) r where true").format(
                sql.SQL(" union all ").join(bounded.format(part, where, inner) for part in parts))
            where = sql.SQL("true").format()
        return sql.SQL("select {}, {} from ({} and {}{}) t order by {}").format(
            feature, as_keys, limited, where, start, ordered(keys)), {**bound, **values, **place}

    def shown(self, page: Page) -> list[Column]:
        """The columns that a page shows, without `id`. Raises InvalidQuery."""
        if page.properties is None:
            return list(self.columns.values())
        names = self._names(page.properties)
        return [column for name, column in self.columns.items() if name in names]

    def feature(self, page: Page, past: bool = False) -> sql.Composed:
        """The text of one feature, as an expression over a row. Raises InvalidQuery.

        `past`: rows have `valid_to`.
        """
        columns = self.shown(page)
        match page.form:
            case "csv":
                return texts.csv(columns, page.crs, geometry=page.geometry)
            case "jsonfg":
                return texts.jsonfg(
                    columns, page.crs, geometry=page.geometry, began=self.time, ended="valid_to" if past else None,
                    instant=self.history is None)
            case _:
                return texts.geojson(columns, page.crs, geometry=page.geometry)

    def scope(self, selection: Selection, page: Page) -> str:
        """What pages that belong together have in common: all but their place and how features look."""
        parts, bound = self.states(selection)
        where, values = self.where(selection)
        text = sql.SQL(" ").join([*parts, where, ordered(self.order(page))]).as_string()
        return f"{text} {sorted((key, str(value)) for key, value in {**bound, **values}.items())}"

    def count(self, selection: Selection) -> tuple[sql.Composed, dict[str, Any]]:
        """The number of features, counted no further than `limit`, which is not bound yet. Raises InvalidQuery."""
        parts, bound = self.states(selection)
        where, values = self.where(selection)
        rows = sql.SQL(" union all ").join(
            sql.SQL("({} and {} limit %(limit)s)").format(part, where) for part in parts)
        return sql.SQL("select least(count(*), %(limit)s) from ({}) t").format(rows), {**bound, **values}

    def last_known(self, identifier: str) -> tuple[sql.Composed | None, dict[str, Any]]:
        """When the last state of a feature came that stood once; no statement where there is no history."""
        if self.history is None:
            return None, {}
        return sql.SQL(
            "select max(known_from) from {} where {} and id = %(identifier)s and why <> 'd'"
        ).format(self.history, self.mine), {**self.values, "identifier": clean(identifier)}

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


def text_rows(
    connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of a statement; columns of text come as the UTF-8 bytes that they are."""
    with connection.cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", ByteaBinaryLoader)
        return cursor.execute(statement, values).fetchall()


def row_batches(
    connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any], size: int
) -> Generator[list[Row], None, None]:
    """The rows of a statement as `text_rows` gives them, `size` at a time and none without rows, in a transaction: the
    quickest way for each number of them.
    """
    if values["limit"] <= size:
        if found := text_rows(connection, statement, values):
            yield found
    elif values["limit"] <= STREAMED:
        yield from _as_found(connection, statement, values, size)
    else:
        yield from _as_asked(connection, statement, values, size)


def _as_found(
    connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any], size: int
) -> Generator[list[Row], None, None]:
    """Batches as PostgreSQL sends them: it finds the next while these are worked on."""
    with connection.cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", ByteaBinaryLoader)
        rows = cursor.stream(statement, values, size=size)
        while batch := list(islice(rows, size)):
            yield batch


def _as_asked(
    connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any], size: int
) -> Generator[list[Row], None, None]:
    """Batches as they are asked for, however slowly: each with a timeout of its own, and others may run between."""
    with connection.cursor("rows", binary=True) as cursor:
        cursor.adapters.register_loader("text", ByteaBinaryLoader)
        cursor.execute(statement, values)
        while batch := cursor.fetchmany(size):
            yield batch


def wkb(geometry: BaseGeometry) -> str:
    """A geometry in EPSG:2180 as what PostGIS reads with a cast to geometry."""
    return str(shapely.to_wkb(shapely.set_srid(geometry, STORED_SRID), hex=True, include_srid=True))
