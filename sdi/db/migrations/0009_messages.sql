-- What is said of objects, runs and attempts, in Polish too; null where it was said before there was such a column.
alter table sdi.issue add column message_pl text;
alter table sdi.run add column message_pl text;
alter table sdi.schedule add column problem_pl text;

create or replace view sdi.current_issue as
select i.issue as fid, i.issue::text as id, i.source, i.severity, i.code, i.feature_type, i.object_id, i.field,
       i.message, i.position, r.ended_at as noted_at, i.county, i.commune, i.geom,
       coalesce(i.message_pl, i.message) as message_pl
from sdi.issue i
join sdi.run r using (run)
where i.run in (
    select max(run) from sdi.run where state in ('committed', 'unchanged', 'refused') group by source
);
