-- One row per affected cohort and month with an active customer after this build: the published sums, minus the
-- affected customers' published months, plus their changed months.
with

summands as (
    select
        published.cohort_month,
        published.order_month,
        published.active_customers,
        published.orders,
        published.revenue
    from {{ ref('int_cohort_months_affected') }} as affected
    inner join {{ source('published', 'cohort_months') }} as published
        on affected.cohort_month = published.cohort_month and affected.order_month = published.order_month
    where
        not exists (
            select from {{ ref('int_order_days') }} as days
            where days.is_full
        )
    union all
    select
        former_cohort_month as cohort_month,
        order_month,
        -1 as active_customers,
        -former_orders as orders,
        -former_revenue as revenue
    from {{ ref('int_customer_months_affected') }}
    where former_orders > 0
    union all
    select
        cohort_month,
        order_month,
        1 as active_customers,
        orders,
        revenue
    from {{ ref('customer_months__changes') }}
),

sums as (
    select
        cohort_month,
        order_month,
        sum(active_customers)::bigint as active_customers,
        sum(orders)::bigint as orders,
        sum(revenue)::numeric(38, 2) as revenue
    from summands
    group by cohort_month, order_month
    having sum(active_customers) > 0
)

select * from sums
