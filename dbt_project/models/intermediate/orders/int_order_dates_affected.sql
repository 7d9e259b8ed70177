-- One row per date with an affected order, before or after this build, and each day of the build.
{{ config(tags=['on_engine']) }}

select day as order_date from {{ ref('int_order_days') }}
union
select former_order_date from {{ ref('int_orders_affected') }}
where former_order_date is not null
union
select order_date from {{ ref('fct_orders__changes') }}
