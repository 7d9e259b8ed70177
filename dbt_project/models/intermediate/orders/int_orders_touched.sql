-- One row per order that this build may change: published on one of its days before, or accepted on one now.
-- With the customer and day under which readers see it so far, so that these follow when it moves away or vanishes.
{{ config(indexes=[{'columns': ['order_id'], 'unique': true}]) }}

with

days as (
    select * from {{ ref('int_order_days') }}
),

published as (
    select * from {{ ref('int_orders_published') }}
),

shadowed as (
    select * from {{ ref('int_orders_shadowed_published') }}
),

touched as (
    select order_id from {{ ref('int_orders_accepted') }}
    union
    select published.order_id from published
    where published.order_date = any(array(select days.day from days))
    union
    select shadowed.order_id from shadowed
    where shadowed.order_date = any(array(select days.day from days))
),

with_former_place as (
    select
        touched.order_id,
        published.customer_id as former_customer_id,
        published.order_date as former_order_date
    from touched
    left join published on touched.order_id = published.order_id
)

select * from with_former_place
