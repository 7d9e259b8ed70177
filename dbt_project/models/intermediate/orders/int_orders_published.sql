-- One row per order that readers see before this build.
{{ config(materialized='view') }}
-- depends_on: {{ source('published', 'fct_orders') }}
{{ published_rows('fct_orders', {'logical_date': 'order_date'}) }}
