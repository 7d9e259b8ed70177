-- One row per order that the gate accepted on a day of this build: an order may stand on several days.
with

days as (
    select * from {{ ref('int_order_days') }}
),

orders as (
    select * from {{ ref('stg_shop__orders') }}
),

settings as (
    select * from {{ source('ops', 'dataset_settings') }}
    where dataset = 'orders'
),

accepted as (
    select
        order_id,
        customer_id,
        order_date,
        total_amount,
        status,
        not status = any((select settings.non_revenue_statuses from settings)::text[]) as is_revenue,
        total_amount > {{ var('large_order_amount') }} as is_large,
        _day as logical_date,
        items
    from orders
    where
        is_valid
        -- arrays, not a join: they reach the index below the view's windows, so that only these loads are read
        and _day = any(array(select days.day from days))
        and _load_id = any(array(select days.load_id from days))
)

select * from accepted
