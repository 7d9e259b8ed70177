-- One row per review and earlier day on which it is accepted too. Published together with fct_reviews.
{{ config(
    materialized='published',
    schema='ops',
    unlogged=false,
    meta={'key': 'review_id', 'affected': 'int_reviews_affected'},
    indexes=[{'columns': ['logical_date']}],
) }}
select * from {{ ref('int_reviews_superseded__changes') }}
