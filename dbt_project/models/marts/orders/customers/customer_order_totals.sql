-- One row per customer with a revenue order: the totals that the view customer_ltv reads. Published.
{{ config(
    materialized='published',
    meta={'key': 'customer_id', 'affected': 'int_order_customers_affected', 'fillfactor': 90},
) }}
select * from {{ ref('customer_order_totals__changes') }}
