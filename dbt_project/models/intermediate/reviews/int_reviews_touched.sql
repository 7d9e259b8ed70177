-- One row per review that this build may change: published on one of its days before, or accepted on one now.
-- With what readers see of it so far, so that customers and products follow when it moves away or vanishes.
{{ config(indexes=[{'columns': ['review_id'], 'unique': true}]) }}

with

days as (
    select * from {{ ref('int_review_days') }}
),

published as (
    select * from {{ ref('int_reviews_published') }}
),

shadowed as (
    select * from {{ ref('int_reviews_shadowed_published') }}
),

touched as (
    select review_id from {{ ref('int_reviews_accepted') }}
    union
    select published.review_id from published
    where published.logical_date = any(array(select days.day from days))
    union
    select shadowed.review_id from shadowed
    where shadowed.logical_date = any(array(select days.day from days))
),

with_former_contents as (
    select
        touched.review_id,
        published.customer_id as former_customer_id,
        published.product_id as former_product_id,
        published.rating as former_rating,
        published.sentiment as former_sentiment
    from touched
    left join published on touched.review_id = published.review_id
)

select * from with_former_contents
