-- name: by_feature_type
-- Objects, extent (EPSG:2180), newest object and last commit per feature type, within a county or commune.
select c.feature_type,
       c.objects::bigint as objects,
       st_xmin(box) as west, st_ymin(box) as south, st_xmax(box) as east, st_ymax(box) as north,
       c.newest, v.committed_at, v.version
from (
    select feature_type, sum(objects) as objects, st_extent(extent) as box, max(newest) as newest, max(version) as version
    from sdi.count
    where (%(county)s::text is null or county = %(county)s)
      and (%(commune)s::text is null or commune = %(commune)s)
    group by feature_type
) c
join sdi.version v on v.version = c.version

-- name: commit_times
-- When the first and the last commit were made, within a county.
select min(committed_at), max(committed_at) from sdi.version where %(county)s::text is null or county = %(county)s

-- name: last_version
-- The newest version of the node, 0 before the first harvest.
select coalesce(max(version), 0) from sdi.version

-- name: health
-- The newest version, when it was committed, and how many sources have ever committed.
select coalesce(max(version), 0), max(committed_at), count(distinct source) from sdi.version
