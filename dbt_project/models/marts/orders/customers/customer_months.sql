-- One row per customer and month with a revenue order. Published.
{{ config(
    materialized='published',
    meta={
        'key': ['order_month', 'customer_id'],
        'affected': 'int_customer_months_affected',
        'fillfactor': 90,
    },
) }}
select * from {{ ref('customer_months__changes') }}
