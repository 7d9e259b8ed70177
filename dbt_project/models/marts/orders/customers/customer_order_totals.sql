-- One row per customer with a revenue order: what customer_ltv is computed from at read. Published.
{{ config(
    materialized='published',
    meta={'key': 'customer_id', 'affected': 'int_order_customers_affected', 'fillfactor': 90},
) }}
select * from {{ ref('customer_order_totals__changes') }}
