-- Fails if this build changes customer_order_totals or daily_sales by another number or sum of orders than fct_orders.
-- The totals are updated from build to build, so an error would persist. Reads the affected rows only.
with

orders as (
    {{ changed_rows(
        'fct_orders', 'int_orders_affected', ['order_id'], 'int_order_days', ['total_amount', 'is_revenue']
    ) }}
),

customers as (
    {{ changed_rows(
        'customer_order_totals', 'int_order_customers_affected', ['customer_id'], 'int_order_days',
        ['total_orders', 'total_spent']
    ) }}
),

dates as (
    {{ changed_rows(
        'daily_sales', 'int_order_dates_affected', ['order_date'], 'int_order_days', ['orders', 'revenue']
    ) }}
),

changes as (
    select
        'fct_orders' as mart,
        coalesce(sum(direction), 0) as orders,
        coalesce(sum(direction * total_amount), 0) as amount
    from orders
    where is_revenue
    union all
    select
        'customer_order_totals' as mart,
        coalesce(sum(direction * total_orders), 0) as orders,
        coalesce(sum(direction * total_spent), 0) as amount
    from customers
    union all
    select
        'daily_sales' as mart,
        coalesce(sum(direction * orders), 0) as orders,
        coalesce(sum(direction * revenue), 0) as amount
    from dates
)

select changes.*
from changes
inner join changes as of_orders on of_orders.mart = 'fct_orders'
where (changes.orders, changes.amount) <> (of_orders.orders, of_orders.amount)
