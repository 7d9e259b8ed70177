-- One row per affected order and earlier day on which it is accepted too.
{{ config(materialized='view') }}

select
    order_id,
    customer_id,
    order_date,
    total_amount,
    status,
    is_revenue,
    is_large,
    logical_date,
    items
from {{ ref('int_orders_resolved') }}
where not is_current
