"""The one query layer over feature tables: what a tenant may read, filtered, ordered, in the CRS asked for.

Each row comes out of PostgreSQL as the text of one GeoJSON feature and is never parsed on the way to the client.
The tenant's filter is part of every statement; names of columns come from the declaration only; values are bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg
import shapely
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg_pool import ConnectionPool
from shapely.geometry.base import BaseGeometry

from sdi.db.feature_tables import current_table
from sdi.db.queries import query
from sdi.errors import SdiError
from sdi.model.region import Tenant
from sdi.model.text import Text
from sdi.store.columns import ID, Column, published
from sdi.store.crs import CRS84, STORED_SRID, Area, Crs
from sdi.store.issues import ISSUE_COLUMNS, ISSUE_TIME, ISSUE_VIEW, ISSUES
from sdi.store.statistics import Statistics, tenant_statistics

COUNTED_UP_TO = 20_000
"""Largest number of matches that a filtered page counts exactly; beyond it the number is left out."""

_FAR = 2**62


class InvalidQuery(SdiError):
    """A query asks for a property that there is not, or compares one with a value of another type."""

    def __init__(self, text: Text) -> None:
        self.text = text
        super().__init__(text.en)


class UnknownFeatureType(SdiError):
    """The tenant does not publish a feature type of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which features: all conditions hold together; an empty selection means all of the tenant's."""

    equal: tuple[tuple[str, str], ...] = ()
    """Published column and value as text; the value is read by the column's type."""
    ids: tuple[str, ...] | None = None
    area: Area | None = None
    """Features that touch it; those without geometry do not."""
    begun_by: datetime | None = None
    """Features whose current version was valid at this time, that is had begun."""
    nothing: bool = False
    """The conditions cannot hold, such as a box outside of Poland."""

    @property
    def everything(self) -> bool:
        """No condition at all."""
        return self == Selection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a selection, and how it looks."""

    limit: int
    offset: int = 0
    order: tuple[tuple[str, bool], ...] = ()
    """Published columns and whether descending; the order of arrival (fid) decides among equals."""
    properties: tuple[str, ...] | None = None
    """Published columns to show; None shows all."""
    geometry: bool = True
    crs: Crs = CRS84


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of features."""

    features: list[bytes]
    """Each one GeoJSON feature in UTF-8."""
    more: bool
    """There are further features after this page."""
    matched: int | None
    """How many features the selection has; None where they are more than COUNTED_UP_TO."""


class _Bytes(Loader):
    """Hands text over as the bytes it came in."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


@dataclass(frozen=True, slots=True)
class Reader:
    """What one tenant may read. `pool` gives connections of the serving role."""

    pool: ConnectionPool
    tenant: Tenant
    _tables: dict[str, Table] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        column, value = self.tenant.filter or ("", None)
        mine = sql.SQL("{} = %(tenant)s").format(sql.Identifier(column)) if column else sql.SQL("true").format()
        values: dict[str, Any] = {"tenant": value} if column else {}
        for ft in self.tenant.feature_types:
            self._tables[ft.name] = Table(ft.name, current_table(ft), published(ft), mine, values)
        # Nothing of objects that the tenant does not publish.
        about = mine + sql.SQL(" and coalesce(feature_type, '') = any(%(feature_types)s)")
        values = {**values, "feature_types": ["", *self._tables]}
        self._tables[ISSUES] = Table(ISSUES, ISSUE_VIEW, ISSUE_COLUMNS, about, values, ISSUE_TIME)

    @property
    def feature_types(self) -> list[str]:
        """Names of the feature types that the tenant publishes."""
        return [feature_type.name for feature_type in self.tenant.feature_types]

    def columns(self, feature_type: str) -> dict[str, Column]:
        """Published columns by name, without `id`. Raises UnknownFeatureType."""
        return self.table(feature_type).columns

    def statistics(self) -> dict[str, Statistics]:
        """Counts, extents and dates by feature type, as the commits left them."""
        with self.pool.connection() as connection:
            return tenant_statistics(connection, self.tenant)

    def page(self, feature_type: str, selection: Selection, page: Page) -> Rows:
        """One page of features. Raises UnknownFeatureType, InvalidQuery; psycopg errors where the database fails."""
        table = self.table(feature_type)
        where, values = table.where(selection)
        statement = table.features(where, page)
        values |= {"limit": page.limit + 1, "offset": min(page.offset, _FAR)}
        with self.pool.connection() as connection:
            features = _texts(connection, statement, values)
            more = len(features) > page.limit
            features = features[: page.limit]
            if not more and (features or page.offset == 0):
                return Rows(features, more, page.offset + len(features))
            return Rows(features, more, self._count(connection, table, selection, COUNTED_UP_TO))

    def count(self, feature_type: str, selection: Selection) -> int:
        """The exact number of features. Raises as `page`."""
        with self.pool.connection() as connection:
            return self._count(connection, self.table(feature_type), selection, _FAR) or 0

    def feature(self, feature_type: str, identifier: str, crs: Crs = CRS84) -> bytes | None:
        """One feature as GeoJSON, or None where this tenant has no such. Raises UnknownFeatureType."""
        table = self.table(feature_type)
        where, values = table.where(Selection(ids=(identifier,)))
        with self.pool.connection() as connection:
            statement = table.features(where, Page(limit=1, crs=crs))
            found = _texts(connection, statement, {**values, "limit": 1, "offset": 0})
        return found[0] if found else None

    def _count(
        self, connection: psycopg.Connection[Any], table: Table, selection: Selection, at_most: int
    ) -> int | None:
        if selection.everything:
            column, value = self.tenant.filter or ("", None)
            row = connection.execute(
                query("reader", "objects"),
                {"feature_type": table.name, "county": value if column == "county" else None,
                 "commune": value if column == "commune" else None},
            ).fetchone()
            if row is not None and row[0] is not None:
                return int(row[0])
        where, values = table.where(selection)
        row = connection.execute(table.count(where), {**values, "limit": min(at_most, _FAR) + 1}).fetchone()
        count = int(row[0]) if row else 0
        return count if count <= at_most else None

    def table(self, feature_type: str) -> Table:
        """The statements over one feature type. Raises UnknownFeatureType."""
        try:
            return self._tables[feature_type]
        except KeyError:
            raise UnknownFeatureType(f"{self.tenant.id} publishes no feature type {feature_type!r}") from None


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
            values["ids"] = [_clean(identifier) for identifier in selection.ids]
        if selection.area is not None:
            values["area"] = _wkb(selection.area.outline)
            touches: sql.Composable = sql.SQL("st_intersects(geom, %(area)s::geometry)")
            if selection.area.within is not None:
                # Bounding boxes alone settle what lies inside, at a third of the time.
                values["within"] = _wkb(selection.area.within)
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


def value_of(column: Column, text: str) -> Any:
    """A value written as text, read by the type of a column. Raises InvalidQuery naming both."""
    try:
        match column.type:
            case "text":
                return _clean(text)
            case "integer" | "number" if "_" in text:
                raise ValueError("Python's own way of writing numbers")
            case "integer":
                number = int(text)
                if not -(2**63) <= number < 2**63:
                    raise ValueError
                return number
            case "number":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}[text.lower()]
            case "date":
                return date.fromisoformat(text)
            case "datetime":
                moment = datetime.fromisoformat(text)
                if moment.tzinfo is None:
                    raise ValueError
                return moment
    except (ValueError, KeyError):
        pl, en = _EXPECTED[column.type]
        raise InvalidQuery(Text(
            pl=f"{column.name}={text!r}: oczekiwano {pl}", en=f"{column.name}={text!r}: expected {en}")) from None


_EXPECTED = {
    "text": ("tekstu bez znaku zerowego", "text without a null character"),
    "integer": ("liczby całkowitej", "a whole number"),
    "number": ("liczby", "a number"),
    "boolean": ("true albo false", "true or false"),
    "date": ("daty RRRR-MM-DD", "a date YYYY-MM-DD"),
    "datetime": ("chwili z przesunięciem, np. 2021-01-01T00:00:00Z", "a time with offset such as 2021-01-01T00:00:00Z"),
}


def _clean(text: str) -> str:
    """PostgreSQL has no character U+0000 and no lone surrogates; no stored text equals one that has them."""
    if "\0" in text:
        raise InvalidQuery(Text(pl="tekst ze znakiem zerowym (U+0000)", en="text with a null character (U+0000)"))
    return text.encode("utf-8", "replace").decode("utf-8")


def _wkb(geometry: BaseGeometry) -> str:
    return str(shapely.to_wkb(shapely.set_srid(geometry, STORED_SRID), hex=True, include_srid=True))


def _geojson(crs: Crs) -> sql.Composed:
    geometry = sql.SQL("geom") if crs.srid == STORED_SRID else sql.SQL("st_transform(geom, {})").format(crs.srid)
    if crs.flipped:
        geometry = sql.SQL("st_flipcoordinates({})").format(geometry)
    return sql.SQL("coalesce(st_asgeojson({}, {}, 0), 'null')").format(geometry, crs.digits)


def text_rows(
    connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of a statement; columns of text come as the UTF-8 bytes that they are."""
    with connection.cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", _Bytes)
        return cursor.execute(statement, values).fetchall()


def _texts(connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any]) -> list[bytes]:
    return [row[0] for row in text_rows(connection, statement, values)]
