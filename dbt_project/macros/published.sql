{#
    Marts are published, not built: a model `x` with materialized='published' is the table that readers see, and its
    SQL is the change to it (`select * from {{ ref('x__changes') }}`). Running the model sees to it that the table exists
    with the columns of its contract; the contents change only in publish (macros/publish.sql), all marts of a pipeline
    in one transaction. So `ref('x')` means the published table to everybody, and the table is never dropped.

    Config, in meta: `touched` names the model with the keys that this build may change, `key` the column of both
    (or a list of them). `fillfactor` leaves room on each page for rows that change while their key stays; a table that was
    made without it gets it, too. A new column of the contract is added, empty; a changed type is refused.
#}
{% materialization published, adapter='postgres' %}
    {%- if is_dev() -%}{{ return(materialization_table_default()) }}{%- endif -%}
    {%- set mart = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- do get_assert_columns_equivalent(sql) -%}

    {% call statement('main') %}
        {{ wait_briefly_for_locks() }}
        {% if existing is none %}
            create table if not exists {{ mart }} {{ get_table_columns_and_constraints() }}
        {% else %}
            {%- set present = adapter.get_columns_in_relation(existing) | map(attribute='name') | list %}
            {%- for column in model.columns.values() if column.name not in present %}
            alter table {{ mart }} add column {{ column.name }} {{ column.data_type }};
            {%- endfor %}
            select 1
        {% endif %}
    {% endcall %}

    {% if existing is none %}{% do create_indexes(mart) %}{% endif %}
    {% if model.config.meta.fillfactor %}{% do run_query(leave_room_on_pages(mart, model.config.meta.fillfactor)) %}{% endif %}
    {% do persist_docs(mart, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [mart]}) }}
{% endmaterialization %}

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

{#
    The rows of a mart before this build: what the changes start from. Not a ref, which would be a cycle; used by the
    int_*_published models alone, so that everybody else (unit tests too) has a ref. Before the first build: no rows, typed.
    Before the build that adds a column to the table, the column is what `before_added` says, or null.
#}
{% macro published_rows(model_name, before_added={}) -%}
{%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ model_name] if execute else none -%}
{%- set relation = adapter.get_relation(node.database, node.schema, node.alias) if node and not is_dev() else none -%}
{%- if node is none -%}
select 1 as parsing
{%- else -%}
{%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list if relation else [] %}
select
    {%- for column in node.columns.values() %}
    {% if column.name not in present -%}
    {{ before_added.get(column.name) if relation and column.name in before_added else 'null::' ~ column.data_type }} as {{ " " }}
    {%- endif %}{{ column.name }}{{ "," if not loop.last }}
    {%- endfor %}
{% if relation is none %}where false{% else %}from {{ relation }}{% endif %}
{%- endif -%}
{%- endmacro %}

{# For the rest of a transaction that touches marts: whoever holds a lock on them stops it with an error, not for ever. #}
{% macro wait_briefly_for_locks() -%}
set local lock_timeout = '{{ var("lock_timeout", "30s") }}';
{%- endmacro %}
