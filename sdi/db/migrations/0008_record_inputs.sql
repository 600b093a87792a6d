-- What the records of each tenant were made from, so that the same are not made again.
create table sdi.record_inputs (
    tenant text primary key,
    digest uuid not null,     -- of declaration, content, code and commits, see sdi.records.inputs
    records integer not null  -- how many were made; they are made again where there are not so many
);
