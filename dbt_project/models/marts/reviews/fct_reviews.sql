-- One row per accepted review. Published.
{{ config(
    materialized='published',
    meta={'key': 'review_id', 'affected': 'int_reviews_affected'},
    indexes=[
        {'columns': ['logical_date']},
        {'columns': ['review_date', 'product_id', 'rating']},
        {'columns': ['customer_id']},
    ],
) }}
select * from {{ ref('fct_reviews__changes') }}
