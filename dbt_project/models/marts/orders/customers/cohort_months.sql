-- One row per cohort and month with a revenue order of it: what customer_cohorts is computed from at read. Published.
{{ config(
    materialized='published',
    meta={'key': ['cohort_month', 'order_month'], 'affected': 'int_cohort_months_affected', 'fillfactor': 90},
) }}
select * from {{ ref('cohort_months__changes') }}
