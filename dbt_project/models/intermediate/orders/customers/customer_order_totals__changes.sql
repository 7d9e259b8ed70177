-- One row per affected customer with a revenue order after this build. Added orders are added to the published totals,
-- so a customer with a long history costs no more than a new one. Only a customer with a removed order is added up
-- again from all orders: totals do not contain the order that becomes the first or last. Example, with orders
-- of 1.00 each:
--
--   customer   published orders   this build               computed from            total_orders, first, last
--   gains      01-01, 01-05       01-03 is added           totals and that order    3, 01-01, 01-05
--   moves      01-01, 01-05       01-05 moves to 01-03     orders 01-01 and 01-03   2, 01-01, 01-03
--   vanishes   01-05              01-05 is removed         no order                 no row
{{ config(tags=['on_engine']) }}

with

movements as (
    select * from {{ ref('int_order_movements') }}
    where customer_id is not null
),

recounted as (
    select distinct customer_id from movements
    where direction = -1
),

published as (
    select * from {{ source('published', 'fct_orders') }}
),

orders_of_recounted as (
    {{ lookup_by_key('recounted', 'published', 'customer_id') }}
),

orders as (
    select
        customer_id,
        order_date,
        net_amount,
        refunded_amount
    from orders_of_recounted
    where
        is_revenue
        and not exists (
            select 1 from movements
            where movements.direction = -1 and orders_of_recounted.order_id = movements.order_id
        )
    union all
    select
        customer_id,
        order_date,
        net_amount,
        refunded_amount
    from movements
    where direction = 1
),

summands as (
    select
        customer_id,
        order_date as first_order_date,
        order_date as last_order_date,
        1 as total_orders,
        net_amount as total_spent,
        refunded_amount as total_refunded
    from orders
    union all
    select totals.*
    from {{ ref('int_order_customers_affected') }} as affected
    inner join {{ source('published', 'customer_order_totals') }} as totals on affected.customer_id = totals.customer_id
    where
        not exists (
            select 1 from recounted
            where totals.customer_id = recounted.customer_id
        )
        and not exists (
            select 1 from {{ ref('int_order_days') }} as days
            where days.is_full
        )
),

totals as (
    select
        customer_id,
        min(first_order_date) as first_order_date,
        max(last_order_date) as last_order_date,
        cast(sum(total_orders) as bigint) as total_orders,
        cast(sum(total_spent) as numeric(38, 2)) as total_spent,
        cast(sum(total_refunded) as numeric(38, 2)) as total_refunded
    from summands
    group by customer_id
)

select * from totals
