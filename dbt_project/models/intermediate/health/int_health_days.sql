-- One row or none: the newest day that both pipelines have published, if customer_health is not as of it; null if none
-- is left. What orders and reviews publish or unpublish in the same build counts: customer_health publishes after them.
{{ config(pre_hook='{{ let_unnoted_publishes_end() }}') }}

with

orders_worklist as (
    select
        day,
        load_id,
        build_id
    from {{ ref('int_order_days') }}
    where build_id = '{{ var('engine_build', invocation_id) }}'
),

reviews_worklist as (
    select
        day,
        load_id,
        build_id
    from {{ ref('int_review_days') }}
    where build_id = '{{ invocation_id }}'
),

order_days as (
    select day from {{ source('ops', 'day_ledger') }}
    where
        dataset = 'orders'
        and published_load_id is not null
        and day not in (select orders_worklist.day from orders_worklist)
    union all
    select day from orders_worklist
    where load_id is not null
),

review_days as (
    select day from {{ source('ops', 'day_ledger') }}
    where
        dataset = 'reviews'
        and published_load_id is not null
        and day not in (select reviews_worklist.day from reviews_worklist)
    union all
    select day from reviews_worklist
    where load_id is not null
),

newest as (
    select max(order_days.day) as day
    from order_days
    inner join review_days on order_days.day = review_days.day
),

worklist as (
    select
        newest.day,
        {{ as_of_date('customer_health_pipeline') }} as former_day,
        '{{ invocation_id }}' as build_id,
        (select max(orders_worklist.build_id) from orders_worklist) as orders_build_id,
        (select max(reviews_worklist.build_id) from reviews_worklist) as reviews_build_id,
        {{ is_full_refresh() }} as is_full,
        coalesce({{ newest_publication('customer_health_pipeline') }}, 0) as based_on
    from newest
),

behind as (
    select * from worklist
    where
        day is distinct from former_day
        or (
            day is not null
            and (
                is_full
                or orders_build_id is not null
                or reviews_build_id is not null
                or exists (select from {{ source('ops', 'customer_changes') }})
            )
        )
)

select * from behind
