-- Fails if this build changes customer_months or cohort_months by other totals than customer_order_totals, which
-- assert_totals_move_with_orders compares with fct_orders. Reads the affected rows only. It also fails if there are
-- customers but no customer_months: orders older than these marts need a full refresh.
with

customers as (
    {{ changed_rows(
        'customer_order_totals', 'int_order_customers_affected', ['customer_id'], 'int_order_days',
        ['total_orders', 'total_spent']
    ) }}
),

months as (
    {{ changed_rows(
        'customer_months', 'int_customer_months_affected', ['order_month', 'customer_id'], 'int_order_days',
        ['cohort_month', 'order_month', 'orders', 'revenue']
    ) }}
),

cohorts as (
    {{ changed_rows(
        'cohort_months', 'int_cohort_months_affected', ['cohort_month', 'order_month'], 'int_order_days',
        ['cohort_month', 'order_month', 'active_customers', 'orders', 'revenue']
    ) }}
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
)

select 'customer_months' as mart
from of_months
inner join of_customers
    on
        (of_months.customers, of_months.orders, of_months.amount)
        <> (of_customers.customers, of_customers.orders, of_customers.amount)
union all
select 'cohort_months' as mart
from of_cohorts
inner join of_months
    on
        (of_cohorts.customers, of_cohorts.months, of_cohorts.orders, of_cohorts.amount)
        <> (of_months.customers, of_months.months, of_months.orders, of_months.amount)
union all
select 'customer_months is empty: dbt build --full-refresh' as mart
where
    exists (select from {{ ref('customer_order_totals') }})
    and not exists (select from {{ ref('customer_months') }})
    and not exists (
        select from {{ ref('int_order_days') }} as days
        where days.is_full
    )
