-- One row per affected product and month with a sale after this build: the published values plus the deltas.
with

days as (
    select * from {{ ref('int_order_days') }}
),

published as (
    select * from {{ source('published', 'product_months') }}
    where not exists (
        select from days
        where days.is_full
    )
),

sums as (
    select
        moved.product_id,
        moved.order_month,
        moved.orders + coalesce(published.orders, 0) as orders,
        (moved.units + coalesce(published.units, 0))::numeric(38, 3) as units,
        (moved.revenue + coalesce(published.revenue, 0))::numeric(38, 2) as revenue
    from {{ ref('int_product_month_deltas') }} as moved
    left join published on moved.order_month = published.order_month and moved.product_id = published.product_id
)

select * from sums
where orders > 0 or revenue <> 0
