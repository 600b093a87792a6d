-- The node's own tables: runs, versions, counts, changes, issues.

create extension if not exists postgis;

create schema sdi;
create schema stage;

comment on schema sdi is 'runs, versions, counts, changes, issues, metadata records';
comment on schema stage is 'deliveries on their way in; never read by services';

-- One attempt at a source.
create table sdi.run (
    run bigint generated always as identity primary key,
    source text not null,
    kind text not null,
    state text not null default 'running'
        check (state in ('running', 'committed', 'unchanged', 'refused', 'failed')),
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    fingerprint text,          -- hash of the source's declaration and of the reading code's version
    message text,              -- what a clerk reads when it did not end well
    summary jsonb not null default '{}'
);
create index run_source on sdi.run (source, run desc);

-- A resumable piece of a run: a file, a page. It stands here when its bytes are in the archive; it is finished when
-- its rows are in the stage, in the same transaction.
create table sdi.unit (
    run bigint not null references sdi.run on delete cascade,
    unit text not null,
    ordinal integer not null,
    sha256 text not null,      -- of the raw bytes; also their name in the archive
    bytes bigint not null,
    origin text not null,      -- address or path it came from
    stamp text not null default '',        -- state of the piece as the source says before it is fetched
    read integer not null default 0,
    staged integer not null default 0,
    quarantined integer not null default 0,
    left_out integer not null default 0,   -- known classes that are not feature types of the source
    finished_at timestamptz,
    primary key (run, unit)
);

-- What a run committed. Everything published derives from it.
create table sdi.version (
    version bigint generated always as identity primary key,
    run bigint not null references sdi.run,
    source text not null,
    county text not null,
    committed_at timestamptz not null default clock_timestamp(),
    lineage jsonb not null     -- deliveries (origin, sha256, bytes), adapter, rows in / out / quarantined, checks
);
create index version_source on sdi.version (source, version desc);

-- Exact counts and extents, replaced by each commit for what its source owns.
create table sdi.count (
    feature_type text not null,
    source text not null,
    county text not null,
    commune text not null default '',  -- '' = objects without a commune
    objects bigint not null,
    extent geometry(Polygon, 2180),
    newest timestamptz,                -- latest valid_from among the objects
    version bigint not null references sdi.version,
    primary key (feature_type, source, commune)
);
create index count_county on sdi.count (county, feature_type);
create index count_commune on sdi.count (commune, feature_type);

-- The change feed, in commit order; op: u = new or changed, d = gone.
create table sdi.change (
    seq bigint generated always as identity primary key,
    version bigint not null,   -- of sdi.version; no foreign key, whose check per row is half the cost of writing it
    feature_type text not null,
    fid bigint not null,
    id text not null,
    county text not null,
    commune text,
    op "char" not null check (op in ('u', 'd'))
);
create index change_feature_type on sdi.change (feature_type, seq);

-- Something wrong with an object or a source. Current issues are those of the last run of the source.
create table sdi.issue (
    issue bigint generated always as identity primary key,
    run bigint not null references sdi.run on delete cascade,
    source text not null,
    county text not null,
    severity text not null check (severity in ('quarantined', 'repaired', 'warning')),
    code text not null,        -- short and stable: invalid-geometry, unknown-code, missing-id …
    feature_type text,
    object_id text,
    field text,
    message text not null,
    position text,             -- file and line, page and number
    excerpt text,              -- the object as it came, personal data removed; at most 4 kB
    geom geometry(Geometry, 2180)
);
create index issue_run on sdi.issue (run, severity);
create index issue_source on sdi.issue (source);
