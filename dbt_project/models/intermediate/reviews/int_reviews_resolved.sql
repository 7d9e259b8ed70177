-- One row per affected review and day on which it is accepted. Readers see the latest day (is_current); the earlier
-- ones are superseded. If the latest day drops the review, the next one becomes current. See int_orders_resolved.
{% set columns = [
    'review_id', 'logical_date', 'product_id', 'customer_id', 'review_date', 'rating', 'review_text', 'sentiment',
    'sentiment_method',
] | join(', ') %}

with

days as (
    select * from {{ ref('int_review_days') }}
),

affected as (
    select * from {{ ref('int_reviews_affected') }}
),

accepted as (
    select {{ columns }} from {{ ref('int_reviews_accepted') }}
),

accepted_before as (
    select {{ columns }} from {{ source('published', 'fct_reviews') }}
    union all
    select {{ columns }} from {{ source('superseded', 'int_reviews_superseded') }}
),

on_other_days as (
    select accepted_before.*
    from affected
    inner join accepted_before on affected.review_id = accepted_before.review_id
    where
        accepted_before.logical_date <> all(array(select days.day from days))
        and not exists (
            select from days
            where days.is_full
        )
),

candidates as (
    select * from accepted
    union all
    select * from on_other_days
),

resolved as (
    select
        *,
        row_number() over (partition by review_id order by logical_date desc) = 1 as is_current
    from candidates
)

select * from resolved
