-- One row per customer and month that this build may change, with the published and the new values.
with

movements as (
    select
        customer_id,
        {{ first_of_month('order_date') }} as order_month,
        direction as orders,
        direction * net_amount as revenue
    from {{ ref('int_order_movements') }}
),

cohorts as (
    select * from {{ ref('int_customer_cohorts_affected') }}
),

months as (
    select
        customer_id,
        order_month
    from movements
    union
    select
        cohorts.customer_id,
        months_so_far.order_month::date as order_month
    from cohorts
    cross join
        lateral generate_series(
            cohorts.former_cohort_month::timestamp, cohorts.former_last_month, interval '1 month'
        ) as months_so_far (order_month)
    where cohorts.cohort_month is distinct from cohorts.former_cohort_month
),

summands as (
    select
        movements.*,
        0 as former_orders,
        0 as former_revenue
    from movements
    union all
    select
        months.customer_id,
        months.order_month,
        former.orders,
        former.revenue,
        former.orders as former_orders,
        former.revenue as former_revenue
    from months
    -- offset 0 forces one index lookup per month: Postgres would plan a join without statistics, and read all history
    cross join
        lateral (
            select
                published.orders,
                published.revenue
            from {{ source('published', 'customer_months') }} as published
            where months.order_month = published.order_month and months.customer_id = published.customer_id
            limit all offset 0  -- noqa: AM09
        ) as former
    where not exists (
        select from {{ ref('int_order_days') }} as days
        where days.is_full
    )
),

affected as (
    select
        summands.customer_id,
        summands.order_month,
        cohorts.former_cohort_month,
        sum(summands.former_orders)::bigint as former_orders,
        sum(summands.former_revenue)::numeric(38, 2) as former_revenue,
        cohorts.cohort_month,
        sum(summands.orders)::bigint as orders,
        sum(summands.revenue)::numeric(38, 2) as revenue
    from summands
    inner join cohorts on summands.customer_id = cohorts.customer_id
    group by summands.customer_id, summands.order_month, cohorts.former_cohort_month, cohorts.cohort_month
)

select * from affected
