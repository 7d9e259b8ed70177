{#
    Whose health may have changed is noted by each publish of orders or reviews, and crossed off by that of health. The
    first build of health takes everybody: what was published before it begins is not noted, so a shop without reviews
    notes nobody. No publish may be under way at that moment, unaware of it: hence the lock, which each of them shares,
    or notes its customers in any case if health is about to begin.
#}
{% macro note_affected_customers(pipeline) %}
    is_noted :=
        not pg_try_advisory_xact_lock_shared({{ start_of_health() }})
        or {{ newest_publication('customer_health_pipeline') }} is not null;
    -- apart from the line above, as the worklist need not be there
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

{# Before the worklist of health's first build is frozen: waits for publishes that are under way. #}
{% macro let_unnoted_publishes_end() -%}
select pg_advisory_xact_lock({{ start_of_health() }})
where {{ newest_publication('customer_health_pipeline') }} is null
{%- endmacro %}

{% macro start_of_health() -%}
hashtextextended('start of customer_health_pipeline', 0)
{%- endmacro %}
