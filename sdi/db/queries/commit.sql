-- name: open_version
-- A version in the making; its lineage is written when everything else has been.
insert into sdi.version (run, source, county, lineage) values (%(run)s, %(source)s, %(county)s, '{}')
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
