"""Before a commit: of each object delivered, one version is current and the others are its past.

What cannot be decided by the delivery itself is set aside with an issue. Runs inside the commit's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from sdi.db.feature_tables import current_table, history_table
from sdi.errors import SdiError
from sdi.model.region import Source
from sdi.model.register import FeatureType
from sdi.store.staging import known_table, stage_table

# As they were delivered: what the store has of them, without what the commit looks at only where they differ from it.
_KNOWN = """
insert into {stage} (ordinal, item, past, outside, id, namespace, commune, version_id, started_at, valid_from, content)
select k.ordinal, k.item, false, false, c.id, c.namespace, c.commune, c.version_id, c.started_at, c.valid_from,
       c.content
from {known} k join {current} c using (content)
where k.feature_type = %(feature_type)s and c.county = %(county)s and c.source = %(source)s
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
        (run, source, county, commune, severity, code, feature_type, object_id, message, position, excerpt, geom)
    select %(run)s, %(source)s, %(county)s, commune, 'quarantined', 'duplicate-id', %(feature_type)s, id,
           'the same version of the object was delivered again with other content; the later one counts',
           position, left((to_jsonb(gone) - 'geom')::text, 4000), geom
    from gone where not identical order by ordinal, item
    returning 1
)
select (select count(*) from gone where identical), (select count(*) from aside)
"""

_FOREIGN = """
with gone as (
    delete from {stage} s using {current} c
    where c.id = s.id and (c.source, c.county) is distinct from (%(source)s, %(county)s)
    returning s.*, c.source as owner
), aside as (
    insert into sdi.issue
        (run, source, county, commune, severity, code, feature_type, object_id, message, position, excerpt, geom)
    select %(run)s, %(source)s, %(county)s, commune, 'quarantined', 'foreign-id', %(feature_type)s, id,
           format('the identifier already belongs to an object of the source %%s', owner),
           position, left((to_jsonb(gone) - 'geom')::text, 4000), geom
    from gone order by ordinal, item
    returning 1
)
select count(*) from aside
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

_ADOPT = """
update {table} set source = %(source)s where county = %(county)s and source <> %(source)s
"""

_TALLY = """
select count(*) filter (where not s.past), count(*) filter (where s.past),
       count(*) filter (where s.outside and not s.past), count(*) filter (where not s.past and c.id is not null),
       (select count(*) from {current} where county = %(county)s and source = %(source)s)
from {stage} s left join {current} c on c.id = s.id
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
    """Objects of the source that are current in the store."""
    vanished: int
    """Of them, no longer current in the delivery."""
    adopted: int
    """Objects taken over from a former owner of the feature type in this county."""

    @property
    def staged(self) -> int:
        """Rows that were staged."""
        return self.current + self.past + self.duplicates + self.aside


class NotStored(SdiError):
    """Objects that were not read again are not in the store as they were."""


def restage(
    connection: psycopg.Connection[Any], run: int, source: Source, feature_types: Iterable[FeatureType]
) -> None:
    """Stage the objects that were not read again by what the store has of them. Raises NotStored where it has not."""
    connection.execute("set local enable_nestloop = off")  # small tables have no statistics, and the planner errs
    known = sql.SQL("select feature_type, count(*) from {} group by 1").format(known_table(run))
    counts = dict(connection.execute(known).fetchall())
    for feature_type in feature_types:
        if feature_type.name not in counts:
            continue
        statement = sql.SQL(_KNOWN).format(
            known=known_table(run), stage=stage_table(run, feature_type), current=current_table(feature_type))
        values = {"feature_type": feature_type.name, "county": source.county, "source": source.id}
        found = connection.execute(statement, values).rowcount
        if found != counts[feature_type.name]:
            raise NotStored(f"{feature_type.name}: {counts[feature_type.name]} objects were not read again, "
                            f"but {found} of them are in the store")
    connection.execute("set local enable_nestloop = on")
    connection.execute(sql.SQL("truncate {}").format(known_table(run)))


def resolve(connection: psycopg.Connection[Any], run: int, source: Source, feature_type: FeatureType) -> Resolved:
    """Settle duplicates, identifiers of others and versions in the stage of one feature type.

    A feature type of a county has one owner, so rows of another source in this county are of a former owner (renamed,
    or split into several) and change hands.
    """
    names = {
        "stage": stage_table(run, feature_type),
        "current": current_table(feature_type),
        "same_version": sql.SQL(_SAME_VERSION),
    }
    values = {"run": run, "source": source.id, "county": source.county, "feature_type": feature_type.name}

    def execute(text: str, **more: sql.Composable) -> psycopg.Cursor[Any]:
        return connection.execute(sql.SQL(text).format(**names, **more), values)

    connection.execute("set local default_statistics_target = 10")  # how many rows, more than which values, matters
    connection.execute(sql.SQL("analyze {} (id, past, outside)").format(names["stage"]))
    adopted = execute(_ADOPT, table=current_table(feature_type)).rowcount
    execute(_ADOPT, table=history_table(feature_type))
    (foreign,) = execute(_FOREIGN).fetchone() or (0,)
    duplicates = conflicts = 0
    if execute(_REPEATED).rowcount:
        connection.execute("analyze pg_temp.repeated")
        columns = [*map(sql.Identifier, (*feature_type.geometry_columns, *feature_type.attributes))]
        execute(_WHOLE, columns=sql.SQL(", ").join(columns),
                c_columns=sql.SQL(", ").join(sql.SQL("c.") + column for column in columns))
        duplicates, conflicts = execute(_DUPLICATES).fetchone() or (0, 0)
        execute(_SUPERSEDED)
    connection.execute("drop table pg_temp.repeated")
    current, past, outside, known, before = execute(_TALLY).fetchone() or (0, 0, 0, 0, 0)
    return Resolved(current, past, duplicates, conflicts + foreign, outside, before, before - known, adopted)
