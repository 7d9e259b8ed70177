-- One row per customer with a revenue order. A view: lifetime_value ages with as_of_date without rewriting anybody.
{{ config(materialized='published_view') }}

with

totals as (
    select * from {{ ref('customer_order_totals') }}
),

as_of as (
    select {{ as_of_date('ecommerce_order_pipeline') }} as as_of_date
),

lifetime_values as (
    select
        totals.customer_id,
        as_of.as_of_date,
        totals.first_order_date,
        totals.last_order_date,
        totals.total_orders,
        totals.total_spent,
        {{ money_average('totals.total_spent', 'totals.total_orders') }} as average_order_value,
        {{ lifetime_value('totals.total_spent', 'totals.first_order_date', 'as_of.as_of_date') }} as lifetime_value
    from totals
    cross join as_of
)

select * from lifetime_values
