-- name: stamp
-- What changes with every commit, and when the database is made anew or set back: nothing served is older than it.
select feed, (select coalesce(max(version), 0) from sdi.version) from sdi.feed
