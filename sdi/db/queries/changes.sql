-- name: feed
-- The identity of the feed, and the last change of a feature type (0 before the first).
select feed, (select coalesce(max(seq), 0) from sdi.change where feature_type = %(feature_type)s) from sdi.feed
