-- One row per refund of an affected revenue order after this build.
{{ config(materialized='view') }}

select
    changes.order_id,
    refund.value ->> 'refund_id' as refund_id,
    changes.order_date,
    -- a shop that gives no date of a refund: it counts with its order
    coalesce((refund.value ->> 'refund_date')::date, changes.order_date) as refund_date,
    (refund.value ->> 'amount')::numeric(18, 2) as amount,
    (refund.value ->> 'tax')::numeric(18, 2) as tax_amount,
    (refund.value ->> 'shipping')::numeric(18, 2) as shipping_amount
from {{ ref('fct_orders__changes') }} as changes
cross join lateral jsonb_array_elements(changes.refunds::jsonb) as refund
where changes.is_revenue
