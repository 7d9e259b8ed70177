-- One row per date whose sales this build may change: dates of affected orders, and of their refunds before and after.
with

formerly_refunded as (
    select order_id from {{ ref('int_orders_affected') }}
    where former_refunds is not null
),

published as (
    select * from {{ source('published', 'fct_refunds') }}
)

select order_date from {{ ref('int_order_dates_affected') }}
union
select former.refund_date as order_date
from ({{ lookup_by_key('formerly_refunded', 'published', 'order_id') }}) as former
union
select refund_date as order_date from {{ ref('fct_refunds__changes') }}
