-- Schedules: when each source is harvested next; and the queue of the workers.

-- The tables in it are procrastinate's, made by its own migrations. Services must not see them.
create schema queue;
comment on schema queue is 'harvests that are due or running, and who runs them';

-- What the workers know of a scheduled source. A harvest that is due stands in the queue, too.
create table sdi.schedule (
    source text primary key,
    schedule text not null,    -- the cron line that next_at was reckoned by
    next_at timestamptz not null,
    failures integer not null default 0,   -- failed attempts in a row, since the last one that was due by the cron line
    ended_at timestamptz,      -- of the last attempt
    problem text               -- why the last attempt failed
);
