"""One snapshot of the database for one answer, as long as somebody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
from psycopg import sql

from sdi.model.text import Text
from sdi.services.ows.exceptions import OwsError
from sdi.services.wfs import rows
from sdi.services.wfs.requests import PAGE_MAX, Query
from sdi.store.reader import BATCH, Reader
from sdi.store.selection import Condition, Selection
from sdi.store.table import FAR, Row, row_batches

_ALL = sql.SQL("true")

_FULL = Text(
    pl=f"Zbyt wiele odpowiedzi o ponad {PAGE_MAX} obiektach naraz; proszę spróbować później, zawęzić zapytanie (BBOX, "
       "FILTER, COUNT) lub pobrać cały plik z /download/",
    en=f"Too many answers of more than {PAGE_MAX} features at once; please try later, narrow the query (BBOX, FILTER, "
       "COUNT), or fetch the whole file from /download/")


class Reading:
    """What an answer reads. It ends with `close`; `cancel`, from another thread, ends it early."""

    def __init__(self, places: threading.Semaphore) -> None:
        self._places = places
        """Of answers that are larger than a page."""
        self._placed = self._cancelled = False
        self._read = 0
        self._ends = ExitStack()
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def begin(self, reader: Reader) -> Reading:
        """Take a connection, for a reader's tenant. Raises psycopg_pool.PoolTimeout."""
        self.reader = reader
        connection = self._ends.enter_context(reader.snapshot())
        with self._lock:
            self._connection = connection
        return self

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None and self._cancelled:
            connection.close()  # the cancellation may still be on its way, and is not for the next one
        with suppress(psycopg.OperationalError):
            self._ends.close()

    def cancel(self) -> None:
        """Have the statement that runs, and any that was to follow, fail with QueryCanceled."""
        with self._lock:
            self._cancelled = True
            if self._connection is not None:
                self._connection.cancel_safe()

    def rows(
        self, query: Query, text: sql.Composable, limit: int | None, start: int, only: sql.Composable = _ALL
    ) -> Iterator[list[Row]]:
        """Rows of a query from the `start`-th on, as `text` has them, BATCH at a time; of these, those for which `only`
        holds. Raises psycopg errors, OwsError.
        """
        where, values = self._conditions(query)
        statement = rows.statement(text, self.reader.table(query.feature_type.name).relation, where, query.order,
                                   query.crs, only)
        found = row_batches(self._open, statement,
                            {**values, "limit": FAR if limit is None else limit, "offset": start}, BATCH)
        self._ends.callback(found.close)
        for batch in found:
            if self._cancelled:
                raise _nobody()
            if self._read > PAGE_MAX:
                self.take_place()
            self._read += len(batch)
            yield batch

    def count(self, query: Query, at_most: int = FAR) -> int | None:
        """How many objects a query has: as the commits counted them, or counted as far as `at_most`."""
        conditions = () if query.where is None else (
            Condition(sql.Composed([query.where]), dict(query.values)),)
        return self.reader.counted(
            self._open, self.reader.table(query.feature_type.name), Selection(conditions=conditions), at_most)

    def take_place(self) -> None:
        """Be one of the large answers, of which there are so many at once. Raises OwsError."""
        if self._placed:
            return
        if not self._places.acquire(blocking=False):
            raise OwsError("OperationProcessingFailed", _FULL, status=503)
        self._placed = True
        self._ends.callback(self._places.release)

    @property
    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._cancelled:
            raise _nobody()
        return self._connection

    def _conditions(self, query: Query) -> tuple[sql.Composed, dict[str, Any]]:
        """The conditions of a query with those of the tenant, and what they bind."""
        where, values = self.reader.table(query.feature_type.name).where(Selection())
        if query.where is not None:
            where = sql.SQL("{} and {}").format(where, query.where)
        return where, {**values, **query.values}


def _nobody() -> psycopg.errors.QueryCanceled:
    return psycopg.errors.QueryCanceled("nobody waits any more")
