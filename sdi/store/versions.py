"""The states of objects that are known: those that stand, those before them, and those delivered as past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import sql
from psycopg.rows import class_row

from sdi.store.history import states
from sdi.store.reader import Reader
from sdi.store.selection import Selection, clean

VERSIONS_MAX = 100
"""The most states that are listed, the newest first."""

_STATES = sql.SQL(
    "select version_id, valid_from, valid_to, known_from, known_to, why from ("
    " select fid, id, county, commune, version_id, valid_from, null::timestamptz as valid_to, known_from,"
    " null::timestamptz as known_to, null::text as why from {current}"
    " union all"
    " select fid, id, county, commune, version_id, valid_from, valid_to, known_from, known_to, why::text from {history}"
    ") s where {mine} and id = %(identifier)s"
    " order by coalesce(valid_from, known_from) desc, known_from desc limit %(limit)s")

_PAST = sql.SQL(
    "select p.id, p.why = 'd' as told, exists (select from {current} where {mine} and id = p.id) as stands,"
    " case when p.why <> 'd' then p.known_from else (select max(s.known_from) from ("
    "  select known_from from {current} where {mine} and id = p.id"
    "  union all select known_from from {history} where {mine} and id = p.id and why <> 'd'"
    " ) s where s.known_from <= %(as_of)s::timestamptz) end as stood_at"
    " from ({past} and {mine} and id = any(%(ids)s)) p")


@dataclass(frozen=True, slots=True)
class Version:
    """One state of an object (sdi.store.history)."""

    version_id: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    known_from: datetime
    known_to: datetime | None
    """None: still what is known."""
    why: Literal["d", "s", "c", "g"] | None
    """Delivered as past, succeeded, corrected, gone; None: it stands."""


def versions_of(reader: Reader, feature_type: str, identifier: str) -> list[Version]:
    """What is known of an object of this tenant, the newest first; nothing where the collection has no history.

    Raises UnknownFeatureType, InvalidQuery, psycopg errors.
    """
    table = reader.table(feature_type)
    if table.history is None:
        return []
    statement = _STATES.format(current=table.relation, history=table.history, mine=table.mine)
    values = {**table.values, "identifier": clean(identifier), "limit": VERSIONS_MAX}
    with reader.pool.connection() as connection, connection.cursor(row_factory=class_row(Version)) as cursor:
        return cursor.execute(statement, values).fetchall()


@dataclass(frozen=True, slots=True)
class Past:
    """A past state that stands in an answer for its object (sdi.store.history)."""

    id: str
    told: bool
    """It was delivered as past: at no time was it the state of the object as known."""
    stands: bool
    """The object has a state that stands now."""
    stood_at: datetime | None
    """When this state came to stand; where it was told, the last that did so by then, if any."""


def past_of(reader: Reader, feature_type: str, identifiers: Sequence[str], selection: Selection) -> dict[str, Past]:
    """Of some objects that `selection` gives, by id those that it gives a past state of: without `valid` none.

    Raises UnknownFeatureType, psycopg errors.
    """
    table = reader.table(feature_type)
    if table.history is None or selection.valid is None or not identifiers:
        return {}
    # BEWARE: of the three statements the last is of past states, and these are all in the history.
    [*_, past], bound = states(
        table.relation, table.history, ("id", "known_from", "why"), selection.as_of, selection.valid)
    statement = _PAST.format(current=table.relation, history=table.history, mine=table.mine, past=past)
    values = {**table.values, **bound, "ids": list(identifiers)}
    with reader.pool.connection() as connection, connection.cursor(row_factory=class_row(Past)) as cursor:
        return {found.id: found for found in cursor.execute(statement, values)}
