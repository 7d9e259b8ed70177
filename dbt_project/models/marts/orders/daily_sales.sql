-- One row per date with a revenue order or a refund. Published.
{{ config(materialized='published', meta={'key': 'order_date', 'affected': 'int_sales_dates_affected'}) }}
select * from {{ ref('daily_sales__changes') }}
