-- One row per affected customer who has a revenue order up to the day that both pipelines have published.
with

days as (
    select * from {{ ref('int_health_days') }}
),

affected as (
    select customer_id from {{ ref('int_health_customers_affected') }}
),

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

-- orders may have been published further than reviews: who has one from then on is counted from single orders
ahead as (
    select totals.customer_id
    from order_totals_after_this_build as totals
    inner join days on totals.first_order_date <= days.day and totals.last_order_date > days.day
),

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

-- together by a group, not a join: one planned for a few rows would compare every customer with every other
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
