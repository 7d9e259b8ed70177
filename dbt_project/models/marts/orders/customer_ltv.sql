-- One row per customer with a revenue order. A view: what ages with as_of_date does so without rewriting anybody.
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
        {{ lifetime_value('totals.total_spent', 'totals.first_order_date', 'as_of.as_of_date') }} as lifetime_value,
        as_of.as_of_date - totals.last_order_date as recency_days,
        as_of.as_of_date - totals.first_order_date as tenure_days,
        round(
            (totals.last_order_date - totals.first_order_date)::numeric / nullif(totals.total_orders - 1, 0), 2
        )::numeric(9, 2) as average_days_between_orders,
        as_of.as_of_date - totals.last_order_date <= {{ var('active_days') }} as is_active
    from totals
    cross join as_of
)

select * from lifetime_values
