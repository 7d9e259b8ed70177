-- One row per touched customer who has a revenue order up to the day that both pipelines have published.
with

days as (
    select * from {{ ref('int_health_days') }}
),

orders as (
    {{ after_this_build(
        'fct_orders', 'int_orders_touched', 'fct_orders__changes', 'order_id', 'orders_build_id',
        ['order_id', 'customer_id', 'order_date', 'total_amount', 'is_revenue']
    ) }}
),

reviews as (
    {{ after_this_build(
        'fct_reviews', 'int_reviews_touched', 'fct_reviews__changes', 'review_id', 'reviews_build_id',
        ['review_id', 'customer_id', 'logical_date', 'review_date', 'rating']
    ) }}
),

order_totals as (
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

totals as (
    select
        order_totals.customer_id,
        order_totals.first_order_date,
        order_totals.total_orders,
        order_totals.total_spent,
        coalesce(review_totals.review_count, 0) as review_count,
        coalesce(review_totals.rating_sum, 0)::bigint as rating_sum,
        review_totals.last_rating
    from order_totals
    left join review_totals on order_totals.customer_id = review_totals.customer_id
)

select * from totals
