-- Fails if this build changes customer_months or cohort_months by other totals than customer_order_totals, which
-- assert_totals_move_with_orders compares with fct_orders. Reads the affected rows only. It also fails if there are
-- customers but no customer_months: orders older than these marts need a full refresh.
with

is_partial as (
    select not coalesce(bool_or(is_full), false) as holds from {{ ref('int_order_days') }}
),

customers as (
    select
        -1 as direction,
        published.total_orders,
        published.total_spent
    from {{ ref('int_order_customers_affected') }} as affected
    inner join {{ ref('customer_order_totals') }} as published on affected.customer_id = published.customer_id
    inner join is_partial on is_partial.holds
    union all
    select
        1 as direction,
        total_orders,
        total_spent
    from {{ ref('customer_order_totals__changes') }}
),

months as (
    select
        -1 as direction,
        published.*
    from {{ ref('int_customer_months_affected') }} as affected
    inner join {{ ref('customer_months') }} as published
        on affected.order_month = published.order_month and affected.customer_id = published.customer_id
    inner join is_partial on is_partial.holds
    union all
    select
        1 as direction,
        changes.*
    from {{ ref('customer_months__changes') }} as changes
),

cohorts as (
    select
        -1 as direction,
        published.*
    from {{ ref('int_cohort_months_affected') }} as affected
    inner join {{ ref('cohort_months') }} as published
        on affected.cohort_month = published.cohort_month and affected.order_month = published.order_month
    inner join is_partial on is_partial.holds
    union all
    select
        1 as direction,
        changes.*
    from {{ ref('cohort_months__changes') }} as changes
),

of_customers as (
    select
        coalesce(sum(direction), 0) as customers,
        coalesce(sum(direction * total_orders), 0) as orders,
        coalesce(sum(direction * total_spent), 0) as amount
    from customers
),

of_months as (
    select
        coalesce(sum(direction) filter (where order_month = cohort_month), 0) as customers,
        coalesce(sum(direction), 0) as months,
        coalesce(sum(direction * orders), 0) as orders,
        coalesce(sum(direction * revenue), 0) as amount
    from months
),

of_cohorts as (
    select
        coalesce(sum(direction * active_customers) filter (where order_month = cohort_month), 0) as customers,
        coalesce(sum(direction * active_customers), 0) as months,
        coalesce(sum(direction * orders), 0) as orders,
        coalesce(sum(direction * revenue), 0) as amount
    from cohorts
),

unbalanced as (
    select 'customer_months' as total
    from of_customers
    cross join of_months
    where
        (of_customers.customers, of_customers.orders, of_customers.amount)
        <> (of_months.customers, of_months.orders, of_months.amount)
    union all
    select 'cohort_months' as total
    from of_months
    cross join of_cohorts
    where
        (of_months.customers, of_months.months, of_months.orders, of_months.amount)
        <> (of_cohorts.customers, of_cohorts.months, of_cohorts.orders, of_cohorts.amount)
    union all
    select 'customer_months is empty: dbt build --full-refresh' as total
    from is_partial
    where
        is_partial.holds
        and exists (select from {{ ref('customer_order_totals') }})
        and not exists (select from {{ ref('customer_months') }})
)

select * from unbalanced
