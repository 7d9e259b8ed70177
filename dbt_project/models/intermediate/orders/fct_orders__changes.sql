-- One row per affected order after this build.
{{ config(materialized='view', tags=['on_engine']) }}

select {{ order_columns() | join(', ') }}
from {{ ref('int_orders_resolved') }}
where is_current
