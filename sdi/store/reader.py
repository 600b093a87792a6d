"""What one tenant may read: pages, counts and single features of its feature types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from sdi.db.feature_tables import current_table
from sdi.db.queries import query
from sdi.model.region import Tenant
from sdi.store.columns import Column, published
from sdi.store.crs import CRS84, Crs
from sdi.store.issues import ISSUE_COLUMNS, ISSUE_TIME, ISSUE_VIEW, ISSUES
from sdi.store.selection import InvalidQuery, Page, Selection, UnknownFeatureType
from sdi.store.statistics import Statistics, tenant_statistics
from sdi.store.table import Table, text_rows

__all__ = [
    "COUNTED_UP_TO", "InvalidQuery", "Page", "Reader", "Rows", "Selection", "Table", "UnknownFeatureType", "text_rows",
]

COUNTED_UP_TO = 20_000
"""Largest number of matches that a filtered page counts exactly; beyond it the number is left out."""

_FAR = 2**62


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of features."""

    features: list[bytes]
    """Each one GeoJSON feature in UTF-8."""
    more: bool
    """There are further features after this page."""
    matched: int | None
    """How many features the selection has; None where they are more than COUNTED_UP_TO."""


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


def _texts(connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any]) -> list[bytes]:
    return [row[0] for row in text_rows(connection, statement, values)]
