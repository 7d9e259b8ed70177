-- One row per review and day that is accepted there but belongs to a later day, as of the last publication.
{{ config(materialized='view') }}
-- depends_on: {{ source('shadowed', 'int_reviews_shadowed') }}
{{ published_rows('int_reviews_shadowed') }}
