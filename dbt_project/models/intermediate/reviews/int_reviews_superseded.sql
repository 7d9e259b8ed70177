-- One row per review and day on which it is accepted although it belongs to a later one: published with fct_reviews.
{{ config(
    materialized='published',
    schema='ops',
    unlogged=false,
    meta={'key': 'review_id', 'affected': 'int_reviews_affected'},
    indexes=[{'columns': ['logical_date']}],
) }}
select * from {{ ref('int_reviews_superseded__changes') }}
