-- One row per accepted order and day of this build. An order can be on several days.
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
        not is_test
        and cancelled_at is null
        and not {{ comparable_status('status') }} = any(
            array(
                select {{ comparable_status('non_revenue.status') }}
                from settings
                cross join unnest(settings.non_revenue_statuses) as non_revenue (status)
            )
        ) as is_revenue,
        total_amount > {{ var('large_order_amount') }} as is_large,
        _day as logical_date,
        items,
        currency,
        discount_amount,
        tax_amount,
        shipping_amount,
        is_test,
        cancelled_at,
        refunds,
        {{ refunded_amount('refunds') }} as refunded_amount,
        (total_amount - {{ refunded_amount('refunds') }})::numeric(18, 2) as net_amount
    from orders
    where
        is_valid
        -- arrays instead of a join: Postgres can push them below the view's windows and read only these loads by index
        and _day = any(array(select days.day from days))
        and _load_id = any(array(select days.load_id from days))
)

select * from accepted
