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

order_totals as (
    {{ after_this_build(
        'affected', 'customer_order_totals', 'int_order_customers_affected', 'customer_order_totals__changes',
        'customer_id', 'orders_build_id',
        ['customer_id', 'first_order_date', 'last_order_date', 'total_orders', 'total_spent']
    ) }}
),

-- orders can be published further than reviews: totals of these customers contain orders after the common day
ahead as (
    select order_totals.customer_id
    from order_totals
    inner join days on order_totals.first_order_date <= days.day and order_totals.last_order_date > days.day
),

orders as (
    {{ after_this_build(
        'ahead', 'fct_orders', 'int_orders_affected', 'fct_orders__changes', 'order_id', 'orders_build_id',
        ['order_id', 'customer_id', 'order_date', 'net_amount', 'is_revenue']
    ) }}
),

reviews as (
    {{ after_this_build(
        'affected', 'fct_reviews', 'int_reviews_affected', 'fct_reviews__changes', 'review_id', 'reviews_build_id',
        ['review_id', 'customer_id', 'logical_date', 'review_date', 'rating']
    ) }}
),

-- whole totals if the last order is not after the common day, otherwise the orders up to it; and the reviews up to it
summands as (
    select
        order_totals.customer_id,
        order_totals.first_order_date,
        order_totals.total_orders,
        order_totals.total_spent,
        null::text as review_id,
        null::date as review_date,
        null::date as logical_date,
        null::smallint as rating
    from order_totals
    inner join days on order_totals.last_order_date <= days.day
    union all
    select
        orders.customer_id,
        orders.order_date as first_order_date,
        1 as total_orders,
        orders.net_amount as total_spent,
        null as review_id,
        null as review_date,
        null as logical_date,
        null as rating
    from orders
    inner join days on orders.order_date <= days.day
    where orders.is_revenue
    union all
    select
        reviews.customer_id,
        null as first_order_date,
        null as total_orders,
        null as total_spent,
        reviews.review_id,
        reviews.review_date,
        reviews.logical_date,
        reviews.rating
    from reviews
    inner join days on reviews.logical_date <= days.day
),

totals as (
    select
        customer_id,
        min(first_order_date) as first_order_date,
        sum(total_orders)::bigint as total_orders,
        sum(total_spent)::numeric(38, 2) as total_spent,
        count(review_id) as review_count,
        coalesce(sum(rating), 0)::bigint as rating_sum,
        (
            array_agg(rating order by review_date desc, logical_date desc, review_id desc)
            filter (where review_id is not null)
        )[1] as last_rating
    from summands
    group by customer_id
    having sum(total_orders) > 0
)

select * from totals
