-- One row per customer and month whose number or sum of revenue orders this build changes: the differences.
with

days as (
    select * from {{ ref('int_order_days') }}
),

movements as (
    select
        former_customer_id as customer_id,
        {{ first_of_month('former_order_date') }} as order_month,
        -1 as orders,
        -former_total_amount as revenue
    from {{ ref('int_orders_affected') }}
    where
        former_is_revenue
        and not exists (
            select from days
            where days.is_full
        )
    union all
    select
        customer_id,
        {{ first_of_month('order_date') }} as order_month,
        1 as orders,
        total_amount as revenue
    from {{ ref('fct_orders__changes') }}
    where is_revenue
),

deltas as (
    select
        customer_id,
        order_month,
        sum(orders)::bigint as orders,
        sum(revenue)::numeric(38, 2) as revenue
    from movements
    group by customer_id, order_month
    having sum(orders) <> 0 or sum(revenue) <> 0
)

select * from deltas
