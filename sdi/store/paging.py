"""From a page that is asked for to what is read, and back to the pages around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import psycopg

from sdi.db.queries import query
from sdi.store.keyset import Cursor, CursorGone
from sdi.store.selection import Page, Selection
from sdi.store.table import Table

Keys = tuple[str | None, ...]
"""Sort keys of a row, as PostgreSQL writes them."""


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of a page once its rows are read."""

    more: bool
    """There are further features after this page."""
    matched: int | None
    """How many features the selection has; None where they are more than are counted."""
    next: str | None
    """The token of the page after this one, where there is one."""
    previous: str | None
    """The token of the page before this one, where there is one."""


@dataclass(frozen=True, slots=True)
class Paging:
    """One page, settled within one snapshot of the database."""

    table: Table
    selection: Selection
    """With the time of the version that the first page was read at, where that is no longer the newest."""
    page: Page
    cursor: Cursor | None
    feed: UUID
    version: int
    """The version that all pages are read at."""
    scope: str

    @classmethod
    def of(cls, connection: psycopg.Connection[Any], table: Table, selection: Selection, page: Page) -> Paging:
        """Settle a page. Raises InvalidQuery, CursorGone."""
        row = connection.execute(query("reader", "newest")).fetchone()
        assert row is not None
        feed, version, committed_at = row
        scope = table.scope(selection, page)
        cursor = Cursor.of(page.cursor, feed, scope) if page.cursor is not None else None
        as_of = selection.as_of
        if as_of is not None and committed_at is not None and as_of >= committed_at:
            as_of = None
        if cursor is not None and cursor.version != version and table.history is not None:
            then = connection.execute(query("reader", "committed_at"), {"version": cursor.version}).fetchone()
            if then is None:
                raise CursorGone
            as_of, version = then[0] if as_of is None else min(as_of, then[0]), cursor.version
        return cls(table, replace(selection, as_of=as_of), page, cursor, feed, version, scope)

    @property
    def lookahead(self) -> int:
        """How many rows to read: one more than asked for tells whether there are more. Backwards that is known."""
        if self.cursor is not None and self.cursor.back:
            return min(self.page.limit, self.cursor.before)
        return self.page.limit + 1

    def around(
        self, returned: int, more: bool, first: Keys | None, last: Keys | None, count: Callable[[], int | None]
    ) -> Around:
        """What is around a page of `returned` rows between the keys `first` and `last`; `count` counts matches."""
        cursor = self.cursor
        before = self.page.offset
        if cursor is not None:
            before, more = (cursor.before - returned, True) if cursor.back else (cursor.before, more)
        if not more and (returned or not before):
            matched: int | None = before + returned
        else:
            matched = cursor.matched if cursor is not None else count()
        if first is None or last is None:
            return Around(more, matched, None, None)
        after = Cursor(self.version, before + returned, matched, back=False, keys=last) if more else None
        ahead = Cursor(self.version, before, matched, back=True, keys=first) if before else None
        return Around(more, matched, self._token(after), self._token(ahead))

    def _token(self, place: Cursor | None) -> str | None:
        return None if place is None else place.token(self.feed, self.scope)

