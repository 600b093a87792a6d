"""The states of one object that are known: the one that stands, those before it, and those delivered as past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import sql
from psycopg.rows import class_row

from sdi.store.reader import Reader
from sdi.store.selection import clean

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
