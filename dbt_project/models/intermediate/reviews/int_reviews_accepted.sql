-- One row per review that the gate accepted on a day of this build: a review may stand on several days.
with

days as (
    select * from {{ ref('int_review_days') }}
),

reviews as (
    select * from {{ ref('stg_shop__reviews') }}
    where
        is_valid
        -- arrays, not a join: they reach the index below the view's windows, so that only these loads are read
        and _day = any(array(select days.day from days))
        and _load_id = any(array(select days.load_id from days))
),

scores as (
    select * from {{ source('scores', 'review_sentiment') }}
),

accepted as (
    select
        reviews.review_id,
        reviews._day as logical_date,
        reviews.product_id,
        reviews.customer_id,
        reviews.review_date,
        reviews.rating,
        reviews.review_text,
        coalesce(scores.sentiment, {{ sentiment_by_rating('reviews.rating') }}) as sentiment,
        coalesce(scores.sentiment_method, 'rating') as sentiment_method
    from reviews
    left join scores
        on
            reviews._load_id = scores._load_id
            and reviews._row_number = scores._row_number
)

select * from accepted
