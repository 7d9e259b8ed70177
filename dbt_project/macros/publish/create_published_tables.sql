{#
    Creates missing published tables and columns at the start of each dbt run, because the models read them as sources. If
    nothing is missing, it costs one query. In the target `dev` the tables are recreated empty.
#}
{% macro create_published_tables() %}
    {%- if execute and target.type == 'postgres' -%}
        {%- set marts = nodes_of_type('model') | selectattr('config.materialized', 'equalto', 'published') | list -%}
        {%- set schema = before_this_build(marts[0]).without_identifier() -%}
        {%- if not is_dev() -%}
            {%- do run_query(take_role()) -%}
        {%- elif not adapter.check_schema_exists(schema.database, schema.schema) -%}
            {%- do adapter.create_schema(schema) -%}
        {%- endif -%}
        {%- set missing = missing_columns(marts) -%}
        {%- if missing -%}
            {%- call statement('create_published_tables', auto_begin=true) -%}
{{ wait_briefly_for_locks() }}
select pg_advisory_xact_lock(hashtextextended('create published tables', 0));
                {%- for mart in marts if mart.name in missing %}
{{ create_published_table(mart, missing[mart.name]) }}
                {%- endfor %}
            {%- endcall -%}
            {%- do adapter.commit() -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{# The missing columns of published tables, by mart; all columns in the target `dev`. #}
{% macro missing_columns(marts) -%}
{%- set expected, missing = [], {} -%}
{%- for mart in marts -%}
    {%- for column in mart.columns.values() -%}
        {%- do expected.append("('" ~ mart.name ~ "', '" ~ before_this_build(mart) ~ "', '" ~ column.name ~ "')") -%}
    {%- endfor -%}
{%- endfor -%}
{%- set rows = run_query(
    'select mart, column_name from (values ' ~ expected | join(', ') ~ ') as expected (mart, relation, column_name)'
    ~ (' where not exists (select from pg_attribute where attrelid = to_regclass(relation)'
        ~ ' and attname = column_name and not attisdropped)' if not is_dev() else '')
).rows -%}
{%- for row in rows -%}
    {%- do missing.setdefault(row['mart'], []).append(row['column_name']) -%}
{%- endfor -%}
{{ return(missing) }}
{%- endmacro %}

{# The table of a mart that `source('published', …)` reads. #}
{% macro before_this_build(mart) -%}
{{ return(api.Relation.create(
    database=mart.database,
    schema=target.schema ~ '_published' if is_dev() else mart.schema,
    identifier=mart.alias,
)) }}
{%- endmacro %}

{# Checks again whether it exists: another run may have created it while this one waited for the lock. #}
{% macro create_published_table(mart, missing) -%}
{%- set relation = before_this_build(mart) -%}
{%- set definition = adapter.render_raw_columns_constraints(raw_columns=mart.columns)
    + adapter.render_raw_model_constraints(raw_constraints=mart.constraints) -%}
{%- if is_dev() %}drop table if exists {{ relation }};{% endif %}
do $create$
begin
    if to_regclass('{{ relation }}') is null then
        create table {{ relation }} (
            {{ definition | join(',\n            ') }}
        );
        {%- for index in mart.config.indexes or [] %}
        {{ get_create_index_sql(relation, index) | trim }};
        {%- endfor %}
    end if;
    {%- for column in missing %}
    alter table {{ relation }} add column if not exists {{ column }} {{ mart.columns[column].data_type }};
    {%- endfor %}
end
$create$;
{%- endmacro %}
