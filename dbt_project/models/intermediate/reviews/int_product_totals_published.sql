-- One row per product with a review that readers see before this build.
{{ config(materialized='view') }}
-- depends_on: {{ source('published', 'product_rating_totals') }}
{{ published_rows('product_rating_totals') }}
