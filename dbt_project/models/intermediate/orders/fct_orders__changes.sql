-- One row per affected order after this build.
{{ config(materialized='view', tags=['on_engine']) }}

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
where is_current
