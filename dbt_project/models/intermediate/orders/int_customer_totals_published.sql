-- One row per customer with a revenue order that readers see before this build.
{{ config(materialized='view') }}
-- depends_on: {{ source('published', 'customer_order_totals') }}
{{ published_rows('customer_order_totals') }}
