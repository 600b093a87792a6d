"""Paging by keys: the order of a page, what lies after a place in it, and the token that says such a place.

A page costs the same however deep it lies, and a token names the dataset version that the first page was read at, so
pages that follow are of that version too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

from psycopg import sql

from sdi.db.feature_tables import SQL_TYPES
from sdi.errors import SdiError
from sdi.model.text import Text
from sdi.store.columns import ID, Column, is_worded
from sdi.store.selection import InvalidQuery

_FEED, _SEAL = 8, 12
"""Bytes of a token before its content: the identity of the database's feed, and the seal."""


class CursorGone(SdiError):
    """The version that a token names is no more: the database was made anew or set back to a backup."""

    def __init__(self) -> None:
        super().__init__(Text(
            pl="cursor: wersji danych, z której jest ta strona, już nie ma; zacznij od pierwszej strony, bez cursor",
            en="cursor: the dataset version of this page is no more; begin with the first page, without cursor"))


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows, and what is known of the pages around it."""

    version: int
    """The dataset version that the first page was read at."""
    before: int
    """How many rows lie before the place."""
    matched: int | None
    """How many rows there are in all, where they were counted."""
    back: bool
    """The page before the place is meant, not the one after it."""
    keys: tuple[str | None, ...]
    """The sort keys of the row at the place as PostgreSQL writes them, the last one its fid (unless `id` decided)."""

    def token(self, feed: UUID, scope: str) -> str:
        """As opaque text, good for pages of the same `scope` only."""
        content = json.dumps([self.version, self.before, self.matched, int(self.back), *self.keys],
                             ensure_ascii=False, separators=(",", ":")).encode()
        token = feed.bytes[:_FEED] + _seal(feed, scope, content) + content
        return base64.urlsafe_b64encode(token).rstrip(b"=").decode("ascii")

    @classmethod
    def of(cls, token: str, feed: UUID, scope: str) -> Cursor:
        """The place that a token stands for. Raises InvalidQuery, CursorGone."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except ValueError:
            raw = b""
        its_feed, seal, content = raw[:_FEED], raw[_FEED:_FEED + _SEAL], raw[_FEED + _SEAL:]
        if content and its_feed != feed.bytes[:_FEED]:
            raise CursorGone
        if not content or seal != _seal(feed, scope, content):
            raise InvalidQuery(Text(
                pl="cursor: to nie jest znacznik z odnośnika next lub prev tego samego zapytania; "
                   "inne filtry lub kolejność zaczynają się od pierwszej strony, bez cursor",
                en="cursor: not a token from a next or prev link of the same query; "
                   "other filters or another order begin with the first page, without cursor"))
        version, before, matched, back, *keys = json.loads(content)
        return cls(version, before, matched, bool(back), tuple(keys))


def _seal(feed: UUID, scope: str, content: bytes) -> bytes:
    """Tells a token that was not given out for this query; half of its key is in no token."""
    return blake2b(content, key=feed.bytes + blake2b(scope.encode(), digest_size=32).digest(),
                   digest_size=_SEAL).digest()


@dataclass(frozen=True, slots=True)
class Key:
    """One column that decides the order, as PostgreSQL sorts: no value comes last, or first where descending."""

    column: sql.Composable
    """As `sortable` writes it."""
    type: str
    descending: bool
    nullable: bool

    def sorted(self, back: bool) -> sql.Composed:
        """The term of an ORDER BY, or of its reverse."""
        return sql.SQL("{} {}").format(self.column, sql.SQL("desc" if self.descending != back else "asc"))

    def beyond(self, name: str, value: str | None, back: bool) -> sql.Composable:
        """That a row's key comes after `value`, which is bound as `name`."""
        if self.descending != back:
            return (sql.SQL("{} is not null") if value is None else sql.SQL("{} < {}")).format(
                self.column, self._bound(name))
        if value is None:
            return sql.SQL("false")
        text = "({0} > {1} or {0} is null)" if self.nullable else "{0} > {1}"
        return sql.SQL(text).format(self.column, self._bound(name))

    def same(self, name: str, value: str | None) -> sql.Composable:
        """That a row's key is `value`."""
        return (sql.SQL("{} is null") if value is None else sql.SQL("{} = {}")).format(self.column, self._bound(name))

    def _bound(self, name: str) -> sql.Composed:
        return sql.SQL("{}::{}").format(sql.Placeholder(name), sql.SQL(self.type))


FID = Key(sql.Identifier("fid"), "bigint", descending=False, nullable=False)


def sortable(column: Column) -> sql.Composed:
    """A column as it is sorted: what people wrote as in Polish, whatever the collation of the database.

    Identifiers and codes go by their characters, as the indexes have them. The order is total, as PostgreSQL tells
    texts that are equal for ICU apart by their bytes.
    """
    return sql.SQL('({} collate "pl-x-icu")' if is_worded(column) else "{}").format(sql.Identifier(column.name))


def keys_of(order: Sequence[tuple[Column, bool]]) -> tuple[Key, ...]:
    """The keys of an order; the order of arrival (fid) decides among equals, `id` leaves none."""
    keys = []
    for column, descending in order:
        unique = column.name == ID.name
        keys.append(Key(sortable(column), SQL_TYPES[column.type], descending, nullable=not unique))
        if unique:
            return tuple(keys)
    return (*keys, FID)


def ordered(keys: Sequence[Key], back: bool = False) -> sql.Composed:
    """The ORDER BY of keys, or its reverse."""
    return sql.SQL(", ").join(key.sorted(back) for key in keys)


def beyond(keys: Sequence[Key], cursor: Cursor) -> tuple[sql.Composable, dict[str, Any]]:
    """That a row lies on the page that a cursor asks for, and what that binds.

    Whether the first key lies beyond can be found by an index where it is the only one.
    """
    values = {f"key{number}": value for number, value in enumerate(cursor.keys)}
    condition: sql.Composable = sql.SQL("false")
    for key, (name, value) in reversed([*zip(keys, values.items(), strict=True)]):
        after = key.beyond(name, value, cursor.back)
        last = condition == sql.SQL("false")
        condition = after if last else sql.SQL("({} or {} and {})").format(after, key.same(name, value), condition)
    return condition, values
