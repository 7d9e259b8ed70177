-- One row per review that this build may change: published on one of its days before, or accepted on one now.
-- With what readers see of it so far, so that customers and products follow when it moves away or vanishes.
{{ config(indexes=[{'columns': ['review_id'], 'unique': true}]) }}

with

days as (
    select * from {{ ref('int_review_days') }}
),

-- used twice: as a whole it would be all of the history
published as not materialized (
    select * from {{ source('published', 'fct_reviews') }}
),

superseded as (
    select * from {{ source('superseded', 'int_reviews_superseded') }}
),

affected as (
    select review_id from {{ ref('int_reviews_accepted') }}
    union
    select published.review_id from published
    where published.logical_date = any(array(select days.day from days))
    union
    select superseded.review_id from superseded
    where superseded.logical_date = any(array(select days.day from days))
),

with_former_contents as (
    select
        affected.review_id,
        former.customer_id as former_customer_id,
        former.product_id as former_product_id,
        former.rating as former_rating,
        former.sentiment as former_sentiment,
        former.sentiment_method as former_sentiment_method
    from affected
    -- offset 0 makes it one look-up per review: a join would be planned without statistics, and read the whole history
    left join lateral (
        select
            published.customer_id,
            published.product_id,
            published.rating,
            published.sentiment,
            published.sentiment_method
        from published
        where affected.review_id = published.review_id
        limit all offset 0  -- noqa: AM09
    ) as former on true
)

select * from with_former_contents
