-- name: current
-- Of each feature type: the version that last changed it within a county or commune, when that was committed, and
-- the identity of the database. A feature type that was never harvested there has no row.
select asked.name, c.version, v.committed_at, f.feed
from unnest(%(feature_types)s::text[]) as asked (name)
cross join sdi.feed f
cross join lateral (
    select version
    from sdi.change
    where feature_type = asked.name
      and (%(county)s::text is null or county = %(county)s)
      and (%(commune)s::text is null or commune = %(commune)s)
    order by seq desc limit 1
) c
join sdi.version v using (version)

-- name: record
-- The ISO 19139 record of a register as a tenant publishes it, and its lineage in words.
select xml, coalesce(queryables ->> 'lineage', '')
from sdi.record
where tenant = %(tenant)s and kind = 'dataset' and subject = %(register)s
