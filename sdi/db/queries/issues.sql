-- name: current
-- What is wrong now: the issues of the last run of each source that read a delivery, the gravest first.
select i.source, i.run, i.severity, i.code, i.feature_type, i.object_id, i.field, i.message, i.message_pl,
       i.position, i.excerpt
from sdi.issue i
join (
    select source, max(run) as run from sdi.run where state in ('committed', 'unchanged', 'refused') group by source
) last using (source, run)
where (%(source)s::text is null or i.source = %(source)s)
  and (%(code)s::text is null or i.code = %(code)s)
order by i.source, array_position(array['quarantined', 'repaired', 'warning'], i.severity), i.code, i.issue
limit %(limit)s

-- name: counts
-- How many of them, by source, severity and code.
select i.source, i.severity, i.code, count(*)
from sdi.issue i
join (
    select source, max(run) as run from sdi.run where state in ('committed', 'unchanged', 'refused') group by source
) last using (source, run)
where (%(source)s::text is null or i.source = %(source)s)
  and (%(code)s::text is null or i.code = %(code)s)
group by i.source, i.severity, i.code
order by i.source, array_position(array['quarantined', 'repaired', 'warning'], i.severity), i.code
