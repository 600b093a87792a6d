-- name: by_ids
-- Records of one tenant by their identifiers.
select * from sdi.csw_record where tenant = %(tenant)s and identifier = any(%(identifiers)s) order by identifier

-- name: latest
-- When the catalogue of a tenant last changed, ISO 8601 in UTC; null for an empty one.
select to_char(max(modified_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
from sdi.record where tenant = %(tenant)s

-- name: earliest
-- When the catalogue of a tenant began, ISO 8601 in UTC; null for an empty one.
select to_char(min(inserted_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
from sdi.record where tenant = %(tenant)s
