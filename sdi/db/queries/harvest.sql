-- name: lock_source
-- Take the session's lock on a source; false where another session holds it.
select pg_try_advisory_lock(1492, hashtext(%(source)s))

-- name: source_holder
-- What the session that holds the lock on a source calls itself.
select a.application_name
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 2
  and l.database = (select oid from pg_database where datname = current_database())
  and l.classid = 1492 and l.objid = hashtext(%(source)s)::bit(32)::bigint::oid

-- name: lock_commits
-- One commit at a time, so that versions and changes are numbered in the order in which they become visible.
select pg_advisory_xact_lock(1493)

-- name: open_run
-- A new run of a source.
insert into sdi.run (source, kind, fingerprint) values (%(source)s, %(kind)s, %(fingerprint)s) returning run

-- name: unfinished_runs
-- Runs of a source that ended without a result but left their stage, the latest first; "recent" bounds going on.
select run, state, fingerprint, started_at > clock_timestamp() - %(recent)s::interval as recent, summary
from sdi.run
where source = %(source)s and (state = 'running' or state in ('failed', 'refused') and summary ? 'stage')
order by run desc

-- name: refused_run
-- A run of a source, and a later one if there is any.
select state, summary, (select max(run) from sdi.run where source = %(source)s and run > %(run)s)
from sdi.run where run = %(run)s and source = %(source)s

-- name: run_source
-- The source and the fingerprint of a run.
select source, fingerprint from sdi.run where run = %(run)s

-- name: resume_run
-- A failed run goes on.
update sdi.run set state = 'running', ended_at = null, message = null, message_pl = null where run = %(run)s

-- name: close_run
-- The end of a run.
update sdi.run set state = %(state)s, ended_at = clock_timestamp(), message = %(message)s, message_pl = %(message_pl)s,
    summary = %(summary)s
where run = %(run)s

-- name: note_progress
-- What a run must know of itself when it goes on later.
update sdi.run set summary = %(summary)s where run = %(run)s

-- name: drop_issues
-- The issues of a run that came to nothing.
delete from sdi.issue where run = %(run)s

-- name: drop_withdrawn_issues
-- What was wrong with objects that a source no longer delivers; without feature types: with all of them and itself.
delete from sdi.issue where source = %(source)s and (%(feature_types)s::text[] is null or feature_type = any(%(feature_types)s))

-- name: drop_source_issues
-- What the checks said of the source itself, before they are made anew.
delete from sdi.issue where run = %(run)s and code like 'source-%%'

-- name: last_good_run
-- The last run of a source that was committed or found everything unchanged.
select run, fingerprint, summary from sdi.run
where source = %(source)s and state in ('committed', 'unchanged') and run <> %(run)s
order by run desc limit 1

-- name: overtaken
-- Whether what a run left is not what is served: its source withdrew since, or another one took over.
select exists (
    select from sdi.version
    where county = %(county)s and run > %(good)s and lineage -> 'feature_types' ?| %(feature_types)s
)

-- name: units
-- The units of a run in order.
select unit, ordinal, stamp, sha256, bytes, origin, finished_at is not null as finished, read, staged, quarantined, left_out
from sdi.unit where run = %(run)s order by ordinal

-- name: add_unit
-- A unit whose bytes are in the archive.
insert into sdi.unit (run, unit, ordinal, stamp, sha256, bytes, origin)
values (%(run)s, %(unit)s, %(ordinal)s, %(stamp)s, %(sha256)s, %(bytes)s, %(origin)s)

-- name: finish_unit
-- A unit whose rows are in the stage.
update sdi.unit set read = %(read)s, staged = %(staged)s, quarantined = %(quarantined)s, left_out = %(left_out)s,
    finished_at = clock_timestamp()
where run = %(run)s and unit = %(unit)s

-- name: stage_tables
-- The stage tables of a run.
select tablename from pg_tables
where schemaname = 'stage' and starts_with(tablename, 'run_' || %(run)s::bigint || '_')
order by tablename

-- name: inherit_units
-- A run that found everything unchanged has the counts of the run before.
update sdi.unit u set read = p.read, staged = p.staged, quarantined = p.quarantined, left_out = p.left_out,
    finished_at = clock_timestamp()
from sdi.unit p where u.run = %(run)s and p.run = %(previous)s and p.unit = u.unit

-- name: inherit_issues
-- What was wrong with the objects still is: the issues pass to the run that found everything unchanged.
update sdi.issue set run = %(run)s where run = %(previous)s

-- name: drop_earlier_issues
-- Issues are kept of the last good run of a source; of earlier ones their numbers stand in the run's summary.
delete from sdi.issue where source = %(source)s and run <> %(run)s

-- name: issue_counts
-- Issues of a run by code.
select code, count(*) from sdi.issue where run = %(run)s group by code order by code

-- name: causes
-- Objects set aside in a run by code.
select code, count(*) from sdi.issue where run = %(run)s and severity = 'quarantined' group by code order by code

-- name: quarantined_counts
-- Objects set aside in a run by feature type ('' where it is not known).
select coalesce(feature_type, ''), count(*) from sdi.issue
where run = %(run)s and severity = 'quarantined' group by 1 order by 1
