-- One row per touched customer who has a revenue order after this build.
with

orders as (
    {{ orders_after('int_order_customers_touched', 'customer_id') }}
),

totals as (
    select
        customer_id,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date,
        count(*) as total_orders,
        sum(total_amount)::numeric(38, 2) as total_spent
    from orders
    where is_revenue
    group by customer_id
)

select * from totals
