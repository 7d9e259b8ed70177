-- One row per review that this build may change: accepted, published or superseded on one of its days. The former_*
-- columns are its published contents, so that its former customer and product are updated as well.
{{ config(indexes=[{'columns': ['review_id'], 'unique': true}]) }}

with

days as (
    select * from {{ ref('int_review_days') }}
),

-- not materialized: it is used twice, and Postgres would otherwise read the whole history into a CTE
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
    -- offset 0 forces one index lookup per review: Postgres would plan a join without statistics, and read all history
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
