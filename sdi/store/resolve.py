"""Before a commit: of each object delivered, one version is current and the others are its past.

What cannot be decided by the delivery itself is set aside with an issue. Runs inside the commit's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from sdi.db.feature_tables import current_table, history_table
from sdi.errors import SdiError
from sdi.model.region import Source
from sdi.model.register import FeatureType
from sdi.store.staging import hashed, known_table, stage_table

# As they were delivered: what the store has of them, without what the commit looks at only where they differ from it.
_RESTAGE = """
with chosen as (
    delete from {known} k using {current} c
    where k.feature_type = %(feature_type)s and c.content = k.content
      and c.county = %(county)s and {doubtful}
    returning k.ordinal, k.item, c.id, c.namespace, c.commune, c.version_id, c.started_at, c.valid_from, c.content
)
insert into {stage} (ordinal, item, past, outside, id, namespace, commune, version_id, started_at, valid_from, content)
select ordinal, item, false, false, id, namespace, commune, version_id, started_at, valid_from, content from chosen
"""

_READ_AS_WELL = "c.id in (select id from {stage})"
_KNOWN_TWICE = """
k.content in (select content from {known} where feature_type = %(feature_type)s group by 1 having count(*) > 1)
"""
_EVERY = "true"

_BEFORE = "select count(*) from {current} where county = %(county)s"

_FORMER = """
select (select count(*) from {current} where county = %(county)s and source <> %(source)s)
     + (select count(*) from {history} where county = %(county)s and source <> %(source)s)
"""

_STORED = """
select count(*), max(greatest(c.valid_from, c.started_at))
    filter (where greatest(c.valid_from, c.started_at) < now() + interval '1 day')
from {current} c
where c.county = %(county)s
  and exists (select from {known} k where k.content = c.content and k.feature_type = %(feature_type)s)
"""

_SAME_VERSION = "id, version_id, case when version_id is null then valid_from end"
"""What makes two rows the same version of an object; without wersjaId, its start tells versions apart."""

_REPEATED = """
create temporary table repeated on commit drop as
select id from {stage} group by id having count(*) > 1
"""

# An object that was delivered more than once may come to stand in history or among the issues: with all that it has.
_WHOLE = """
update {stage} s set ({columns}) = row({c_columns})
from {current} c join repeated using (id)
where s.id = c.id and s.content = c.content and s.position is null
"""

_DUPLICATES = """
with ranked as (
    select s.ctid as place, s.content,
           row_number() over latest_first as nth, first_value(s.content) over latest_first as kept
    from {stage} s join repeated using (id)
    window latest_first as (partition by {same_version} order by ordinal desc, item desc)
), gone as (
    delete from {stage} s using ranked r where s.ctid = r.place and r.nth > 1
    returning s.*, s.content = r.kept as identical
), aside as (
    insert into sdi.issue
        (run, source, county, commune, severity, code, feature_type, object_id, message, message_pl, position, excerpt,
         geom)
    select %(run)s, %(source)s, %(county)s, commune, 'quarantined', 'duplicate-id', %(feature_type)s, id,
           'the same version of the object was delivered again with other content; the later one counts',
           'tę samą wersję obiektu dostarczono ponownie z inną treścią; liczy się późniejsza',
           position, left((to_jsonb(gone) - 'geom')::text, 4000), geom
    from gone where not identical order by ordinal, item
    returning 1
)
select (select count(*) from gone where identical), (select count(*) from aside)
"""

_FOREIGN = """
with gone as (
    delete from {stage} s using {current} c
    where c.id = s.id and c.county <> %(county)s and c.source <> %(source)s
    returning s.*, c.source as owner
), aside as (
    insert into sdi.issue
        (run, source, county, commune, severity, code, feature_type, object_id, message, message_pl, position, excerpt,
         geom)
    select %(run)s, %(source)s, %(county)s, commune, 'quarantined', 'foreign-id', %(feature_type)s, id,
           format('the identifier already belongs to an object of the source %%s', owner),
           format('identyfikator należy już do obiektu ze źródła %%s', owner),
           position, left((to_jsonb(gone) - 'geom')::text, 4000), geom
    from gone order by ordinal, item
    returning 1
)
select count(*) from aside
"""

# A reader that finds fault with a value has not come to the object's place yet.
_LOCATED = """
update sdi.issue i set commune = coalesce(i.commune, o.commune), geom = coalesce(i.geom, o.geom)
from (
    select s.id, s.commune, s.geom from {stage} s
    union all
    select c.id, c.commune, c.geom from {current} c
    where c.county = %(county)s and not exists (select from {stage} s where s.id = c.id)
      and c.id in (select object_id from sdi.issue where run = %(run)s and feature_type = %(feature_type)s)
) o
where i.run = %(run)s and i.feature_type = %(feature_type)s and i.object_id = o.id and i.commune is null
"""

_SUPERSEDED = """
with ranked as (
    select s.ctid as place, s.valid_from,
           row_number() over (partition by id, past
                              order by valid_from desc nulls last, version_id desc nulls last, ordinal desc, item desc)
               as nth,
           lead(s.valid_from) over (partition by id
                                    order by valid_from nulls first, version_id nulls first, ordinal, item)
               as next_from
    from {stage} s join repeated using (id)
)
update {stage} s set past = true, valid_to = case when r.next_from > r.valid_from then r.next_from end
from ranked r where s.ctid = r.place and not s.past and r.nth > 1
"""

_TALLY = """
select count(*) filter (where not s.past), count(*) filter (where s.past),
       count(*) filter (where s.outside and not s.past), count(*) filter (where not s.past and c.id is not null),
       max(greatest(s.valid_from, s.started_at))
           filter (where not s.past and greatest(s.valid_from, s.started_at) < now() + interval '1 day')
from {stage} s left join {current} c on c.id = s.id and c.county = %(county)s
"""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a feature type's part of the stage amounts to; its rows = current + past + duplicates + aside."""

    current: int
    past: int
    duplicates: int
    """Rows that repeat another one word for word; dropped."""
    aside: int
    """Rows set aside here: duplicate-id, foreign-id."""
    outside: int
    before: int
    """Objects of the county that are current in the store."""
    vanished: int
    """Of them, no longer current in the delivery."""
    adopted: int
    """Objects and closed versions of a former owner of the feature type in this county, to be taken over."""
    newest: datetime | None
    """Latest date that a current object carries, start of a version or of the object; none that is yet to come."""

    @property
    def staged(self) -> int:
        """Rows that were staged."""
        return self.current + self.past + self.duplicates + self.aside


class NotStored(SdiError):
    """Objects that were not read again are not in the store as they were."""


def resolve(
    connection: psycopg.Connection[Any], run: int, source: Source, feature_type: FeatureType, known: int
) -> Resolved:
    """Settle duplicates, identifiers of others and versions in the stage of one feature type.

    `known`: how many of its objects were not read again.

    A feature type of a county has one owner, so rows of another source in this county are of a former owner (renamed,
    or split into several), and the commit will hand them over. Raises NotStored.
    """
    stage = _Stage(connection, run, source, feature_type)
    connection.execute("set local default_statistics_target = 10")  # how many rows, more than which values, matters
    (adopted,) = stage.row(_FORMER)
    with hashed(connection):
        known, newest_known = stage.restage(known, everything=adopted > 0) if known else (0, None)
    stage.execute("analyze {stage} (id, past, outside)")
    stage.execute(_LOCATED)
    (foreign,) = stage.row(_FOREIGN)
    duplicates, conflicts = stage.settle_repeated()
    (before,) = stage.row(_BEFORE)
    current, past, outside, stored, newest = stage.row(_TALLY)
    return Resolved(
        current + known, past, duplicates, conflicts + foreign, outside, before, before - stored - known, adopted,
        max(filter(None, (newest, newest_known)), default=None),
    )


class _Stage:
    """What was delivered of one feature type: rows of its stage table, and objects known by their content."""

    def __init__(
        self, connection: psycopg.Connection[Any], run: int, source: Source, feature_type: FeatureType
    ) -> None:
        self.connection, self.feature_type = connection, feature_type
        self._names: dict[str, sql.Composable] = {
            "stage": stage_table(run, feature_type), "known": known_table(run), "current": current_table(feature_type),
            "history": history_table(feature_type), "same_version": sql.SQL(_SAME_VERSION),
        }
        self._values = {"run": run, "source": source.id, "county": source.county, "feature_type": feature_type.name}

    def execute(self, text: str, **more: sql.Composable) -> psycopg.Cursor[Any]:
        """Run a statement on the tables of the feature type."""
        return self.connection.execute(sql.SQL(text).format(**self._names, **more), self._values)

    def row(self, text: str) -> tuple[Any, ...]:
        """The only row that a statement returns."""
        row = self.execute(text).fetchone()
        assert row is not None
        return tuple(row)

    def restage(self, known: int, everything: bool) -> tuple[int, datetime | None]:
        """Stage known objects of which the delivery may have more to say, or all of them.

        Each of the others is in the store, and was delivered once and unchanged: they need only be counted. Returns how
        many they are and their latest date. Raises NotStored.
        """
        known -= self._restage(_EVERY if everything else _READ_AS_WELL)
        stored, newest = self.row(_STORED)
        if stored != known:
            known -= self._restage(_KNOWN_TWICE)
            stored, newest = self.row(_STORED)
        if stored != known:
            raise NotStored(f"{self.feature_type.name}: {known} objects were not read again, but {stored} of them are "
                            "in the store; harvest again")
        return known, newest

    def _restage(self, doubtful: str) -> int:
        return self.execute(_RESTAGE, doubtful=sql.SQL(doubtful).format(**self._names)).rowcount

    def settle_repeated(self) -> tuple[int, int]:
        """Objects that were delivered more than once: one version is current; returns duplicates and conflicts."""
        duplicates = conflicts = 0
        if self.execute(_REPEATED).rowcount:
            self.connection.execute("analyze pg_temp.repeated")
            columns = [*map(sql.Identifier, (*self.feature_type.geometry_columns, *self.feature_type.attributes))]
            self.execute(_WHOLE, columns=sql.SQL(", ").join(columns),
                         c_columns=sql.SQL(", ").join(sql.SQL("c.") + column for column in columns))
            duplicates, conflicts = self.row(_DUPLICATES)
            self.execute(_SUPERSEDED)
        self.connection.execute("drop table pg_temp.repeated")
        return duplicates, conflicts
