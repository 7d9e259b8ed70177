-- One row per customer and month with a revenue order: published.
{{ config(
    materialized='published',
    meta={
        'key': ['order_month', 'customer_id'],
        'touched': 'int_customer_months_touched',
        'fillfactor': 90,
    },
) }}
select * from {{ ref('customer_months__changes') }}
