-- One row per product with a review: the counts that the view product_metrics reads. Published.
{{ config(
    materialized='published',
    meta={'key': 'product_id', 'affected': 'int_products_affected', 'fillfactor': 90},
) }}
select * from {{ ref('product_rating_totals__changes') }}
