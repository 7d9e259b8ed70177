-- One row per product with a review that readers see before this build.
{{ config(materialized='view') }}
{{ published_rows('product_rating_totals') }}
