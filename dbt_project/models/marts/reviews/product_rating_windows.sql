-- One row per product with a review in the recent or prior window. A view, because the windows move with as_of_date.
{{ config(materialized='published_view') }}

with

as_of as (
    select {{ as_of_date('customer_feedback_pipeline') }} as as_of_date
),

reviews as (
    select
        reviews.product_id,
        reviews.rating,
        reviews.review_date - as_of.as_of_date as day,
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
        {%- for name, condition in {'recent': 'is_recent', 'prior': 'not is_recent'}.items() %}
        count(*) filter (where {{ condition }}) as {{ name }}_count,
        avg(rating) filter (where {{ condition }}) as {{ name }}_average,
        coalesce(var_samp(rating) filter (where {{ condition }}), 0) as {{ name }}_variance,
        {%- endfor %}
        count(*)::numeric as review_count,
        sum(rating) as rating_sum,
        sum(day) as day_sum,
        sum(day * rating) as day_rating_sum,
        sum(day * day) as day_square_sum
    from reviews
    group by product_id
),

-- standard_error is null with too few reviews in a window; such a product is not tested
compared as (
    select
        windows.*,
        {{ rating_delta_error('windows') }} as standard_error
    from windows
),

tested as (
    select
        compared.*,
        {{ drop_p_value('compared') }} as drop_p_value
    from compared
),

-- Benjamini & Hochberg (1995): rank among all tested products; equal p-values share the highest rank
ranked as (
    select
        *,
        drop_p_value * count(drop_p_value) over () / count(drop_p_value) over (order by drop_p_value) as scaled_p_value
    from tested
),

rating_windows as (
    select
        ranked.product_id,
        ranked.recent_count,
        round(ranked.recent_average, 4)::numeric(6, 4) as recent_average,
        ranked.prior_count,
        round(ranked.prior_average, 4)::numeric(6, 4) as prior_average,
        round(ranked.recent_average - ranked.prior_average, 4)::numeric(6, 4) as rating_delta,
        {{ rating_trend('ranked') }} as rating_trend,
        ranked.drop_p_value,
        round(min(ranked.scaled_p_value) over (order by ranked.drop_p_value desc), 6)::numeric(7, 6) as drop_q_value
    from ranked
)

select * from rating_windows
