-- One row per order that readers see before this build.
{{ config(materialized='view') }}
{{ published_rows('fct_orders') }}
