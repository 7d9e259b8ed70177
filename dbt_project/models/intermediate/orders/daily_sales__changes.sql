-- One row per touched date that has a revenue order after this build.
with

published as (
    select * from {{ ref('int_orders_published') }}
),

orders as (
    select
        of_date.order_date,
        of_date.customer_id,
        of_date.total_amount,
        of_date.is_revenue
    from {{ ref('int_order_dates_touched') }} as dates
    -- offset 0 makes it one look-up per date: a join would be planned without statistics, and read the whole history
    cross join
        lateral (
            select published.*
            from published
            where dates.order_date = published.order_date
            limit all offset 0  -- noqa: AM09
        ) as of_date
    where
        not exists (
            select from {{ ref('int_orders_touched') }} as touched
            where of_date.order_id = touched.order_id and touched.former_order_date is not null
        )
        and not exists (
            select from {{ ref('int_order_days') }} as days
            where days.is_full
        )
    union all
    select
        order_date,
        customer_id,
        total_amount,
        is_revenue
    from {{ ref('fct_orders__changes') }}
),

-- customers first: counting distinct ones in one go would sort all orders
customers as (
    select
        order_date,
        customer_id,
        count(*) as orders,
        sum(total_amount) as revenue
    from orders
    where is_revenue
    group by order_date, customer_id
),

sales as (
    select
        order_date,
        sum(orders)::bigint as orders,
        count(*) as customers,
        sum(revenue)::numeric(38, 2) as revenue,
        round(sum(revenue) / sum(orders), 2)::numeric(38, 2) as average_order_value
    from customers
    group by order_date
)

select * from sales
