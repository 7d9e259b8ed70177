-- One row per customer with a revenue order. A view, so that values age with as_of_date without rewriting rows.
{{ config(materialized='published_view') }}

with

totals as (
    select * from {{ ref('customer_order_totals') }}
),

as_of as materialized (
    select {{ as_of_date('ecommerce_order_pipeline') }} as as_of_date
),

model as (
    select
        recency_limits,
        frequency_limits,
        monetary_limits
    from {{ source('fitted', 'customer_models') }}
    order by as_of_date desc
    limit 1
),

lifetime_values as (
    select
        totals.customer_id,
        as_of.as_of_date,
        totals.first_order_date,
        totals.last_order_date,
        totals.total_orders,
        totals.total_spent,
        totals.total_refunded,
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
),

scored as (
    select
        lifetime_values.*,
        6 - {{ rfm_score('lifetime_values.recency_days', 'model.recency_limits') }} as recency_score,
        {{ rfm_score('lifetime_values.total_orders', 'model.frequency_limits') }} as frequency_score,
        {{ rfm_score('lifetime_values.total_spent', 'model.monetary_limits') }} as monetary_score
    from lifetime_values
    left join model on true
),

-- joined by primary key: Postgres removes the join from queries that read no prediction
predicted as (
    select
        scored.*,
        {{ rfm_segment('scored.recency_score', 'scored.frequency_score') }} as rfm_segment,
        predictions.probability_alive,
        predictions.expected_orders as expected_orders_next_365_days,
        predictions.expected_revenue as expected_revenue_next_365_days,
        predictions.as_of_date as predicted_on
    from scored
    left join {{ source('fitted', 'customer_predictions') }} as predictions
        on scored.customer_id = predictions.customer_id
)

select * from predicted
