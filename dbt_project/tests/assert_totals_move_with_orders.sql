-- Fails if this build changes customer_order_totals or daily_sales by another number or sum of orders than fct_orders.
-- Refunds move the net_revenue of their own dates by as much as the net_amount of their orders. The totals are updated
-- from build to build, so an error would persist. Reads the affected rows only.
with

orders as (
    {{ changed_rows(
        'fct_orders', 'int_orders_affected', ['order_id'], 'int_order_days', ['customer_id', 'total_amount', 'net_amount', 'is_revenue']
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
        'daily_sales', 'int_sales_dates_affected', ['order_date'], 'int_order_days', ['orders', 'revenue', 'net_revenue']
    ) }}
),

expected as (
    select
        'customer_order_totals' as mart,
        coalesce(sum(direction), 0) as orders,
        coalesce(sum(direction * net_amount), 0) as amount
    from orders
    where is_revenue and customer_id is not null
    union all
    select
        'daily_sales' as mart,
        coalesce(sum(direction), 0) as orders,
        coalesce(sum(direction * total_amount), 0) as amount
    from orders
    where is_revenue
    union all
    select
        'net_revenue of daily_sales' as mart,
        coalesce(sum(direction), 0) as orders,
        coalesce(sum(direction * net_amount), 0) as amount
    from orders
    where is_revenue
),

changes as (
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
    union all
    select
        'net_revenue of daily_sales' as mart,
        coalesce(sum(direction * orders), 0) as orders,
        coalesce(sum(direction * net_revenue), 0) as amount
    from dates
)

select changes.*
from changes
inner join expected on changes.mart = expected.mart
where (changes.orders, changes.amount) <> (expected.orders, expected.amount)
