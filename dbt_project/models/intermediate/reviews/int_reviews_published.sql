-- One row per review that readers see before this build.
{{ config(materialized='view') }}
-- depends_on: {{ source('published', 'fct_reviews') }}
{{ published_rows('fct_reviews') }}
