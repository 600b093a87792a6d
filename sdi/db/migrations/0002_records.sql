-- Metadata records: what the catalogues answer from.

-- One ISO 19139 record of a tenant: of a register it publishes, or of a service it runs.
create table sdi.record (
    identifier text primary key,       -- gmd:fileIdentifier, from sdi.model.identity
    tenant text not null,
    kind text not null check (kind in ('dataset', 'service')),
    subject text not null,             -- the register of a dataset, the protocol of a service
    content uuid not null,             -- hash of the record without its date stamp
    inserted_at timestamptz not null,
    modified_at timestamptz not null,  -- moves only when the content does
    title text not null,
    abstract text not null,
    anytext text not null,             -- every word of the record
    queryables jsonb not null,         -- all else that a catalogue can be asked for, by the names of sdi.csw_record
    xml text not null,                 -- without an XML declaration
    geom geometry(Polygon, 4326) not null,
    unique (tenant, kind, subject)
);
create index record_modified on sdi.record (tenant, modified_at);
create index record_geom on sdi.record using gist (geom);

-- The same by the column names of pycsw's core metadata model. Times are ISO 8601 in UTC.
create view sdi.csw_record as
select tenant,
       geom,
       modified_at,
       identifier,
       'gmd:MD_Metadata' as typename,
       'http://www.isotc211.org/2005/gmd' as schema,
       'local' as mdsource,
       to_char(inserted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as insert_date,
       xml,
       anytext,
       'pol' as language,
       title,
       abstract,
       queryables ->> 'keywords' as keywords,
       'theme' as keywordstype,
       queryables ->> 'format' as format,
       queryables ->> 'source' as source,
       to_char(modified_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as date,
       to_char(modified_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as date_modified,
       kind as type,
       st_astext(geom) as wkt_geometry,
       queryables ->> 'crs' as crs,
       queryables ->> 'title_alternate' as title_alternate,
       queryables ->> 'date_revision' as date_revision,
       queryables ->> 'date_creation' as date_creation,
       queryables ->> 'date_publication' as date_publication,
       queryables ->> 'organization' as organization,
       null::text as securityconstraints,
       null::text as parentidentifier,
       queryables ->> 'topicategory' as topicategory,
       queryables ->> 'resourcelanguage' as resourcelanguage,
       queryables ->> 'geodescode' as geodescode,
       queryables ->> 'denominator' as denominator,
       null::text as distancevalue,
       null::text as distanceuom,
       queryables ->> 'time_begin' as time_begin,
       queryables ->> 'time_end' as time_end,
       queryables ->> 'servicetype' as servicetype,
       queryables ->> 'servicetypeversion' as servicetypeversion,
       queryables ->> 'operation' as operation,
       queryables ->> 'couplingtype' as couplingtype,
       queryables ->> 'operateson' as operateson,
       queryables ->> 'operatesonidentifier' as operatesonidentifier,
       queryables ->> 'operatesoname' as operatesoname,
       queryables ->> 'degree' as degree,
       queryables ->> 'accessconstraints' as accessconstraints,
       queryables ->> 'otherconstraints' as otherconstraints,
       null::text as classification,
       queryables ->> 'conditionapplyingtoaccessanduse' as conditionapplyingtoaccessanduse,
       queryables ->> 'lineage' as lineage,
       queryables ->> 'responsiblepartyrole' as responsiblepartyrole,
       queryables ->> 'specificationtitle' as specificationtitle,
       queryables ->> 'specificationdate' as specificationdate,
       queryables ->> 'specificationdatetype' as specificationdatetype,
       queryables ->> 'creator' as creator,
       queryables ->> 'publisher' as publisher,
       null::text as contributor,
       null::text as relation,
       queryables ->> 'links' as links
from sdi.record;

comment on view sdi.csw_record is 'sdi.record by the column names of pycsw''s core metadata model';
