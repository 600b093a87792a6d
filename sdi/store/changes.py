"""The change feed of one tenant: everything it has to begin with, then what changed, from a token to the next.

Changes are numbered under the lock that every commit takes, so they become visible in the order of their numbers and a
reader that has come to a number misses nothing before it. What is sent of an object is its state now, once in a page:
whoever follows the feed to its end has what is served then.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from sdi.db.queries import query
from sdi.errors import SdiError
from sdi.model.text import Text
from sdi.store.crs import Crs
from sdi.store.reader import Reader
from sdi.store.selection import InvalidQuery, Page
from sdi.store.table import Table, text_rows

_STANDING = """
select fid, {feature} from (
    select * from {relation} where {mine} and fid > %(after)s order by fid limit %(limit)s
) t order by fid
"""

# The inner names win: {feature} and {mine} mean columns of the feature table.
_CHANGED = """
with part as (
    select seq, version, id, op from sdi.change
    where feature_type = %(feature_type)s and {mine} and seq > %(since)s and seq <= %(until)s
    order by seq limit %(limit)s
), latest as (
    select distinct on (id) id, seq, version, op from part order by id, seq desc
)
select l.seq, (select count(*) from part), now.feature,
       case when l.op = 'd' then
           json_build_object('id', l.id, 'when', (select committed_at from sdi.version where version = l.version))::text
       end
from latest l
left join lateral (select {feature} as feature from {relation} where id = l.id and {mine}) now on true
order by l.seq
"""

_LATEST = """
select feed, seq, committed_at
from sdi.feed left join (
    select c.seq, v.committed_at
    from unnest(%(names)s::text[]) as asked (name)
    cross join lateral (
        select seq, version from sdi.change where feature_type = asked.name and {mine} order by seq desc limit 1
    ) c join sdi.version v using (version)
    order by c.seq desc limit 1
) last on true
"""

_LAYOUT = struct.Struct(">8s6sqq")


class FeedGone(SdiError):
    """The token is of a feed that is no more: the database was made anew or set back to a backup."""

    def __init__(self) -> None:
        super().__init__(Text(
            pl="baza danych tego węzła powstała na nowo lub została cofnięta; porzuć kopię i zacznij bez since",
            en="the database of this node was made anew or set back; drop your copy and begin again without since"))


@dataclass(frozen=True, slots=True)
class ChangePage:
    """A page of the feed. An object stands in it once: in `features` as it is now, or in `removed`."""

    features: list[bytes]
    """GeoJSON features in UTF-8, in commit order of what changed them."""
    removed: list[bytes]
    """JSON objects with the members id and when (RFC 3339), in commit order."""
    token: str
    """Where the next page begins."""
    complete: bool
    """There was nothing more when the page was read."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader of the feed stands."""

    seq: int
    """It knows all changes up to this one."""
    after: int | None = None
    """While it still fetches what there was to begin with: the last fid that it has; then None."""

    def token(self, feed: UUID, scope: bytes) -> str:
        """As opaque text."""
        packed = _LAYOUT.pack(feed.bytes[:8], scope, self.seq, -1 if self.after is None else self.after)
        return base64.urlsafe_b64encode(packed).decode("ascii")

    @classmethod
    def of(cls, token: str, feed: UUID, scope: bytes) -> Position:
        """The position that a token stands for. Raises InvalidQuery, FeedGone."""
        try:
            its_feed, its_scope, seq, after = _LAYOUT.unpack(base64.b64decode(token, b"-_", validate=True))
        except (ValueError, struct.error):
            its_feed, its_scope, seq, after = b"", b"", 0, -1
        if its_scope != scope:
            raise InvalidQuery(Text(
                pl="since: to nie jest znacznik z odnośnika next tej kolekcji; bez since zmiany są od początku",
                en="since: not a token from a next link of this collection; without since the feed begins anew"))
        if its_feed != feed.bytes[:8]:
            raise FeedGone
        return cls(seq, None if after < 0 else after)


def changes(reader: Reader, feature_type: str, since: str | None, limit: int, crs: Crs) -> ChangePage:
    """A page of at most `limit` changes after the token `since`; without one, from what there is to begin with on.

    Raises UnknownFeatureType; InvalidQuery where the token is of another collection or none; FeedGone; psycopg errors.
    """
    table = reader.table(feature_type)
    scope = blake2b(repr((table.name, reader.tenant.filter)).encode(), digest_size=6).digest()
    with reader.pool.connection() as connection:
        # Read before the page, which may then hold more, but never less, than what this number covers.
        row = connection.execute(query("changes", "feed"), {"feature_type": table.name}).fetchone()
        assert row is not None
        feed, until = row
        position = Position(until, 0) if since is None else Position.of(since, feed, scope)
        if position.seq > until:
            raise FeedGone
        if position.after is not None:
            features, removed, position = _standing(connection, table, position, limit, crs)
        else:
            features, removed, position = _changed(connection, table, position, until, limit, crs)
    return ChangePage(features, removed, position.token(feed, scope), position == Position(until))


def latest(reader: Reader, feature_types: Sequence[str]) -> tuple[UUID, int, datetime | None]:
    """The feed, the number of the tenant's last change in some feature types (0 before any), its time (UTC).

    What is served of them changes with the first two only. Raises UnknownFeatureType, psycopg errors.
    """
    tables = [reader.table(name) for name in feature_types]
    mine, values = (tables[0].mine, tables[0].values) if tables else (sql.SQL("true"), {})
    with reader.pool.connection() as connection:
        row = connection.execute(
            sql.SQL(_LATEST).format(mine=mine), {**values, "names": [table.name for table in tables]}).fetchone()
    assert row is not None
    feed, seq, committed_at = row
    return feed, seq or 0, committed_at and committed_at.astimezone(UTC)


_Part = tuple[list[bytes], list[bytes], Position]


def _standing(
    connection: psycopg.Connection[Any], table: Table, position: Position, limit: int, crs: Crs
) -> _Part:
    """Objects in the order of arrival. What changes meanwhile has a change after the position, so nothing is lost."""
    rows = _rows(connection, _STANDING, table, crs, {"after": position.after, "limit": limit})
    after = rows[-1][0] if len(rows) == limit else None
    return [row[1] for row in rows], [], Position(position.seq, after)


def _changed(
    connection: psycopg.Connection[Any], table: Table, position: Position, until: int, limit: int, crs: Crs
) -> _Part:
    """Changed objects. One that is gone, though its last change here is no removal, is told when its removal comes."""
    rows = _rows(connection, _CHANGED, table, crs, {
        "feature_type": table.name, "since": position.seq, "until": until, "limit": limit})
    full = bool(rows) and rows[0][1] == limit
    return (
        [feature for _, _, feature, _ in rows if feature is not None],
        [removal for _, _, feature, removal in rows if feature is None and removal is not None],
        Position(rows[-1][0] if full else until),
    )


def _rows(
    connection: psycopg.Connection[Any], text: str, table: Table, crs: Crs, values: dict[str, Any]
) -> list[tuple[Any, ...]]:
    statement = sql.SQL(text).format(feature=table.feature(Page(limit=0, crs=crs)), relation=table.relation,
                                     mine=table.mine)
    return text_rows(connection, statement, {**table.values, **values})
