-- One row per date with a revenue order: published.
{{ config(materialized='published', meta={'key': 'order_date', 'touched': 'int_order_dates_touched'}) }}
select * from {{ ref('daily_sales__changes') }}
