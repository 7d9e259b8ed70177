{#
    Marts are published, not built: a model `x` with materialized='published' is the table that readers see, and its
    SQL is the change to it (`select * from {{ ref('x__changes') }}`). Its contents change only in publish
    (macros/publish.sql), all marts of a pipeline in one transaction. So `ref('x')` means the published table to everybody,
    `source('published', 'x')` is the same table before this build, and the table is never dropped. It is created, with
    the columns of its contract, before the first model runs; running the model checks the contract.

    Config, in meta: `touched` names the model with the keys that this build may change, `key` the column of both
    (or a list of them). `fillfactor` leaves room on each page for rows that change while their key stays; a table that was
    made without it gets it, too. A new column of the contract is added, empty; a changed type is refused.
#}
{% materialization published, adapter='postgres' %}
    {%- if is_dev() -%}{{ return(materialization_table_default()) }}{%- endif -%}
    {%- set mart = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- do get_assert_columns_equivalent(sql) -%}

    {% call statement('main') %}
        {{ wait_briefly_for_locks() }}
        {{ leave_room_on_pages(mart, model.config.meta.fillfactor) if model.config.meta.fillfactor else 'select 1' }}
    {% endcall %}

    {% do persist_docs(mart, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [mart]}) }}
{% endmaterialization %}

{#
    Create the published tables, or columns of theirs, that are missing: at the start of each run of dbt, since the models
    read them as sources. A query where nothing is missing. In the target `dev` they are empty, and made anew.
#}
{% macro create_published_tables() %}
    {%- if execute and target.type == 'postgres' -%}
        {%- set marts = graph.nodes.values() | selectattr('config.materialized', 'equalto', 'published') | list -%}
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

{# The columns that published tables lack, by mart; all of them in the target `dev`. #}
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

{# The table of a mart that `source('published', …)` names. #}
{% macro before_this_build(mart) -%}
{{ return(api.Relation.create(
    database=mart.database,
    schema=target.schema ~ '_published' if is_dev() else mart.schema,
    identifier=mart.alias,
)) }}
{%- endmacro %}

{# Looked at once more: another run may have created it while this one waited for the lock. #}
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

{# Only if it differs: changing it waits for a vacuum of the table. What is on the pages by then stays there. #}
{% macro leave_room_on_pages(relation, fillfactor) %}
do $set$
begin
    if not exists (
        select from pg_class
        where oid = '{{ relation }}'::regclass and 'fillfactor={{ fillfactor }}' = any(reloptions)
    ) then
        alter table {{ relation }} set (fillfactor = {{ fillfactor }});
    end if;
end
$set$
{% endmacro %}

{# For the rest of a transaction that touches marts: whoever holds a lock on them stops it with an error, not for ever. #}
{% macro wait_briefly_for_locks() -%}
set local lock_timeout = '{{ var("lock_timeout", "30s") }}';
{%- endmacro %}
