-- One row per refund of a revenue order. Published.
{{ config(
    materialized='published',
    meta={'key': 'order_id', 'affected': 'int_orders_affected'},
    indexes=[{'columns': ['refund_date']}],
) }}
select * from {{ ref('fct_refunds__changes') }}
