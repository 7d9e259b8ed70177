-- One row per touched customer who has a revenue order after this build: the totals before, less what the touched
-- orders counted so far, plus what they count now. So a customer with a long history costs no more than a new one.
-- Only whose first or last order goes, and no other one takes its place, is looked up in the history.
with

days as (
    select * from {{ ref('int_order_days') }}
),

published as (
    select * from {{ ref('int_orders_published') }}
),

touched_orders as (
    select * from {{ ref('int_orders_touched') }}
),

before_this_build as (
    select totals.*
    from {{ ref('int_order_customers_touched') }} as touched
    inner join {{ ref('int_customer_totals_published') }} as totals on touched.customer_id = totals.customer_id
    where not exists (
        select from days
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
        null::date as lost_on,
        null::date as won_on
    from before_this_build
    union all
    select
        former_customer_id as customer_id,
        -1 as orders,
        -1 as former_orders,
        -former_total_amount as amount,
        null as first_before,
        null as last_before,
        former_order_date as lost_on,
        null as won_on
    from touched_orders
    where
        former_is_revenue
        and not exists (
            select from days
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
        null as lost_on,
        order_date as won_on
    from {{ ref('fct_orders__changes') }}
    where is_revenue
),

sums as (
    select
        customer_id,
        sum(orders)::bigint as total_orders,
        sum(former_orders) as kept_orders,
        sum(amount)::numeric(38, 2) as total_spent,
        min(first_before) as first_before,
        max(last_before) as last_before,
        min(lost_on) as first_lost,
        max(lost_on) as last_lost,
        min(won_on) as first_won,
        max(won_on) as last_won
    from summands
    group by customer_id
    having sum(orders) > 0
),

totals as (
    select
        sums.customer_id,
        least(
            case when sums.kept_orders > 0 then coalesce(kept.first_order_date, sums.first_before) end, sums.first_won
        ) as first_order_date,
        greatest(
            case when sums.kept_orders > 0 then coalesce(kept.last_order_date, sums.last_before) end, sums.last_won
        ) as last_order_date,
        sums.total_orders,
        sums.total_spent
    from sums
    -- one look-up per customer: a join would be planned without statistics, and read the whole history
    left join lateral (
        select
            min(published.order_date) as first_order_date,
            max(published.order_date) as last_order_date
        from published
        where
            sums.kept_orders > 0
            and (
                (sums.first_lost = sums.first_before and (sums.first_won > sums.first_before) is not false)
                or (sums.last_lost = sums.last_before and (sums.last_won < sums.last_before) is not false)
            )
            and published.customer_id = sums.customer_id
            and published.is_revenue
            and not exists (
                select from touched_orders
                where touched_orders.order_id = published.order_id
            )
        limit all offset 0  -- noqa: AM09
    ) as kept on true
)

select * from totals
