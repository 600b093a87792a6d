"""One dataset version is one commit: the difference to the version before, history, changes, counts, lineage.

Everything runs inside one transaction of the caller: all of it becomes visible, or none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from sdi.db.feature_tables import current_table, history_table
from sdi.db.queries import query
from sdi.model.register import FeatureType
from sdi.store.resolve import Resolved
from sdi.store.staging import hashed, known_table, stage_table

_STATE = ("id", "namespace", "commune", "version_id", "started_at", "valid_from", "content")
"""Columns that stage, current and history tables share, before geometries and attributes."""

_ADOPT = "update {current} set source = %(source)s where county = %(county)s and source <> %(source)s"
_ADOPT_PAST = _ADOPT.replace("{current}", "{history}")

# In a table of its own, so that the planner knows how few they are when it comes to their rows.
_PAIR = """
create temporary table pair on commit drop as
select c.fid, c.commune as commune_before, s.ctid as place, s.valid_from as next_from,
       case when coalesce(s.valid_from, %(now)s) > coalesce(c.valid_from, c.known_from)
                 and (s.version_id is null or s.version_id is distinct from c.version_id)
            then 's' else 'c' end::"char" as why
from {current} c join {stage} s on s.id = c.id
where c.county = %(county)s and c.source = %(source)s and not s.past
  and (c.content, c.commune) is distinct from (s.content, s.commune)
"""

# A row that moves to another commune has gone from the commune where it was.
_CHANGED = """
with kept as (
    insert into {history} (fid, county, source, known_from, version, why, valid_to, known_to, {state})
    select c.fid, c.county, c.source, c.known_from, c.version, p.why,
           case when p.why = 's' then p.next_from end, %(now)s, {c_state}
    from pair p join {current} c on c.fid = p.fid
), updated as (
    update {current} c set ({state}) = row({s_state}), known_from = %(now)s, version = %(version)s
    from pair p join {stage} s on s.ctid = p.place
    where c.fid = p.fid
    returning c.fid, c.id, c.commune, p.commune_before
), noted as (
    insert into sdi.change (version, feature_type, fid, id, county, commune, op)
    select %(version)s, %(feature_type)s, fid, id, %(county)s, commune, op
    from (
        select fid, id, commune, 'u'::"char" as op, 2 as nth from updated
        union all
        select fid, id, commune_before, 'd', 1 from updated
        where commune_before is not null and commune_before is distinct from commune
    ) c order by fid, nth
)
select count(*) from updated
"""

_ENDED = """
with gone as (
    delete from {current} c where {which}
    returning c.*
), kept as (
    insert into {history} (fid, county, source, known_from, version, why, valid_to, known_to, {state})
    select fid, county, source, known_from, version, 'g', null, %(now)s, {state} from gone
), noted as (
    insert into sdi.change (version, feature_type, fid, id, county, commune, op)
    select %(version)s, %(feature_type)s, fid, id, county, commune, 'd' from gone order by fid
)
select count(*) from gone
"""

_GONE = _ENDED.replace("{which}", """
c.county = %(county)s and c.source = %(source)s
and not exists (select from {stage} s where s.id = c.id and not s.past)
and not exists (select from {known} k where k.content = c.content and k.feature_type = %(feature_type)s)
""")

_LEFT = _ENDED.replace("{which}", "c.county = any(%(counties)s) and c.source = %(source)s")

_FORGOTTEN = """
update {history} set known_to = %(now)s
where county = any(%(counties)s) and source = %(source)s and known_to is null
"""

# In the order of their places, so that neighbours on the map are neighbours on the disk.
_NEW = """
with added as (
    insert into {current} (county, source, known_from, version, {state})
    select %(county)s, %(source)s, %(now)s, %(version)s, {s_state}
    from {stage} s
    where not s.past and not exists (select from {current} c where c.id = s.id)
    order by s.geom
    returning fid, id, county, commune
), noted as (
    insert into sdi.change (version, feature_type, fid, id, county, commune, op)
    select %(version)s, %(feature_type)s, fid, id, county, commune, 'u' from added order by fid
)
select count(*) from added
"""

_SAME_VERSION = """
h.source = %(source)s and h.known_to is null and h.id = s.id and h.version_id is not distinct from s.version_id
and (s.version_id is not null or h.valid_from is not distinct from s.valid_from)
"""

# What was delivered of the past before, and is now told otherwise.
_CORRECTED = """
with corrected as (
    update {history} h set known_to = %(now)s
    from {stage} s
    where {same_version}
      and not (s.past and (h.content, h.valid_to, h.commune) is not distinct from (s.content, s.valid_to, s.commune))
    returning 1
)
select count(*) from corrected
"""

_PAST = """
with past as (
    select s.ctid as place, s.id from {stage} s
    where s.past and not exists (select from {history} h where {same_version})
), known as (
    select p.id, coalesce(
        (select c.fid from {current} c where c.id = p.id),
        (select max(h.fid) from {history} h where h.id = p.id and h.county = %(county)s),
        nextval(pg_get_serial_sequence(%(table)s, 'fid'))
    ) as fid
    from (select distinct id from past order by id) p
), added as (
    insert into {history} (fid, county, source, known_from, version, why, valid_to, known_to, {state})
    select k.fid, %(county)s, %(source)s, %(now)s, %(version)s, 'd', s.valid_to, null, {s_state}
    from past p join known k using (id) join {stage} s on s.ctid = p.place
    order by s.ordinal, s.item
    returning 1
)
select count(*) from added
"""

_COUNT = """
insert into sdi.count (feature_type, source, county, commune, objects, extent, newest, version)
select %(feature_type)s, %(source)s, %(county)s, commune, objects,
       case when box is not null
            then st_makeenvelope(st_xmin(box), st_ymin(box), st_xmax(box), st_ymax(box), 2180) end,
       newest, %(version)s
from (
    select coalesce(commune, '') as commune, count(*) as objects, st_extent(geom) as box, max(valid_from) as newest
    from {current} where county = %(county)s and source = %(source)s group by 1
) c
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What one feature type's part of a delivery changes."""

    new: int
    changed: int
    gone: int
    past: int
    """Closed versions that history did not have."""
    corrected: int
    """Closed versions that history had otherwise."""

    def __bool__(self) -> bool:
        return any((self.new, self.changed, self.gone, self.past, self.corrected))


class Commit:
    """A dataset version of one source and county in the making, inside the caller's transaction."""

    def __init__(self, connection: psycopg.Connection[Any], run: int, source: str, county: str) -> None:
        self.connection, self.run, self.source, self.county = connection, run, source, county
        self.counties = {county}
        """Where something may have changed."""
        row = self._query("open_version").fetchone()
        assert row is not None
        self.version: int = row[0]
        self.committed_at: datetime = row[1]

    def apply(self, feature_type: FeatureType, resolved: Resolved) -> Difference:
        """Bring one feature type to the state of its stage, which has been resolved; unchanged rows are not touched.

        What a former owner left in the county is the source's from now on. What the source delivered of another county
        is gone: its file named the wrong one.
        """
        if resolved.adopted:
            self._run(_ADOPT, feature_type)
            self._run(_ADOPT_PAST, feature_type)
        left = self._left(feature_type)
        changed = self._changed(feature_type)
        with hashed(self.connection):
            gone = self._execute(_GONE, feature_type) if resolved.vanished else 0
        new = self._execute(_NEW, feature_type)
        corrected = self._execute(_CORRECTED, feature_type)
        past = self._execute(_PAST, feature_type)
        difference = Difference(new, changed, gone + left, past, corrected)
        if difference or resolved.adopted:
            self._query("drop_counts", feature_type=feature_type.name)
            self._run(_COUNT, feature_type)
        return difference

    def withdraw(self, feature_type: FeatureType) -> int:
        """End all objects of one feature type that the source left in the county, closed versions too."""
        return self._end(feature_type, [self.county])

    def finish(self, lineage: dict[str, Any]) -> None:
        """Write down where the version came from."""
        self._query("finish_version", lineage=Jsonb(lineage))

    def abandon(self) -> None:
        """There was no difference: no version."""
        self._query("abandon_version")

    def _changed(self, feature_type: FeatureType) -> int:
        pairs = self._run(_PAIR, feature_type).rowcount
        if pairs:
            self.connection.execute("analyze pg_temp.pair")
            self._run(_CHANGED, feature_type)
        self.connection.execute("drop table pg_temp.pair")
        return pairs

    def _left(self, feature_type: FeatureType) -> int:
        """End what the source delivered of other counties, closed versions too."""
        elsewhere = [row[0] for row in self._query("elsewhere", feature_type=feature_type.name)]
        self.counties.update(elsewhere)
        return self._end(feature_type, elsewhere) if elsewhere else 0

    def _end(self, feature_type: FeatureType, counties: list[str]) -> int:
        self._query("drop_left", feature_type=feature_type.name, counties=counties)
        self._run(_FORGOTTEN, feature_type, counties=counties)
        return self._execute(_LEFT, feature_type, counties=counties)

    def _query(self, name: str, **values: object) -> psycopg.Cursor[Any]:
        known = {"run": self.run, "source": self.source, "county": self.county}
        if name != "open_version":
            known["version"] = self.version
        return self.connection.execute(query("commit", name), {**known, **values})

    def _execute(self, text: str, feature_type: FeatureType, **values: object) -> int:
        row = self._run(text, feature_type, **values).fetchone()
        return int(row[0]) if row else 0

    def _run(self, text: str, feature_type: FeatureType, **values: object) -> psycopg.Cursor[Any]:
        columns = [*map(sql.Identifier, (*_STATE, *feature_type.geometry_columns, *feature_type.attributes))]

        def of(alias: str) -> sql.Composed:
            return sql.SQL(", ").join(sql.SQL(alias) + column for column in columns)

        statement = sql.SQL(text).format(
            current=current_table(feature_type), history=history_table(feature_type),
            stage=stage_table(self.run, feature_type), known=known_table(self.run),
            same_version=sql.SQL(_SAME_VERSION),
            state=of(""), c_state=of("c."), s_state=of("s."),
        )
        return self.connection.execute(statement, {
            "source": self.source, "county": self.county, "feature_type": feature_type.name,
            "version": self.version, "now": self.committed_at,
            "table": current_table(feature_type).as_string(), **values,
        })
