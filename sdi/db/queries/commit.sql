-- name: open_version
-- A version in the making; its lineage is written when everything else has been. The caller holds the lock of commits.
-- Times follow each other as the numbers do, also where the clock was set back: what was known at a version is found by
-- its time.
insert into sdi.version (run, source, county, lineage, committed_at)
select %(run)s, %(source)s, %(county)s, '{}',
       greatest(clock_timestamp(), (select committed_at from sdi.version order by version desc limit 1)
                                   + interval '1 microsecond')
returning version, committed_at

-- name: finish_version
-- Where the version came from.
update sdi.version set lineage = %(lineage)s where version = %(version)s

-- name: abandon_version
-- A delivery without any difference makes no version.
delete from sdi.version where version = %(version)s

-- name: drop_counts
-- Counts of one feature type, before they are made anew; those of a former owner go too.
delete from sdi.count where feature_type = %(feature_type)s and county = %(county)s

-- name: elsewhere
-- Other counties that a source has delivered objects of.
select distinct county from sdi.count
where feature_type = %(feature_type)s and source = %(source)s and county <> %(county)s

-- name: drop_left
-- Counts of what a source no longer delivers.
delete from sdi.count where feature_type = %(feature_type)s and source = %(source)s and county = any(%(counties)s)
