-- One row per product and month with a revenue order that readers see before this build.
{{ config(materialized='view') }}
-- depends_on: {{ source('published', 'product_months') }}
{{ published_rows('product_months') }}
