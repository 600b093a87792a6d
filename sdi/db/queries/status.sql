-- name: sources
-- Per source: the version that is served, when it was last found up to date, and how the last run ended.
select r.source, v.version, v.committed_at, good.ended_at as checked_at,
       r.run, r.state, r.started_at, r.ended_at, r.message,
       (select count(*) from sdi.issue i where i.run = good.run) as issues
from (select distinct on (source) * from sdi.run order by source, run desc) r
left join lateral (
    select version, committed_at from sdi.version v where v.source = r.source order by version desc limit 1
) v on true
left join lateral (
    select run, ended_at from sdi.run g
    where g.source = r.source and g.state in ('committed', 'unchanged') order by run desc limit 1
) good on true
order by r.source

-- name: objects
-- Objects served, by source and feature type.
select source, feature_type, sum(objects)::bigint as objects from sdi.count group by source, feature_type
order by source, feature_type
