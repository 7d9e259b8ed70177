-- The rights of the loader and the transformer. Runs if the login user is a member of all group roles. Idempotent.
-- docs/explanation/roles.md has them as a table, which a test compares with the database.
revoke all on
raw.orders, raw.reviews, staging.review_sentiment,
ops.dataset_settings, ops.loads, ops.fencing_tokens, ops.day_ledger, ops.gate_results,
ops.publications, ops.publication_days, ops.build_results, ops.customer_changes, ops.forgotten_customers,
ops.field_profiles
from daybreak_loader, daybreak_transformer;

-- The loader runs landing, gate and sentiment. dlt creates tables for its load state.
grant usage, create on schema raw to daybreak_loader;
grant usage on schema staging, ops to daybreak_loader;
grant select, insert, delete on raw.orders, raw.reviews, staging.review_sentiment to daybreak_loader;
grant select on
ops.dataset_settings, ops.loads, ops.fencing_tokens, ops.day_ledger, ops.gate_results, ops.forgotten_customers
to daybreak_loader;
grant update (token) on ops.fencing_tokens to daybreak_loader; -- to lock a row in share mode
grant insert, update (scored_at, pruned_at) on ops.loads to daybreak_loader;
grant insert on ops.field_profiles to daybreak_loader;
grant insert, update on ops.gate_results to daybreak_loader;
grant
insert (dataset, day, admitted_load_id, admitted_at), update (admitted_load_id, admitted_at, unpublished_at)
on ops.day_ledger to daybreak_loader;

-- The transformer owns dbt's tables and publishes. In ops, dbt creates the tables of superseded rows.
grant usage on schema raw to daybreak_transformer;
grant usage, create on schema staging, build, marts, quarantine, ops to daybreak_transformer;
grant select on raw.orders, raw.reviews, staging.review_sentiment to daybreak_transformer;
grant select on ops.dataset_settings, ops.loads, ops.day_ledger, ops.gate_results to daybreak_transformer;
grant update (published_load_id, published_at) on ops.day_ledger to daybreak_transformer;
grant select, insert on ops.publications, ops.publication_days to daybreak_transformer;
grant select, insert, update, delete on ops.build_results, ops.customer_changes to daybreak_transformer;

-- Tables that the transformer creates later are readable for their users.
alter default privileges for role daybreak_transformer in schema staging grant select on tables to daybreak_loader;
alter default privileges for role daybreak_transformer in schema marts grant select on tables to daybreak_reader;

-- Tables from before the roles existed, or built without them, change owner.
do $$
declare
    relation record;
begin
    for relation in
        select pg_class.oid::regclass as name, nspname as schema, relowner = to_regrole(current_user) as is_ours
        from pg_class
        inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
        where
            (nspname in ('staging', 'build', 'marts', 'quarantine') or nspname = 'ops' and relname like 'int\_%')
            and relname <> 'review_sentiment' and relkind in ('r', 'v') and pg_has_role(relowner, 'usage')
    loop
        if relation.is_ours then
            execute format('alter table %s owner to daybreak_transformer', relation.name);
        end if;
        if relation.schema = 'staging' then
            execute format('grant select on %s to daybreak_loader', relation.name);
        end if;
    end loop;
    for relation in
        select oid::regprocedure as name from pg_proc
        where pronamespace = 'build'::regnamespace and proowner = to_regrole(current_user)
    loop
        execute format('alter function %s owner to daybreak_transformer', relation.name);
    end loop;
    for relation in
        select oid::regclass as name from pg_class
        where
            relnamespace = 'raw'::regnamespace and relkind = 'r' and relname like '\_dlt\_%'
            and relowner = to_regrole(current_user)
    loop
        execute format('alter table %s owner to daybreak_loader', relation.name);
    end loop;
end
$$;

-- The tables of schema.sql that readers may select from.
grant select on marts.customer_models, marts.customer_predictions to daybreak_reader;

-- The gate and dbt's unit tests use temporary tables. PUBLIC has this privilege unless an administrator revoked it.
do $$
begin
    if not has_database_privilege('daybreak_loader', current_database(), 'temporary') then
        execute format('grant temporary on database %I to daybreak_loader, daybreak_transformer', current_database());
    end if;
exception
    when insufficient_privilege then null;
end
$$;
