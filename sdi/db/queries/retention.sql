-- name: needed
-- Hashes of the deliveries that the last versions of each source were made of, and those that runs may still go on with.
with kept as (
    select run from (
        select run, row_number() over (partition by source order by version desc) as age from sdi.version
    ) v where age <= %(keep)s
    union
    select max(run) from sdi.run where state in ('committed', 'unchanged') group by source
    union
    select run from sdi.run where state = 'running' or summary ? 'stage'
)
select distinct sha256 from sdi.unit join kept using (run)
