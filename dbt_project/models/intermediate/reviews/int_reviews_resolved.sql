-- One row per affected review and day on which it is accepted. A review that stands on several days belongs to the
-- latest; the others are kept as superseded, and return when that day drops it.
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
