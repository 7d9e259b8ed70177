-- One row per product with a review. A view: its windows move with as_of_date without rewriting any product.
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

windowed_reviews as (
    select
        reviews.product_id,
        reviews.rating,
        reviews.review_date > as_of.as_of_date - {{ var('rating_drop_recent_days') }} as is_recent
    from {{ ref('fct_reviews') }} as reviews
    cross join as_of
    where
        reviews.review_date <= as_of.as_of_date
        and reviews.review_date
        > as_of.as_of_date - {{ var('rating_drop_recent_days') }} - {{ var('rating_drop_prior_days') }}
),

windows as (
    select
        product_id,
        count(*) filter (where is_recent) as recent_count,
        avg(rating) filter (where is_recent) as recent_average,
        coalesce(var_samp(rating) filter (where is_recent), 0) as recent_variance,
        count(*) filter (where not is_recent) as prior_count,
        avg(rating) filter (where not is_recent) as prior_average,
        coalesce(var_samp(rating) filter (where not is_recent), 0) as prior_variance
    from windowed_reviews
    group by product_id
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
        round(windows.recent_average, 4)::numeric(6, 4) as recent_average,
        coalesce(windows.recent_count, 0) as recent_count,
        round(windows.prior_average, 4)::numeric(6, 4) as prior_average,
        coalesce(windows.prior_count, 0) as prior_count,
        round(windows.recent_average - windows.prior_average, 4)::numeric(6, 4) as rating_delta,
        {{ is_rating_drop('windows') }} as is_rating_drop
    from totals
    cross join as_of
    left join windows on totals.product_id = windows.product_id
)

select * from metrics
