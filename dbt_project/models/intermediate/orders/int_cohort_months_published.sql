-- One row per cohort and month with a revenue order that readers see before this build.
{{ config(materialized='view') }}
-- depends_on: {{ source('published', 'cohort_months') }}
{{ published_rows('cohort_months') }}
