-- One row per touched date that has a revenue order after this build.
with

orders as (
    {{ orders_after('int_order_dates_touched', 'order_date') }}
),

sales as (
    select
        order_date,
        count(*) as orders,
        count(distinct customer_id) as customers,
        sum(total_amount)::numeric(38, 2) as revenue,
        round(avg(total_amount), 2)::numeric(38, 2) as average_order_value
    from orders
    where is_revenue
    group by order_date
)

select * from sales
