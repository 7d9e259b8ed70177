-- One row per touched date that has a revenue order after this build.
with

orders as (
    {{ orders_after('int_order_dates_touched', 'order_date') }}
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
