-- One row per accepted order: published.
{{ config(
    materialized='published',
    meta={'key': 'order_id', 'touched': 'int_orders_touched'},
    indexes=[
        {'columns': ['order_date']},
        {'columns': ['customer_id']},
    ],
) }}
select * from {{ ref('fct_orders__changes') }}
