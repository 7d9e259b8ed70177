-- One row per affected customer with a revenue order up to the common day, the newest day that both orders and reviews
-- have published. Later orders and reviews do not count yet. Example with the common day 01-03:
--
--   customer   revenue orders on      reviews on   result
--   buys       01-01, 01-03, 01-04    01-02        2 orders, 1 review: its orders are counted one by one (`ahead`)
--   up_to_day  01-02, 01-03           none         2 orders, 0 reviews: taken from customer_order_totals as they are
--   later      01-04                  01-02        no row: no revenue order up to 01-03
--
-- If orders or reviews are part of this build, their changes replace the published rows of their affected keys. For
-- example, if order o1 of `buys` is affected and changes from 10.00 to 99.00, 99.00 counts.
with

days as (
    select * from {{ ref('int_health_days') }}
),

affected as (
    select customer_id from {{ ref('int_health_customers_affected') }}
),

-- customer_order_totals as it will be: published rows of customers that this build does not change, and the changes
order_totals_after_this_build as (
    select totals.*
    from affected
    inner join {{ ref('customer_order_totals') }} as totals on affected.customer_id = totals.customer_id
    where
        not exists (
            select from {{ ref('int_order_customers_affected') }} as changed
            inner join days on days.orders_build_id is not null
            where totals.customer_id = changed.customer_id
        )
        and not exists (
            select from days
            where days.orders_build_id is not null and days.is_full
        )
    union all
    select *
    from {{ ref('customer_order_totals__changes') }}
    where exists (
        select from days
        where days.orders_build_id is not null
    )
),

-- orders can be published further than reviews: totals of these customers contain orders after the common day
ahead as (
    select totals.customer_id
    from order_totals_after_this_build as totals
    inner join days on totals.first_order_date <= days.day and totals.last_order_date > days.day
),

-- the single orders of those customers, and the reviews of all affected customers, after this build
orders as (
    {{ after_this_build(
        'ahead', 'fct_orders', 'int_orders_affected', 'fct_orders__changes', 'order_id', 'orders_build_id',
        ['order_id', 'customer_id', 'order_date', 'total_amount', 'is_revenue']
    ) }}
),

reviews as (
    {{ after_this_build(
        'affected', 'fct_reviews', 'int_reviews_affected', 'fct_reviews__changes', 'review_id', 'reviews_build_id',
        ['review_id', 'customer_id', 'logical_date', 'review_date', 'rating']
    ) }}
),

-- whole totals if the last order is not after the common day, otherwise the sum of the orders up to it
order_totals as (
    select
        totals.customer_id,
        totals.first_order_date,
        totals.total_orders,
        totals.total_spent
    from order_totals_after_this_build as totals
    inner join days on totals.last_order_date <= days.day
    union all
    select
        orders.customer_id,
        min(orders.order_date) as first_order_date,
        count(*) as total_orders,
        sum(orders.total_amount)::numeric(38, 2) as total_spent
    from orders
    inner join days on orders.order_date <= days.day
    where orders.is_revenue
    group by orders.customer_id
),

review_totals as (
    select
        reviews.customer_id,
        count(*) as review_count,
        sum(reviews.rating) as rating_sum,
        (array_agg(
            reviews.rating
            order by reviews.review_date desc, reviews.logical_date desc, reviews.review_id desc
        ))[1] as last_rating
    from reviews
    inner join days on reviews.logical_date <= days.day
    group by reviews.customer_id
),

-- union and group instead of a join: planned for few rows, a join would compare every customer with every other
both_totals as (
    select
        customer_id,
        first_order_date,
        total_orders,
        total_spent,
        null::bigint as review_count,
        null::bigint as rating_sum,
        null::smallint as last_rating
    from order_totals
    union all
    select
        customer_id,
        null as first_order_date,
        null as total_orders,
        null as total_spent,
        review_count,
        rating_sum,
        last_rating
    from review_totals
),

totals as (
    select
        customer_id,
        min(first_order_date) as first_order_date,
        max(total_orders) as total_orders,
        max(total_spent)::numeric(38, 2) as total_spent,
        coalesce(max(review_count), 0) as review_count,
        coalesce(max(rating_sum), 0) as rating_sum,
        max(last_rating) as last_rating
    from both_totals
    group by customer_id
    having max(total_orders) > 0
)

select * from totals
