-- One row per accepted order. Published.
{{ config(
    materialized='published',
    meta={'key': 'order_id', 'affected': 'int_orders_affected'},
    indexes=[
        {'columns': ['order_date']},
        {'columns': ['customer_id']},
    ],
    post_hook='{{ index_updated_orders() }}',
) }}
select * from {{ ref('fct_orders__changes') }}
