-- One row per customer with a revenue order: what customer_health is computed from at read. Published.
{{ config(
    materialized='published',
    meta={'key': 'customer_id', 'affected': 'int_health_customers_affected', 'fillfactor': 90},
) }}
select * from {{ ref('customer_health_totals__changes') }}
