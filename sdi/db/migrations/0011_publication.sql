-- What was published last, and under which address: of that the records are made, whoever commits what they are about.
create table sdi.publication (
    single boolean primary key default true check (single),
    region text not null,      -- as sdi.model.region.Region.written gives it
    public_url text not null
);
