-- Fails if this build changes customer_order_totals or daily_sales by another number or sum of orders than fct_orders.
-- The totals are updated from build to build, so an error would persist. Reads the affected rows only.
with

replaced_keys as (
    select not coalesce(bool_or(is_full), false) as is_partial from {{ ref('int_order_days') }}
),

orders_before as (
    select
        count(*) as orders,
        sum(published.total_amount) as amount
    from {{ ref('int_orders_affected') }} as affected
    inner join {{ ref('fct_orders') }} as published on affected.order_id = published.order_id
    cross join replaced_keys
    where published.is_revenue and replaced_keys.is_partial
),

orders_after as (
    select
        count(*) as orders,
        sum(total_amount) as amount
    from {{ ref('fct_orders__changes') }}
    where is_revenue
),

customers_before as (
    select
        sum(published.total_orders) as orders,
        sum(published.total_spent) as amount
    from {{ ref('int_order_customers_affected') }} as affected
    inner join {{ ref('customer_order_totals') }} as published on affected.customer_id = published.customer_id
    cross join replaced_keys
    where replaced_keys.is_partial
),

customers_after as (
    select
        sum(total_orders) as orders,
        sum(total_spent) as amount
    from {{ ref('customer_order_totals__changes') }}
),

days_before as (
    select
        sum(published.orders) as orders,
        sum(published.revenue) as amount
    from {{ ref('int_order_dates_affected') }} as affected
    inner join {{ ref('daily_sales') }} as published on affected.order_date = published.order_date
    cross join replaced_keys
    where replaced_keys.is_partial
),

days_after as (
    select
        sum(orders) as orders,
        sum(revenue) as amount
    from {{ ref('daily_sales__changes') }}
),

moved as (
    {%- for total in ['orders', 'customers', 'days'] %}
    select
        '{{ total }}' as total,
        coalesce({{ total }}_after.orders, 0) - coalesce({{ total }}_before.orders, 0) as orders,
        coalesce({{ total }}_after.amount, 0) - coalesce({{ total }}_before.amount, 0) as amount
    from {{ total }}_before
    cross join {{ total }}_after
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

unbalanced as (
    select totals.*
    from moved as totals
    inner join moved as of_orders on of_orders.total = 'orders'
    where totals.orders <> of_orders.orders or totals.amount <> of_orders.amount
)

select * from unbalanced
