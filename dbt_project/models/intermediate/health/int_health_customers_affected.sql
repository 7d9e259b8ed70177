-- One row per customer whose health may change: by a publish since the last build, by this build, or by the common day.
{{ config(indexes=[{'columns': ['customer_id'], 'unique': true}]) }}

with

days as (
    select * from {{ ref('int_health_days') }}
),

changed as (
    select
        customer_id,
        build_id
    from {{ source('ops', 'customer_changes') }}
),

reached as (
    select orders.customer_id
    from {{ ref('fct_orders') }} as orders
    cross join days
    where
        orders.order_date > least(days.former_day, days.day)
        and orders.order_date <= greatest(days.former_day, days.day)
    union
    select reviews.customer_id
    from {{ ref('fct_reviews') }} as reviews
    cross join days
    where
        reviews.logical_date > least(days.former_day, days.day)
        and reviews.logical_date <= greatest(days.former_day, days.day)
),

changed_here as (
    select
        customers.customer_id,
        days.orders_build_id as build_id
    from {{ ref('int_order_customers_affected') }} as customers
    inner join days on days.orders_build_id is not null
    union all
    select
        customers.customer_id,
        days.reviews_build_id as build_id
    from {{ ref('int_review_customers_affected') }} as customers
    inner join days on days.reviews_build_id is not null
),

all_customers as (
    select orders.customer_id
    from {{ ref('fct_orders') }} as orders
    inner join days on days.is_full or days.former_day is null or days.day is null
),

affected as (
    select
        customer_id,
        build_id
    from changed
    union all
    select
        customer_id,
        build_id
    from changed_here
    union all
    select
        customer_id,
        null as build_id
    from reached
    union all
    select
        customer_id,
        null as build_id
    from all_customers
)

select
    customer_id,
    array_remove(array_agg(distinct build_id), null) as build_ids
from affected
where customer_id is not null and exists (select from days)
group by customer_id
