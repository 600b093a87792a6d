-- The address under which the region was published last. Records carry it, whoever commits what they are about.
create table sdi.publication (
    single boolean primary key default true check (single),
    public_url text not null
);
