-- One row per cohort and month with a revenue order: the sums that the view customer_cohorts reads. Published.
{{ config(
    materialized='published',
    meta={'key': ['cohort_month', 'order_month'], 'affected': 'int_cohort_months_affected', 'fillfactor': 90},
) }}
select * from {{ ref('cohort_months__changes') }}
