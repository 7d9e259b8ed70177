{% snapshot customer_segments_history %}
-- One row per customer with a revenue order: what of customer_ltv is kept. What changes for everybody each week is not.
select
    customer_id,
    rfm_segment,
    is_active
from {{ ref('customer_ltv') }}
{% endsnapshot %}
