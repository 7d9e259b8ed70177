-- The group roles of Daybreak, with the login user as a member. Roles belong to the cluster, and are created if the
-- login user may. Otherwise an administrator can; `daybreak doctor` shows how; until then all steps work as the login user.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['daybreak_loader', 'daybreak_transformer', 'daybreak_reader'] loop
        begin
            if to_regrole(wanted) is null then
                execute format('create role %I nologin', wanted);
            end if;
            -- the creator of a role may grant it, but is no full member yet; a superuser need not be one
            if not (pg_has_role(wanted, 'usage') and pg_has_role(wanted, 'set')) then
                execute format('grant %I to current_user with inherit true, set true', wanted);
            end if;
        exception
            when insufficient_privilege or duplicate_object or unique_violation then null;
        end;
    end loop;
end
$$;

-- Readers may select from marts and nothing else.
do $$
declare
    relation record;
begin
    if to_regrole('daybreak_reader') is not null then
        grant usage on schema marts to daybreak_reader;
        alter default privileges in schema marts grant select on tables to daybreak_reader;
        for relation in
            select oid::regclass as name from pg_class
            where relnamespace = 'marts'::regnamespace and relkind in ('r', 'v') and pg_has_role(relowner, 'usage')
        loop
            execute format('grant select on %s to daybreak_reader', relation.name);
        end loop;
    end if;
end
$$;
