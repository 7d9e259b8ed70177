-- One row per review that readers see before this build.
{{ config(materialized='view') }}
{{ published_rows('fct_reviews') }}
