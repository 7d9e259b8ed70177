-- One row per cohort and month with an affected customer, before or after this build.
select
    former_cohort_month as cohort_month,
    order_month
from {{ ref('int_customer_months_affected') }}
where former_orders > 0
union
select
    cohort_month,
    order_month
from {{ ref('customer_months__changes') }}
