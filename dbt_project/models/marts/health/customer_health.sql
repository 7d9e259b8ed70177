-- One row per customer with a revenue order. A view: lifetime_value ages with as_of_date without rewriting rows.
{{ config(materialized='published_view') }}

with

totals as (
    select * from {{ ref('customer_health_totals') }}
),

as_of as (
    select {{ as_of_date('customer_health_pipeline') }} as as_of_date
),

with_values as (
    select
        totals.customer_id,
        as_of.as_of_date,
        {{ lifetime_value('totals.total_spent', 'totals.first_order_date', 'as_of.as_of_date') }} as lifetime_value,
        totals.total_orders,
        totals.review_count,
        round(totals.rating_sum::numeric / nullif(totals.review_count, 0), 4)::numeric(6, 4) as average_rating_given,
        totals.last_rating
    from totals
    cross join as_of
),

health as (
    select
        *,
        coalesce(
            lifetime_value >= {{ var('high_value_lifetime_value') }}
            and total_orders >= {{ var('high_value_orders') }}
            and last_rating <= {{ var('unhappy_rating') }},
            false
        ) as is_at_risk
    from with_values
)

select * from health
