-- One row per affected customer and month with a revenue order after this build.
{{ config(materialized='view') }}

select
    customer_id,
    order_month,
    cohort_month,
    orders,
    revenue
from {{ ref('int_customer_months_affected') }}
where orders > 0
