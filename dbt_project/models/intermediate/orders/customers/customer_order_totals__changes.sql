-- One row per affected customer with a revenue order after this build. The totals are updated, not recomputed:
-- published totals, minus the affected orders as published, plus the same orders as changed. So a customer with a long
-- history costs no more than a new one. Example: customer c has orders on 01-01, 01-05 and 01-09, 1.00 each, and this
-- build moves the last one to 01-03:
--
--   summands                       orders  amount  first_before  last_before  removed_on  added_on
--   published totals of c               3    3.00  01-01         01-09
--   affected order, as published       -1   -1.00                             01-09
--   the same order, as changed          1    1.00                                         01-03
--   --------------------------------------------------------------------------------------------
--   result                              3    3.00  first 01-01, last 01-05
--
-- Sums add up. Dates do not: the last order left 01-09, and no added order is as late. Such a customer is `unsettled`:
-- only for them the remaining orders (01-01 and 01-05) are looked up in the history. All other customers keep their
-- published first and last date, or get an earlier or later added one.
{{ config(tags=['on_engine']) }}

with

days as (
    select * from {{ ref('int_order_days') }}
),

published as (
    select * from {{ source('published', 'fct_orders') }}
),

affected_orders as (
    select * from {{ ref('int_orders_affected') }}
),

before_this_build as (
    select totals.*
    from {{ ref('int_order_customers_affected') }} as affected
    inner join {{ source('published', 'customer_order_totals') }} as totals on affected.customer_id = totals.customer_id
    where not exists (
        select 1 from days
        where days.is_full
    )
),

summands as (
    select
        customer_id,
        total_orders as orders,
        total_orders as former_orders,
        total_spent as amount,
        first_order_date as first_before,
        last_order_date as last_before,
        cast(null as date) as removed_on,
        cast(null as date) as added_on
    from before_this_build
    union all
    select
        former_customer_id as customer_id,
        -1 as orders,
        -1 as former_orders,
        0 - former_total_amount as amount,  -- Sail 0.7.2 negates a decimal to zero
        null as first_before,
        null as last_before,
        former_order_date as removed_on,
        null as added_on
    from affected_orders
    where
        former_is_revenue
        and not exists (
            select 1 from days
            where days.is_full
        )
    union all
    select
        customer_id,
        1 as orders,
        0 as former_orders,
        total_amount as amount,
        null as first_before,
        null as last_before,
        null as removed_on,
        order_date as added_on
    from {{ ref('fct_orders__changes') }}
    where is_revenue
),

-- kept_orders: published orders that this build does not affect
sums as (
    select
        customer_id,
        cast(sum(orders) as bigint) as total_orders,
        sum(former_orders) as kept_orders,
        cast(sum(amount) as numeric(38, 2)) as total_spent,
        min(first_before) as first_before,
        max(last_before) as last_before,
        min(removed_on) as first_removed,
        max(removed_on) as last_removed,
        min(added_on) as first_added,
        max(added_on) as last_added
    from summands
    group by customer_id
    having sum(orders) > 0
),

-- unsettled: the first (or last) order is removed, and no added order is as early (or as late)
judged as (
    select
        *,
        (
            kept_orders > 0
            and (
                (first_removed = first_before and (first_added > first_before) is not false)
                or (last_removed = last_before and (last_added < last_before) is not false)
            )
        ) is true as is_unsettled
    from sums
),

of_unsettled as (
    {{ lookup_by_key('(select customer_id from judged where is_unsettled)', 'published', 'customer_id') }}
),

-- union and group instead of a join: planned without statistics, a join would compare every customer with every other
ends as (
    select
        customer_id,
        total_orders,
        total_spent,
        first_before,
        last_before,
        first_added,
        last_added,
        cast(null as date) as remaining_on
    from judged
    where is_unsettled
    union all
    select
        customer_id,
        null as total_orders,
        null as total_spent,
        null as first_before,
        null as last_before,
        null as first_added,
        null as last_added,
        order_date as remaining_on
    from of_unsettled
    where
        is_revenue
        and not exists (  -- the table has an index; the CTE would be read as a whole for each customer
            select 1 from {{ ref('int_orders_affected') }} as affected
            where of_unsettled.order_id = affected.order_id
        )
),

totals as (
    select
        customer_id,
        least(case when kept_orders > 0 then first_before end, first_added) as first_order_date,
        greatest(case when kept_orders > 0 then last_before end, last_added) as last_order_date,
        total_orders,
        total_spent
    from judged
    where not is_unsettled
    union all
    select
        customer_id,
        least(coalesce(min(remaining_on), max(first_before)), max(first_added)) as first_order_date,
        greatest(coalesce(max(remaining_on), max(last_before)), max(last_added)) as last_order_date,
        max(total_orders) as total_orders,
        max(total_spent) as total_spent
    from ends
    group by customer_id
)

select * from totals
