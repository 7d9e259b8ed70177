-- One row per affected review and earlier day on which it is accepted too.
{{ config(materialized='view') }}

select
    review_id,
    logical_date,
    product_id,
    customer_id,
    review_date,
    rating,
    review_text,
    sentiment,
    sentiment_method
from {{ ref('int_reviews_resolved') }}
where not is_current
