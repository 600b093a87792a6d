-- What is said of objects, runs and attempts, in Polish beside English; what was said before stays English in both.
alter table sdi.issue add column message_pl text;
update sdi.issue set message_pl = message;
alter table sdi.issue alter column message_pl set not null;

alter table sdi.run add column message_pl text;
update sdi.run set message_pl = message;
alter table sdi.run add check ((message is null) = (message_pl is null));

alter table sdi.schedule add column problem_pl text;
update sdi.schedule set problem_pl = problem;
alter table sdi.schedule add check ((problem is null) = (problem_pl is null));

create or replace view sdi.current_issue as
select i.issue as fid, i.issue::text as id, i.source, i.severity, i.code, i.feature_type, i.object_id, i.field,
       i.message, i.position, r.ended_at as noted_at, i.county, i.commune, i.geom, i.message_pl
from sdi.issue i
join sdi.run r using (run)
where i.run in (
    select max(run) from sdi.run where state in ('committed', 'unchanged', 'refused') group by source
);
