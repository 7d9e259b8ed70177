{#
    A model `x` with materialized='published' is a table that readers see. Its SQL selects the changes
    (`select * from {{ ref('x__changes') }}`), and only publish (macros/publish/publish.sql) applies them, to all marts of a
    pipeline in one transaction. `ref('x')` is the published table; `source('published', 'x')` is the same table before this
    build. The table is never dropped. It is created from the contract before the first model runs, and running the model
    checks the contract.

    Config, in meta: `affected` is the model with the keys that this build may change; `key` is their shared column, or a
    list. `fillfactor` leaves room on each page for updates that keep the key; existing tables get it too. A new column of
    the contract is added with nulls; a changed type is an error.
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

{# Only if it differs, because the change waits for a running vacuum. Existing pages are not rewritten. #}
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

{# For the rest of a transaction on marts: fail after a timeout if another session holds a lock, instead of waiting. #}
{% macro wait_briefly_for_locks() -%}
set local lock_timeout = '{{ var("lock_timeout", "30s") }}';
{%- endmacro %}
