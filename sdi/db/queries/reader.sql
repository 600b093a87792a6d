-- name: objects
-- Objects of one feature type within a county or commune, as the commits counted them; null if never harvested.
select sum(objects)::bigint
from sdi.count
where feature_type = %(feature_type)s
  and (%(county)s::text is null or county = %(county)s)
  and (%(commune)s::text is null or commune = %(commune)s)
