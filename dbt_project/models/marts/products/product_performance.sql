-- One row per product with a sale or a review: its sales and its ratings. A view over the published marts.
{{ config(materialized='published_view') }}

with

sales as (
    select
        product_id,
        sum(orders)::bigint as orders,
        sum(units)::numeric(38, 3) as units_sold,
        sum(revenue)::numeric(38, 2) as revenue,
        min(order_month) as first_sold_month,
        max(order_month) as last_sold_month
    from {{ ref('product_months') }}
    group by product_id
),

ratings as (
    select * from {{ ref('product_metrics') }}
),

performance as (
    select
        coalesce(sales.product_id, ratings.product_id) as product_id,
        {{ as_of_date('ecommerce_order_pipeline') }} as sold_as_of_date,
        {{ as_of_date('customer_feedback_pipeline') }} as rated_as_of_date,
        coalesce(sales.orders, 0) as orders,
        coalesce(sales.units_sold, 0)::numeric(38, 3) as units_sold,
        coalesce(sales.revenue, 0)::numeric(38, 2) as revenue,
        round(coalesce(sales.revenue, 0) / nullif(sum(sales.revenue) over (), 0), 4)::numeric(7, 4) as revenue_share,
        sales.first_sold_month,
        sales.last_sold_month,
        coalesce(ratings.review_count, 0) as review_count,
        ratings.average_rating,
        ratings.bayesian_rating,
        ratings.wilson_lower_bound,
        ratings.rating_delta,
        coalesce(ratings.is_rating_drop, false) as is_rating_drop
    from sales
    full outer join ratings on sales.product_id = ratings.product_id
)

select * from performance
