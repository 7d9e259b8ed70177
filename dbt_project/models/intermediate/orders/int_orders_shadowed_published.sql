-- One row per order and day that is accepted there but belongs to a later day, as of the last publication.
{{ config(materialized='view') }}
-- depends_on: {{ source('shadowed', 'int_orders_shadowed') }}
{{ published_rows('int_orders_shadowed', {'logical_date': 'order_date'}) }}
