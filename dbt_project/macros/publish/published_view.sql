{#
    A view that readers see. It is replaced in place, and only if its definition changed: grants and dependent views survive,
    and no reader blocks the build.

    Postgres replaces a view only if its columns stay and new ones follow. So columns that are new stand last for readers,
    wherever the model has them. If a column is removed or has another type, the view is created again with its grants, and
    the former one is dropped. Views of this project that read the former one keep it until they are built too. A view of
    somebody else that reads it is an error, which `daybreak diff` foretells.
#}
{% materialization published_view, adapter='postgres' %}
    {%- if is_dev() -%}{{ return(materialization_view_default()) }}{%- endif -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- do get_assert_columns_equivalent(sql) -%}

    {% set statement_of_change = 'create view ' ~ view ~ ' as (' ~ sql ~ ')' if existing is none else change_of_view(view, sql) %}
    {% call statement('main') %}
        {{ wait_briefly_for_locks() }}
        {{ statement_of_change or 'select 1' }}
    {% endcall %}

    {% if statement_of_change %}
        {% do run_query(drop_unread_former_views(view)) %}
        {% do persist_docs(view, model) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}

{# The statement that gives an existing view this definition, or none if it has it already. #}
{% macro change_of_view(view, sql) -%}
{%- set candidate = api.Relation.create(
    database=view.database, schema=target.schema, identifier=view.identifier ~ '__candidate', type='view'
) -%}
{%- do run_query('drop view if exists ' ~ candidate ~ '; create view ' ~ candidate ~ ' as (' ~ sql ~ ')') -%}
{%- set before, after = types_of_columns(view), types_of_columns(candidate) -%}
{%- set lost = before.keys() | reject('in', after) | list -%}
{%- for name in before if name in after and before[name] != after[name] -%}{%- do lost.append(name) -%}{%- endfor -%}
{%- set names = before.keys() | list + after.keys() | reject('in', before) | list -%}
{%- set definition = namespace(sql=sql) -%}
{%- if not lost and names != after.keys() | list -%}
    {%- set definition.sql = 'select ' ~ names | join(', ') ~ ' from (' ~ sql ~ ') as model' -%}
    {%- do run_query('drop view ' ~ candidate ~ '; create view ' ~ candidate ~ ' as (' ~ definition.sql ~ ')') -%}
{%- endif -%}
{%- set is_same = run_query(
    "select pg_get_viewdef('" ~ candidate ~ "'::regclass) = pg_get_viewdef('" ~ view ~ "'::regclass) as is_same"
).rows[0]['is_same'] -%}
{%- do run_query('drop view ' ~ candidate) -%}
{%- if lost -%}
    {%- do require_no_foreign_readers(view, lost) -%}
    {{ return(recreate_view(view, sql)) }}
{%- endif -%}
{{ return(none if is_same else 'create or replace view ' ~ view ~ ' as (' ~ definition.sql ~ ')') }}
{%- endmacro %}

{# The columns of a view with their types and collations, in order. #}
{% macro types_of_columns(view) -%}
{%- set types = {} -%}
{%- for row in run_query(
    "select attname, format_type(atttypid, atttypmod) || ' ' || attcollation as type from pg_attribute "
    ~ "where attrelid = '" ~ view ~ "'::regclass and attnum > 0 and not attisdropped order by attnum"
).rows -%}
    {%- do types.update({row['attname']: row['type']}) -%}
{%- endfor -%}
{{ return(types) }}
{%- endmacro %}

{# Fail if something that is no published view of this project reads the view. #}
{% macro require_no_foreign_readers(view, lost) -%}
{%- set ours = graph.nodes.values() | selectattr('config.materialized', 'equalto', 'published_view') | list -%}
{%- set names = [] -%}
{%- for node in ours -%}{%- do names.append(node.schema ~ '.' ~ node.alias) -%}{%- endfor -%}
{%- set commands = [] -%}
{%- for row in run_query("select kind, name from ops.dependents('" ~ view ~ "'::regclass) order by name").rows
    if row['name'] not in names -%}
    {%- do commands.append('drop ' ~ row['kind'] ~ ' ' ~ row['name'] ~ ';') -%}
{%- endfor -%}
{%- if commands -%}
    {{ exceptions.raise_compiler_error(
        view.identifier ~ ' loses or changes ' ~ lost | join(', ') ~ ', and others read it: ' ~ commands | join(' ')
        ~ ' Run this, build again, and create them again'
    ) }}
{%- endif -%}
{%- endmacro %}

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
