-- One row per accepted review: published.
{{ config(
    materialized='published',
    meta={'key': 'review_id', 'touched': 'int_reviews_touched'},
    indexes=[
        {'columns': ['logical_date']},
        {'columns': ['review_date', 'product_id', 'rating']},
        {'columns': ['customer_id']},
    ],
) }}
select * from {{ ref('fct_reviews__changes') }}
