-- Why each version is closed, without which what was current cannot be told from what was delivered as past already.
-- Tables that are there get the column here, new ones in schema/feature_table.sql.

do $$
declare
    part record;
begin
    for part in
        select table_schema, table_name, left(table_name, -length('_history')) as current_name
        from information_schema.columns
        where column_name = 'known_to' and table_name like '%\_history'
    loop
        execute format('alter table %I.%I add column why "char"', part.table_schema, part.table_name);
        execute format($update$
            update %1$I.%2$I h set why = case
                when known_to is null then 'd'
                when valid_to is not null then 's'
                when exists (select from %1$I.%3$I c where c.fid = h.fid) then 'c'
                else 'g'
            end
        $update$, part.table_schema, part.table_name, part.current_name);
        execute format('alter table %I.%I alter column why set not null', part.table_schema, part.table_name);
    end loop;
end
$$;
