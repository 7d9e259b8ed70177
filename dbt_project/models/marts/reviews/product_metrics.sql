-- One row per product with a review. A view, so that the windows move with as_of_date without rewriting rows.
{{ config(materialized='published_view') }}

with

totals as (
    select
        *,
        rating_1 + 2 * rating_2 + 3 * rating_3 + 4 * rating_4 + 5 * rating_5 as rating_sum
    from {{ ref('product_rating_totals') }}
),

as_of as (
    select {{ as_of_date('customer_feedback_pipeline') }} as as_of_date
),

metrics as (
    select
        totals.product_id,
        as_of.as_of_date,
        totals.review_count,
        round(totals.rating_sum::numeric / totals.review_count, 4)::numeric(6, 4) as average_rating,
        totals.rating_1,
        totals.rating_2,
        totals.rating_3,
        totals.rating_4,
        totals.rating_5,
        {{ bayesian_rating('totals.rating_sum', 'totals.review_count') }} as bayesian_rating,
        totals.sentiment_positive,
        totals.sentiment_neutral,
        totals.sentiment_negative,
        windows.recent_average,
        coalesce(windows.recent_count, 0) as recent_count,
        windows.prior_average,
        coalesce(windows.prior_count, 0) as prior_count,
        windows.rating_delta,
        {{ is_rating_drop('windows') }} as is_rating_drop,
        {{ wilson_lower_bound('(totals.rating_4 + totals.rating_5)', 'totals.review_count') }} as wilson_lower_bound,
        windows.rating_trend,
        windows.drop_p_value,
        windows.drop_q_value,
        totals.sentiment_by_text,
        totals.sentiment_by_rating
    from totals
    cross join as_of
    left join {{ ref('product_rating_windows') }} as windows on totals.product_id = windows.product_id
)

select * from metrics
