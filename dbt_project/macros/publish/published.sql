{#
    Marts are published, not built: a model `x` with materialized='published' is the table that readers see, and its
    SQL is the change to it (`select * from {{ ref('x__changes') }}`). Its contents change only in publish
    (macros/publish/publish.sql), all marts of a pipeline in one transaction. So `ref('x')` means the published table to everybody,
    `source('published', 'x')` is the same table before this build, and the table is never dropped. It is created, with
    the columns of its contract, before the first model runs; running the model checks the contract.

    Config, in meta: `affected` names the model with the keys that this build may change, `key` the column of both
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
