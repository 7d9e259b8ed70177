-- One row per product and month whose sales in revenue orders this build changes: the differences.
with

days as (
    select * from {{ ref('int_order_days') }}
),

movements as (
    select
        sold.product_id,
        {{ first_of_month('affected.former_order_date') }} as order_month,
        -1 as direction,
        sold.orders,
        sold.units,
        sold.revenue
    from {{ ref('int_orders_affected') }} as affected
    cross join lateral ({{ sold_products('affected.former_items') }}) as sold
    where
        affected.former_is_revenue
        and not exists (
            select from days
            where days.is_full
        )
    union all
    select
        sold.product_id,
        {{ first_of_month('changes.order_date') }} as order_month,
        1 as direction,
        sold.orders,
        sold.units,
        sold.revenue
    from {{ ref('fct_orders__changes') }} as changes
    cross join lateral ({{ sold_products('changes.items') }}) as sold
    where changes.is_revenue
),

deltas as (
    select
        product_id,
        order_month,
        sum(direction * orders)::bigint as orders,
        sum(direction * units)::numeric(38, 3) as units,
        sum(direction * revenue)::numeric(38, 2) as revenue
    from movements
    group by product_id, order_month
    having sum(direction * orders) <> 0 or sum(direction * units) <> 0 or sum(direction * revenue) <> 0
)

select * from deltas
