-- One row per accepted review and day of this build. A review can be on several days.
with

days as (
    select * from {{ ref('int_review_days') }}
),

reviews as (
    select * from {{ ref('stg_shop__reviews') }}
    where
        is_valid
        -- arrays instead of a join: Postgres can push them below the view's windows and read only these loads by index
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
