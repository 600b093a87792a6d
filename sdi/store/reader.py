"""What one tenant may read: pages, counts and single features of its feature types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from sdi.db.feature_tables import current_table, history_table
from sdi.db.queries import query
from sdi.model.region import Tenant
from sdi.model.text import Text
from sdi.store.columns import Column, published
from sdi.store.companion import beside, is_free
from sdi.store.issues import ISSUE_COLUMNS, ISSUE_TIME, ISSUE_VIEW, ISSUES
from sdi.store.paging import Around, Keys, Paging
from sdi.store.selection import InvalidQuery, Page, Selection, UnknownFeatureType
from sdi.store.statistics import Statistics, tenant_statistics
from sdi.store.table import FAR, Row, Table, row_batches, text_rows

COUNTED_UP_TO = 20_000
"""Largest number of matches that a filtered page counts exactly; beyond it the number is left out."""

ONE = Page(limit=1)
"""One feature as it looks by default."""

BATCH = 2_000
"""Rows that are held at once while a page is read: so usual pages of 1,000, and the row that tells whether there are
more, come in one go."""

WORTH = 500
"""Rows of a page from which on two connections are quicker than one."""


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
            self._tables[ft.name] = Table(ft.name, current_table(ft), published(ft), mine, values, history_table(ft))
        # Nothing of objects that the tenant does not publish.
        about = mine + sql.SQL(" and coalesce(feature_type, '') = any(%(feature_types)s)")
        values = {**values, "feature_types": ["", *self._tables]}
        self._tables[ISSUES] = Table(ISSUES, ISSUE_VIEW, ISSUE_COLUMNS, about, values, time=ISSUE_TIME)

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

    def read(
        self, feature_type: str, selection: Selection, page: Page, take: Callable[[list[bytes]], object]
    ) -> Around:
        """One page, all of one dataset version, handed to `take` a part at a time as the rows come; what is around it.

        `take` gets features in the form that the page asks for, in UTF-8. Raises UnknownFeatureType, InvalidQuery,
        CursorGone; psycopg errors where the database fails.
        """
        table = self.table(feature_type)
        with self.snapshot() as connection:
            paging = Paging.of(connection, table, selection, page)
            statement, values = table.rows(paging.selection, page, paging.cursor)
            first: Row | None = None
            last: Row | None = None
            returned, more = 0, False
            values["limit"] = paging.lookahead
            for rows in self._batches(connection, paging, statement, values):
                if returned + len(rows) > page.limit:
                    more, rows = True, rows[: page.limit - returned]
                if rows:
                    first, last, returned = first or rows[0], rows[-1], returned + len(rows)
                    take([row[0] for row in rows])
            return paging.around(returned, more, _keys(first), _keys(last), lambda: self.counted(
                connection, table, paging.selection, COUNTED_UP_TO))

    def _batches(
        self, connection: psycopg.Connection[Any], paging: Paging, statement: sql.Composed, values: dict[str, Any]
    ) -> Iterator[list[Row]]:
        """The rows of a page; of a collection as it is, where it is worth while, by a second connection too."""
        forth = paging.cursor is None or not paging.cursor.back
        as_it_is = paging.selection.everything and not paging.page.order and forth  # else both would search and sort
        if as_it_is and values["limit"] >= WORTH and is_free(self.pool):
            return self._in_halves(connection, statement, values)
        return row_batches(connection, statement, values, BATCH)

    def _in_halves(
        self, connection: psycopg.Connection[Any], statement: sql.Composed, values: dict[str, Any]
    ) -> Iterator[list[Row]]:
        first = values["limit"] // 2
        rest = {**values, "offset": values["offset"] + first, "limit": values["limit"] - first}
        others = beside(self.pool, connection, lambda second: text_rows(second, statement, rest))
        yield text_rows(connection, statement, {**values, "limit": first})
        yield others()

    def count(self, feature_type: str, selection: Selection) -> int:
        """The exact number of features. Raises as `read`."""
        with self.snapshot() as connection:
            return self.counted(connection, self.table(feature_type), selection, FAR) or 0

    def feature(
        self, feature_type: str, identifier: str, page: Page = ONE, as_of: datetime | None = None
    ) -> bytes | None:
        """One feature as known at `as_of` (None: now), or None where this tenant has no such; `page`: how it looks.

        Raises UnknownFeatureType, InvalidQuery.
        """
        statement, values = self.table(feature_type).rows(Selection(ids=(identifier,), as_of=as_of), page)
        with self.pool.connection() as connection:
            found = text_rows(connection, statement, {**values, "limit": 1})
        return found[0][0] if found else None

    def counted(
        self, connection: psycopg.Connection[Any], table: Table, selection: Selection, at_most: int
    ) -> int | None:
        """The number of features within a snapshot; None where it is larger than `at_most`. Raises as `read`."""
        if selection.everything:
            column, value = self.tenant.filter or ("", None)
            row = connection.execute(
                query("reader", "objects"),
                {"feature_type": table.name, "county": value if column == "county" else None,
                 "commune": value if column == "commune" else None},
            ).fetchone()
            if row is not None and row[0] is not None:
                return int(row[0])
        statement, values = table.count(selection)
        row = connection.execute(statement, {**values, "limit": min(at_most, FAR) + 1}).fetchone()
        count = int(row[0]) if row else 0
        return count if count <= at_most else None

    def known_at(self, version: int) -> datetime:
        """When a dataset version was committed. Raises InvalidQuery where there is no such."""
        with self.pool.connection() as connection:
            row = connection.execute(query("reader", "committed_at"), {"version": version}).fetchone()
        if row is None:
            raise InvalidQuery(Text(pl=f"nie ma wersji danych {version}", en=f"there is no dataset version {version}"))
        return row[0]  # type: ignore[no-any-return]

    def last_known(self, feature_type: str, identifier: str) -> datetime | None:
        """A time at which a feature that is gone was known last, or None. Raises UnknownFeatureType, InvalidQuery."""
        statement, values = self.table(feature_type).last_known(identifier)
        if statement is None:
            return None
        with self.pool.connection() as connection:
            row = connection.execute(statement, values).fetchone()
        return row[0] if row else None

    @contextmanager
    def snapshot(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection on which all statements see the same commits."""
        with self.pool.connection() as connection, connection.transaction():
            yield connection

    def table(self, feature_type: str) -> Table:
        """The statements over one feature type. Raises UnknownFeatureType."""
        try:
            return self._tables[feature_type]
        except KeyError:
            raise UnknownFeatureType(f"{self.tenant.id} publishes no feature type {feature_type!r}") from None


def _keys(row: Row | None) -> Keys | None:
    return None if row is None else tuple(None if key is None else key.decode() for key in row[1:])
