-- One row per order and earlier day on which it is accepted too. Published together with fct_orders.
{{ config(
    materialized='published',
    schema='ops',
    unlogged=false,
    meta={'key': 'order_id', 'affected': 'int_orders_affected'},
    indexes=[{'columns': ['logical_date']}],
) }}
select * from {{ ref('int_orders_superseded__changes') }}
