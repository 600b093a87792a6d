-- name: plan
-- Note when a source is due: at once where it was never harvested, else by its cron line; what is planned stays so
-- unless the line has changed.
insert into sdi.schedule as s (source, schedule, next_at)
values (%(source)s, %(schedule)s,
        case when exists (select from sdi.run where source = %(source)s and state in ('committed', 'unchanged'))
        then %(next_at)s else now() end)
on conflict (source) do update set schedule = excluded.schedule, next_at = %(next_at)s, failures = 0
where s.schedule <> excluded.schedule

-- name: forget
-- Drop all but these sources: the others are not scheduled any more.
delete from sdi.schedule where source <> all(%(sources)s)

-- name: due
-- Sources whose time has come and that are not in the queue, the longest overdue first.
select source from sdi.schedule
where next_at <= now() and not exists (
    select from queue.procrastinate_jobs
    where queueing_lock = 'harvest ' || source and status in ('todo', 'doing')
)
order by next_at, source

-- name: is_due
-- Whether the time of a source has come, and still is.
select exists (select from sdi.schedule where source = %(source)s and next_at <= now())

-- name: failures
-- Failed attempts in a row.
select failures from sdi.schedule where source = %(source)s for update

-- name: settle
-- How an attempt ended, and when the next is due.
update sdi.schedule
set next_at = %(next_at)s, failures = %(failures)s, problem = %(problem)s, problem_pl = %(problem_pl)s,
    ended_at = clock_timestamp()
where source = %(source)s

-- name: postpone
-- A source that is due waits a little longer, without a word of how it is doing.
update sdi.schedule set next_at = clock_timestamp() + %(wait)s where source = %(source)s and next_at <= now()

-- name: workers
-- Workers that have lately given a sign of life.
select count(*) from queue.procrastinate_workers where last_heartbeat > now() - interval '1 minute'
