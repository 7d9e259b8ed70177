-- One row per affected date of orders with a revenue order after this build: its sales, before refunds.
{{ config(tags=['on_engine']) }}

with

days as (
    select * from {{ ref('int_order_days') }}
),

dates as (
    select * from {{ ref('int_order_dates_affected') }}
),

published as (
    select * from {{ source('published', 'fct_orders') }}
),

of_dates as (
    {{ lookup_by_key('dates', 'published', 'order_date') }}
),

{% set columns = 'order_date, customer_id, total_amount, discount_amount, tax_amount, shipping_amount, is_revenue' %}

orders as (
    select {{ columns }}
    from of_dates
    where
        not exists (
            select 1 from {{ ref('int_orders_affected') }} as affected
            where of_dates.order_id = affected.order_id and affected.former_order_date is not null
        )
        and not exists (
            select 1 from days
            where days.is_full
        )
    union all
    select {{ columns }}
    from {{ ref('fct_orders__changes') }}
),

-- group by customer first: count(distinct) would sort all orders
customers as (
    select
        order_date,
        customer_id,
        count(*) as orders,
        sum(total_amount) as revenue,
        sum(discount_amount) as discounts,
        sum(tax_amount) as tax,
        sum(shipping_amount) as shipping,
        min(case when tax_amount is null or shipping_amount is null then 0 else 1 end) as is_split
    from orders
    where is_revenue
    group by order_date, customer_id
),

sales as (
    select
        order_date,
        cast(sum(orders) as bigint) as orders,
        count(customer_id) as customers,
        cast(sum(revenue) as numeric(38, 2)) as revenue,
        {{ money_average('sum(revenue)', 'sum(orders)') }} as average_order_value,
        cast(sum(discounts) as numeric(38, 2)) as discounts,
        cast(sum(tax) as numeric(38, 2)) as tax,
        cast(sum(shipping) as numeric(38, 2)) as shipping,
        cast(
            case
                when min(is_split) = 1
                    then sum(revenue) + coalesce(sum(discounts), 0) - sum(tax) - sum(shipping)
            end as numeric(38, 2)
        ) as gross_sales
    from customers
    group by order_date
)

select * from sales
