-- One row per affected customer with a revenue order before or after this build: the former and the new cohort.
with

days as (
    select * from {{ ref('int_order_days') }}
),

affected as (
    select * from {{ ref('int_order_customers_affected') }}
    where not exists (
        select from days
        where days.is_full
    )
),

published as (
    select * from {{ source('published', 'customer_order_totals') }}
),

of_affected as (
    {{ lookup_by_key('affected', 'published', 'customer_id') }}
),

before_this_build as (
    select
        customer_id,
        {{ first_of_month('first_order_date') }} as former_cohort_month,
        {{ first_of_month('last_order_date') }} as former_last_month
    from of_affected
),

after_this_build as (
    select
        customer_id,
        {{ first_of_month('first_order_date') }} as cohort_month
    from {{ ref('customer_order_totals__changes') }}
),

cohorts as (
    select
        coalesce(after_this_build.customer_id, before_this_build.customer_id) as customer_id,
        before_this_build.former_cohort_month,
        before_this_build.former_last_month,
        after_this_build.cohort_month
    from before_this_build
    full outer join after_this_build on before_this_build.customer_id = after_this_build.customer_id
)

select * from cohorts
