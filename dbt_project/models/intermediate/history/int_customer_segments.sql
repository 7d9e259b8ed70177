-- One row per customer with a revenue order: what of customer_ltv is kept in the dated history.
select
    customer_id,
    rfm_segment,
    is_active
from {{ ref('customer_ltv') }}
