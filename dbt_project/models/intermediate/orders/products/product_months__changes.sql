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
        deltas.product_id,
        deltas.order_month,
        deltas.orders + coalesce(published.orders, 0) as orders,
        (deltas.units + coalesce(published.units, 0))::numeric(38, 3) as units,
        (deltas.revenue + coalesce(published.revenue, 0))::numeric(38, 2) as revenue
    from {{ ref('int_product_month_deltas') }} as deltas
    left join published on deltas.order_month = published.order_month and deltas.product_id = published.product_id
)

select * from sums
where orders > 0 or revenue <> 0
