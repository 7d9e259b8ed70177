-- One row per product with a review: what product_metrics is computed from at read. Published.
{{ config(
    materialized='published',
    meta={'key': 'product_id', 'affected': 'int_products_affected', 'fillfactor': 90},
) }}
select * from {{ ref('product_rating_totals__changes') }}
