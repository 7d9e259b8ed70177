-- One row per customer and month with a revenue order that readers see before this build.
{{ config(materialized='view') }}
-- depends_on: {{ source('published', 'customer_months') }}
{{ published_rows('customer_months') }}
