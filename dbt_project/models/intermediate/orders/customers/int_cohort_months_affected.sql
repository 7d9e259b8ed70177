-- One row per cohort and month that loses or gains a customer's month, or has one that changes.
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
