-- One row per accepted order: published.
{{ config(
    materialized='published',
    meta={'key': 'order_id', 'touched': 'int_orders_touched'},
    indexes=[
        {'columns': ['order_date']},
        {'columns': ['customer_id', 'order_id', 'order_date', 'total_amount', 'is_revenue']},
    ],
) }}
select * from {{ ref('fct_orders__changes') }}
