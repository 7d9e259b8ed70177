-- One row per affected order and earlier day on which it is accepted too.
{{ config(materialized='view') }}

select {{ order_columns() | join(', ') }}
from {{ ref('int_orders_resolved') }}
where not is_current
