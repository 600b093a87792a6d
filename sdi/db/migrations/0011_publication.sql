-- What was published last, and under which address: of that the records are made, whoever commits what they are about.
create table sdi.publication (
    single boolean primary key default true check (single),
    region text not null,      -- sdi.model.region.Region as JSON
    public_url text not null
);
