-- Objects of a source are looked for in its county, which has an index: one on the source besides costs every insert.

do $$
declare
    index regclass;
begin
    for index in
        select i.indexrelid::regclass
        from pg_index i
        join pg_class c on c.oid = i.indexrelid
        join pg_class t on t.oid = i.indrelid
        where c.relname = t.relname || '_source'
          and exists (select from pg_attribute a where a.attrelid = t.oid and a.attname = 'content')
    loop
        execute format('drop index %s', index);
    end loop;
end
$$;
