-- The change feed and the issues as partners read them.

-- The identity of the change feed, part of every token. A database made anew has another one by itself; one set back
-- to a backup must be given another one, as tokens then point at changes that have not happened.
create table sdi.feed (
    single boolean primary key default true check (single),
    feed uuid not null default gen_random_uuid()
);
insert into sdi.feed default values;

-- A tenant reads its own part of the feed, however much the rest of the region changes.
create index change_county on sdi.change (feature_type, county, seq);
create index change_commune on sdi.change (feature_type, commune, seq);

-- Where the object of an issue lies; null where it has no place, or none in a known commune.
alter table sdi.issue add column commune text;
create index issue_county on sdi.issue (county, issue);
create index issue_commune on sdi.issue (commune, issue);
create index issue_geom on sdi.issue using gist (geom);

-- What is wrong now, by the column names of a feature table. Without the excerpt: it is not for the public.
create view sdi.current_issue as
select i.issue as fid, i.issue::text as id, i.source, i.severity, i.code, i.feature_type, i.object_id, i.field,
       i.message, i.position, r.ended_at as noted_at, i.county, i.commune, i.geom
from sdi.issue i
join sdi.run r using (run)
where i.run in (
    select max(run) from sdi.run where state in ('committed', 'unchanged', 'refused') group by source
);

comment on view sdi.current_issue is 'issues of the last run of each source that read a delivery, without excerpts';
