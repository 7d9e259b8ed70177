-- One row per customer with a revenue order: the totals that the view customer_health reads. Published.
{{ config(
    materialized='published',
    meta={'key': 'customer_id', 'affected': 'int_health_customers_affected', 'fillfactor': 90},
) }}
select * from {{ ref('customer_health_totals__changes') }}
