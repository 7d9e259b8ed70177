-- One row per cohort and month, from its first month to that of as_of_date. A view, so that months without orders need
-- no stored row.
{{ config(materialized='published_view') }}

with

months as (
    select * from {{ ref('cohort_months') }}
),

as_of as (
    select {{ as_of_date('ecommerce_order_pipeline') }} as as_of_date
),

-- in its first month, every customer of a cohort is active
cohorts as (
    select
        cohort_month,
        active_customers as cohort_size
    from months
    where order_month = cohort_month
),

cohort_calendar as (
    select
        cohorts.cohort_month,
        (calendar.month_number - 1)::integer as months_since_first,
        calendar.order_month::date as order_month,
        as_of.as_of_date,
        (calendar.order_month + interval '1 month')::date <= as_of.as_of_date + 1 as is_complete_month,
        cohorts.cohort_size
    from cohorts
    cross join as_of
    cross join
        lateral generate_series(
            cohorts.cohort_month::timestamp, as_of.as_of_date, interval '1 month'
        ) with ordinality as calendar (order_month, month_number)
),

with_sums as (
    select
        cohort_calendar.*,
        coalesce(months.active_customers, 0) as active_customers,
        coalesce(months.orders, 0) as orders,
        coalesce(months.revenue, 0)::numeric(38, 2) as revenue
    from cohort_calendar
    left join months
        on cohort_calendar.cohort_month = months.cohort_month and cohort_calendar.order_month = months.order_month
),

retention as (
    select
        cohort_month,
        months_since_first,
        order_month,
        as_of_date,
        is_complete_month,
        cohort_size,
        active_customers,
        round(active_customers::numeric / cohort_size, 4)::numeric(5, 4) as retention_rate,
        orders,
        revenue,
        {{ money_average('sum(revenue) over since_first', 'cohort_size') }} as cumulative_ltv_per_customer
    from with_sums
    window since_first as (partition by cohort_month order by order_month)
)

select * from retention
