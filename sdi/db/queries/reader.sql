-- name: objects
-- Objects of one feature type within a county or commune, as the commits counted them; null if never harvested.
select sum(objects)::bigint
from sdi.count
where feature_type = %(feature_type)s
  and (%(county)s::text is null or county = %(county)s)
  and (%(commune)s::text is null or commune = %(commune)s)

-- name: newest
-- The identity of the database's feed, and the newest dataset version (0 before any) with the time of its commit.
select feed, coalesce(v.version, 0), v.committed_at
from sdi.feed left join (select version, committed_at from sdi.version order by version desc limit 1) v on true

-- name: committed_at
-- When a version was committed; no row where there is no such.
select committed_at from sdi.version where version = %(version)s
