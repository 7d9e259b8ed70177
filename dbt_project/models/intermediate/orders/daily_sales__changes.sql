-- One row per affected date with a revenue order or a refund after this build. A date that only a refund affects keeps
-- its published sales, so a late refund does not read the orders of its date. Example, with orders of 1.00 each:
--
--   date    published orders, refunds   this build                  orders, refunds, net_revenue after
--   01-05   o1, none                    1.00 of o9 is refunded      1 (as published), 1.00, 0.00
--   01-06   none, none                  1.00 of o1 is refunded      0, 1.00, -1.00
{% set sales_columns %}
    order_date, orders, customers, revenue, average_order_value, discounts, tax, shipping, gross_sales
{% endset %}
{% set refund_columns = 'order_id, refund_date, amount, tax_amount, shipping_amount' %}
{% set is_full_build = "exists (select from " ~ ref('int_order_days') ~ " as days where days.is_full)" %}

with

dates as (
    select order_date as refund_date from {{ ref('int_sales_dates_affected') }}
),

dates_of_refunds_only as (
    select order_date from {{ ref('int_sales_dates_affected') }}
    where order_date not in (select of_orders.order_date from {{ ref('int_order_dates_affected') }} as of_orders)
),

sales as (
    select {{ sales_columns }} from {{ ref('int_order_date_sales') }}
    union all
    select {{ sales_columns }}
    from ({{ lookup_by_key('dates_of_refunds_only', source('published', 'daily_sales'), 'order_date') }}) as kept
    where orders > 0 and not {{ is_full_build }}
),

refunds as (
    select {{ refund_columns }} from {{ ref('fct_refunds__changes') }}
    union all
    select {{ refund_columns }}
    from ({{ lookup_by_key('dates', source('published', 'fct_refunds'), 'refund_date') }}) as kept
    where
        order_id not in (select affected.order_id from {{ ref('int_orders_affected') }} as affected)
        and not {{ is_full_build }}
),

refunds_by_date as (
    select
        refund_date,
        sum(amount) as refunds,
        count(distinct order_id) as orders_refunded,
        case when bool_and(tax_amount + shipping_amount is not null) then sum(amount - tax_amount - shipping_amount) end
            as refunds_of_goods
    from refunds
    group by refund_date
),

joined as (
    select
        coalesce(sales.order_date, refunds_by_date.refund_date) as order_date,
        coalesce(sales.orders, 0) as orders,
        coalesce(sales.customers, 0) as customers,
        coalesce(sales.revenue, 0)::numeric(38, 2) as revenue,
        sales.average_order_value,
        sales.discounts,
        sales.tax,
        sales.shipping,
        case
            when sales.order_date is not null then sales.gross_sales
            when refunds_by_date.refunds_of_goods is not null then 0
        end::numeric(38, 2) as gross_sales,
        coalesce(refunds_by_date.refunds, 0)::numeric(38, 2) as refunds,
        coalesce(refunds_by_date.orders_refunded, 0) as orders_refunded,
        case when refunds_by_date.refund_date is not null then refunds_by_date.refunds_of_goods else 0 end as goods_back
    from sales
    full outer join refunds_by_date on sales.order_date = refunds_by_date.refund_date
)

select
    {{ sales_columns }},
    refunds,
    orders_refunded,
    (revenue - refunds)::numeric(38, 2) as net_revenue,
    (gross_sales - coalesce(discounts, 0) - goods_back)::numeric(38, 2) as net_sales
from joined
