-- name: sources
-- Per source that has ever been tried: the version that is served, when it was last found up to date, how the last run
-- ended, and what the workers have planned. A run whose process has died says that it is running, and nobody holds the
-- lock on its source (see lock_source): it was interrupted.
with held as materialized (
    select objid from pg_locks
    where locktype = 'advisory' and granted and objsubid = 2 and classid = 1492
      and database = (select oid from pg_database where datname = current_database())
)
select coalesce(r.source, s.source) as source, v.version, v.committed_at, good.ended_at as checked_at,
       r.run, case when r.state = 'running' and hashtext(r.source)::bit(32)::bigint::oid not in (select objid from held)
                   then 'interrupted' else r.state end as state, r.started_at, r.ended_at, r.message, r.message_pl,
       (select count(*) from sdi.issue i where i.run = good.run) as issues,
       s.schedule, s.next_at, s.failures, s.ended_at as attempted_at, s.problem, s.problem_pl
from (select distinct on (source) * from sdi.run order by source, run desc) r
full join sdi.schedule s on s.source = r.source
left join lateral (
    select version, committed_at from sdi.version v where v.source = r.source order by version desc limit 1
) v on true
left join lateral (
    select run, ended_at from sdi.run g
    where g.source = r.source and g.state in ('committed', 'unchanged') order by run desc limit 1
) good on true
order by 1

-- name: objects
-- Objects served, by source, feature type and county.
select source, feature_type, county, sum(objects)::bigint as objects from sdi.count group by 1, 2, 3 order by 1, 2, 3
