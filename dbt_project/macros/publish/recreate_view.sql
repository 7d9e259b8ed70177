{# Create a view again with the grants that it has. The former one stays under another name, for those that read it. #}
{% macro recreate_view(view, sql) -%}
do $recreate$
declare
    former constant oid := '{{ view }}'::regclass;
    command text;
begin
    execute format('alter view {{ view }} rename to %I', '{{ view.identifier }}__former_' || former);
    create view {{ view }} as ({{ sql }});
    for command in
        select 'revoke all on {{ view }} from ' || grants.grantee
        from ({{ grants_on("'" ~ view ~ "'::regclass") }}) as grants
        union all
        select
            'grant ' || grants.privilege || ' on {{ view }} to ' || grants.grantee
            || case when grants.is_grantable then ' with grant option' else '' end
        from ({{ grants_on('former') }}) as grants
        where
            grants.column_name is null
            or grants.column_name in (
                select attname from pg_attribute where attrelid = '{{ view }}'::regclass and not attisdropped
            )
    loop
        execute command;
    end loop;
end
$recreate$
{%- endmacro %}

{# The grants on a relation and its columns to others than its owner, as a query. #}
{% macro grants_on(relation) -%}
select
            case when granted.grantee = 0 then 'public' else granted.grantee::regrole::text end as grantee,
            granted.privilege_type || coalesce(' (' || quote_ident(held.column_name) || ')', '') as privilege,
            granted.is_grantable,
            held.column_name
        from pg_class
        cross join
            lateral (
                select null::name as column_name, pg_class.relacl as acl
                union all
                select attname, attacl from pg_attribute where attrelid = pg_class.oid
            ) as held
        cross join lateral aclexplode(held.acl) as granted
        where pg_class.oid = {{ relation }} and granted.grantee <> pg_class.relowner
{%- endmacro %}

{# Drop the former views that nothing reads any more. #}
{% macro drop_unread_former_views(view) -%}
do $drop$
declare
    former record;
begin
    for former in
        select oid::regclass as name from pg_class
        where
            relnamespace = '{{ view.schema }}'::regnamespace and relkind = 'v' and relname ~ '__former_[0-9]+$'
            and not exists (select from ops.dependents(pg_class.oid))
    loop
        execute format('drop view %s', former.name);
    end loop;
end
$drop$
{%- endmacro %}
