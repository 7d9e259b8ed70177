-- One row per date with a revenue order. Published.
{{ config(materialized='published', meta={'key': 'order_date', 'affected': 'int_order_dates_affected'}) }}
select * from {{ ref('daily_sales__changes') }}
