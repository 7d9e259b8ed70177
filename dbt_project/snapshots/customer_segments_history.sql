{% snapshot customer_segments_history %}
-- One row per customer with a revenue order: the columns of customer_ltv worth a history, without those that age weekly.
select
    customer_id,
    rfm_segment,
    is_active
from {{ ref('customer_ltv') }}
{% endsnapshot %}
