-- Fails if this build changes product_months by other units or revenue than the items of revenue orders. Reads the
-- affected rows only.
with

is_partial as (
    select not coalesce(bool_or(is_full), false) as holds from {{ ref('int_order_days') }}
),

months as (
    select
        -published.units as units,
        -published.revenue as revenue
    from {{ ref('int_product_month_deltas') }} as moved
    inner join {{ ref('product_months') }} as published
        on moved.order_month = published.order_month and moved.product_id = published.product_id
    inner join is_partial on is_partial.holds
    union all
    select
        units,
        revenue
    from {{ ref('product_months__changes') }}
),

orders as (
    select
        -1 as direction,
        published.items
    from {{ ref('int_orders_affected') }} as affected
    inner join {{ ref('fct_orders') }} as published on affected.order_id = published.order_id
    inner join is_partial on is_partial.holds
    where published.is_revenue
    union all
    select
        1 as direction,
        items
    from {{ ref('fct_orders__changes') }}
    where is_revenue
),

items as (
    select
        orders.direction * (item.value ->> 'quantity')::numeric as units,
        orders.direction * (item.value ->> 'amount')::numeric as revenue
    from orders
    cross join lateral jsonb_array_elements(orders.items::jsonb) as item (value)
    where item.value ->> 'product_id' is not null
),

of_months as (
    select
        coalesce(sum(units), 0) as units,
        coalesce(sum(revenue), 0) as revenue
    from months
),

of_items as (
    select
        coalesce(sum(units), 0) as units,
        coalesce(sum(revenue), 0) as revenue
    from items
)

select
    of_months.units,
    of_months.revenue,
    of_items.units as units_of_items,
    of_items.revenue as revenue_of_items
from of_months
cross join of_items
where (of_months.units, of_months.revenue) <> (of_items.units, of_items.revenue)
