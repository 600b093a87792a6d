"""The repository that pycsw asks: sdi.csw_record through our pool, confined to one tenant in every query."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout

from sdi.db.queries import query

MAX_RECORDS = 1000
"""Most records in one answer; a client that asks for more gets the rest by `nextRecord`."""

COMMON_QUERYABLES = ("Subject", "Title", "Abstract", "AnyText", "Format", "Identifier", "Modified", "Type",
                     "BoundingBox", "CRS")
"""What each catalogue can be asked for by these names, without a prefix (OGC 07-006r1, table 1)."""


class Repository:
    """What pycsw expects of `repository.source` (pycsw.core.repository.Repository), for reading only.

    Pool and tenant come from the server that is answering: sdi.services.csw.app.Server.
    """

    def __init__(self, context: Any, repo_filter: str | None = None) -> None:
        self.server = context.server
        self.filter = repo_filter
        self.fts = False
        self.dbtype = "postgresql"
        self.queryables: dict[str, dict[str, Any]] = {}
        for typename in context.model["typenames"].values():
            for group, properties in typename["queryables"].items():
                self.queryables.setdefault(group, {}).update(properties)
        everything = {name: entry for group in self.queryables.values() for name, entry in group.items()}
        plain = {name: everything[f"apiso:{name}"] for name in COMMON_QUERYABLES}
        self.queryables["_all"] = everything | plain | context.md_core_model["mappings"]
        self.columns = frozenset(context.md_core_model["mappings"].values())

    def query_ids(self, ids: list[str]) -> list[SimpleNamespace]:
        """Records by identifier."""
        return self._rows(query("records_csw", "by_ids"), {"identifiers": ids})

    def query_domain(
        self, domain: str, typenames: Any, domainquerytype: str = "list", count: bool = False
    ) -> list[tuple[Any, ...]]:
        """Distinct values of a column. Raises KeyError for a name that is not a queryable."""
        if domain not in self.columns:
            raise KeyError(domain)
        statement = sql.SQL(
            "select {column} as value, count(*) as count from sdi.csw_record"
            " where tenant = %(tenant)s and {column} is not null group by {column} order by {column}"
        ).format(column=sql.Identifier(domain))
        return [(row.value, row.count) for row in self._rows(statement, {})]

    def query_insert(self, direction: str = "max") -> str | None:
        """When the catalogue last changed (or, with `min`, began)."""
        rows = self._rows(query("records_csw", "earliest" if direction == "min" else "latest"), {})
        return str(rows[0].to_char) if rows[0].to_char else None

    def query(
        self, constraint: dict[str, Any], sortby: dict[str, Any] | None = None, typenames: Any = None,
        maxrecords: int | str = 10, startposition: int = 0,
    ) -> list[Any]:
        """How many records match (as text), and one page of them, in the order asked for and then by identifier."""
        limit = min(int(maxrecords), MAX_RECORDS)
        self.server.kvp["maxrecords"] = limit  # pycsw reckons nextRecord from it
        condition = sql.SQL(constraint.get("where") or "true")
        order: sql.Composable = sql.SQL("identifier")
        if sortby is not None:
            column = sortby["propertyname"]
            if column not in self.columns:
                raise KeyError(column)
            by = sql.SQL("st_area(geom)") if sortby.get("spatial") else sql.Identifier(column)
            order = sql.SQL("{} {} nulls last, identifier").format(
                by, sql.SQL("desc" if sortby["order"] == "DESC" else "asc"))
        where = sql.SQL("from sdi.csw_record where tenant = %s and ({})").format(condition)
        values = [self.server.tenant_id, *constraint.get("values", ())]
        total = self._rows(sql.SQL("select count(*) as total {}").format(where), values)[0].total
        page = sql.SQL("select * {} order by {} limit %s offset %s").format(where, order)
        return [str(total), self._rows(page, [*values, limit, startposition]) if limit and total else []]

    def _rows(self, statement: bytes | sql.Composed, values: dict[str, Any] | list[Any]) -> list[SimpleNamespace]:
        if isinstance(values, dict):
            values = {"tenant": self.server.tenant_id, **values}
        try:
            with self.server.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
                return [SimpleNamespace(**row) for row in cursor.execute(statement, values)]
        except (psycopg.Error, PoolTimeout) as error:
            self.server.failure = error  # filters are checked before they come here, yet pycsw would blame the client
            raise
