{#
    Each publish of orders or reviews records its customers in ops.customer_changes; each publish of customer_health deletes
    the ones it has processed. The first build of customer_health takes all customers, so publishes before it record
    nothing (and a shop without reviews never does). A publish must not miss the start of that build: it holds the shared
    lock, or, if it cannot get it because the build is starting, records its customers anyway.
#}
{% macro note_affected_customers(pipeline) %}
    is_noted :=
        not pg_try_advisory_xact_lock_shared({{ start_of_health() }})
        or {{ newest_publication('customer_health_pipeline') }} is not null;
    -- separate from the line above, because the worklist may not exist
    if not is_noted and to_regclass('{{ relation_of('int_health_days') }}') is not null then
        is_noted := exists (select from {{ relation_of('int_health_days') }});
    end if;
    if is_noted then
        insert into {{ source('ops', 'customer_changes') }} (customer_id, build_id)
        select customer_id, frozen.build_id from {{ relation_of(pipeline.customers) }}
        on conflict (customer_id) do update set build_id = excluded.build_id;
    end if;
{% endmacro %}

{% macro cross_off_affected_customers() %}
    delete from {{ source('ops', 'customer_changes') }} as changes
    using {{ relation_of('int_health_customers_affected') }} as seen
    where changes.customer_id = seen.customer_id and changes.build_id = any(seen.build_ids);
{% endmacro %}

{# Wait for running publishes before the first build of customer_health freezes its worklist. #}
{% macro let_unnoted_publishes_end() -%}
select pg_advisory_xact_lock({{ start_of_health() }})
where {{ newest_publication('customer_health_pipeline') }} is null
{%- endmacro %}

{% macro start_of_health() -%}
hashtextextended('start of customer_health_pipeline', 0)
{%- endmacro %}
