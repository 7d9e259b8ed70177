-- One row per customer with a revenue order that readers see before this build.
{{ config(materialized='view') }}
{{ published_rows('customer_order_totals') }}
