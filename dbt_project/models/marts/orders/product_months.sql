-- One row per product and month with a revenue order. Published.
{{ config(
    materialized='published',
    meta={
        'key': ['order_month', 'product_id'],
        'affected': 'int_product_month_deltas',
        'fillfactor': 90,
    },
) }}
select * from {{ ref('product_months__changes') }}
