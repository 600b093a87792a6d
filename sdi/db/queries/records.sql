-- name: lock
-- One refresh at a time, until the end of its transaction: two commits that touch the same tenant must see each other.
lock table sdi.record in share row exclusive mode

-- name: publish
-- Note what is published, and under which address.
insert into sdi.publication (region, public_url) values (%(region)s, %(public_url)s)
on conflict (single) do update set region = excluded.region, public_url = excluded.public_url

-- name: publication
-- What was published last.
select region, public_url from sdi.publication

-- name: origins
-- Which sources the objects of some feature types came from, within a county or commune: source, county, objects,
-- first and last commit, and what the last commit was made of.
select c.source, c.county, c.objects::bigint as objects,
       (select min(committed_at) from sdi.version where source = c.source) as first_at,
       v.committed_at as last_at,
       v.lineage
from (
    select source, county, sum(objects) as objects, max(version) as version
    from sdi.count
    where feature_type = any(%(feature_types)s)
      and (%(county)s::text is null or county = %(county)s)
      and (%(commune)s::text is null or commune = %(commune)s)
    group by source, county
    having sum(objects) > 0
) c
join sdi.version v on v.version = c.version
order by c.county, c.source

-- name: upsert
-- Write one record; a record whose content is what it was stays untouched, with its date stamp.
insert into sdi.record as r (identifier, tenant, kind, subject, content, inserted_at, modified_at, title, abstract,
                             anytext, queryables, xml, geom)
values (%(identifier)s, %(tenant)s, %(kind)s, %(subject)s, %(content)s, %(at)s, %(at)s, %(title)s, %(abstract)s,
        %(anytext)s, %(queryables)s, %(xml)s,
        st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326))
on conflict (identifier) do update
set content = excluded.content, modified_at = excluded.modified_at, title = excluded.title,
    abstract = excluded.abstract, anytext = excluded.anytext, queryables = excluded.queryables, xml = excluded.xml,
    geom = excluded.geom
where r.content <> excluded.content

-- name: prune
-- Drop the records of some tenants that are not among those just built, and of all tenants but the known (null: all are).
delete from sdi.record
where (tenant = any(%(tenants)s) and identifier <> all(%(identifiers)s))
   or tenant <> all(%(known)s)

-- name: states
-- Digests of the counts and commits in each county and commune, which change with all that records say of them.
select c.county, c.commune,
       md5(string_agg(concat_ws(' ', c::text, f.first_at), ',' order by c.feature_type, c.source)) as state
from sdi.count c
join (select source, min(committed_at) as first_at from sdi.version group by source) f on f.source = c.source
group by c.county, c.commune
order by c.county, c.commune

-- name: made
-- What the records of each tenant were made from, of tenants that still have as many as were made.
select i.tenant, i.digest
from sdi.record_inputs i
where i.records = (select count(*) from sdi.record r where r.tenant = i.tenant)

-- name: forget
-- Drop what is noted of tenants other than the known (null: all are).
delete from sdi.record_inputs where tenant <> all(%(known)s)

-- name: note
-- Note what the records of a tenant were made from.
insert into sdi.record_inputs (tenant, digest, records) values (%(tenant)s, %(digest)s, %(records)s)
on conflict (tenant) do update set digest = excluded.digest, records = excluded.records
