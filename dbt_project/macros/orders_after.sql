{#
    The orders that readers will see after this build, for the keys of `touched` (its column `key`, such as customer_id):
    those published, less the touched ones, plus the changes.
#}
{% macro orders_after(touched, key) -%}
select published.order_id, published.customer_id, published.order_date, published.total_amount, published.is_revenue
from {{ ref(touched) }} as touched
inner join {{ ref('int_orders_published') }} as published on touched.{{ key }} = published.{{ key }}
where
    not exists (
        select from {{ ref('int_orders_touched') }} as touched_orders
        where touched_orders.order_id = published.order_id
    )
    and not exists (select from {{ ref('int_order_days') }} as days where days.is_full)
union all
select order_id, customer_id, order_date, total_amount, is_revenue from {{ ref('fct_orders__changes') }}
{%- endmacro %}
