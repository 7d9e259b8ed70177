-- Fails if this build changes product_months by other units or revenue than the items of revenue orders. Reads the
-- affected rows only.
with

months as (
    {{ changed_rows(
        'product_months', 'int_product_month_deltas', ['order_month', 'product_id'], 'int_order_days',
        ['units', 'revenue']
    ) }}
),

orders as (
    {{ changed_rows('fct_orders', 'int_orders_affected', ['order_id'], 'int_order_days', ['items', 'is_revenue']) }}
),

of_months as (
    select
        coalesce(sum(direction * units), 0) as units,
        coalesce(sum(direction * revenue), 0) as revenue
    from months
),

of_items as (
    select
        coalesce(sum(orders.direction * (item.value ->> 'quantity')::numeric), 0) as units,
        coalesce(sum(orders.direction * (item.value ->> 'amount')::numeric), 0) as revenue
    from orders
    cross join lateral jsonb_array_elements(orders.items::jsonb) as item (value)
    where orders.is_revenue and item.value ->> 'product_id' is not null
)

select * from of_months
except
select * from of_items
