-- One row per order that this build may change: published on one of its days before, or accepted on one now.
-- With what readers see of it so far, so that its customer and day follow when it moves away or vanishes.
{{ config(indexes=[{'columns': ['order_id'], 'unique': true}]) }}

with

days as (
    select * from {{ ref('int_order_days') }}
),

-- used twice: as a whole it would be all of the history
published as not materialized (
    select * from {{ source('published', 'fct_orders') }}
),

superseded as (
    select * from {{ source('superseded', 'int_orders_superseded') }}
),

affected as (
    select order_id from {{ ref('int_orders_accepted') }}
    union
    select published.order_id from published
    where
        published.order_date = any(array(select days.day from days))
        and (published.logical_date <> published.order_date) is not true
    union
    -- of other dates: none where the day is the order_date, and the partial index of the mart then has no entries
    select published.order_id from published
    where
        published.logical_date = any(array(select days.day from days))
        and published.logical_date <> published.order_date
    union
    select superseded.order_id from superseded
    where superseded.logical_date = any(array(select days.day from days))
),

with_former_place as (
    select
        affected.order_id,
        former.customer_id as former_customer_id,
        former.order_date as former_order_date,
        former.total_amount as former_total_amount,
        former.status as former_status,
        former.is_revenue as former_is_revenue,
        former.is_large as former_is_large,
        former.logical_date as former_logical_date,
        former.items as former_items
    from affected
    -- offset 0 makes it one look-up per order: a join would be planned without statistics, and read the whole history
    left join lateral (
        select
            published.customer_id,
            published.order_date,
            published.total_amount,
            published.status,
            published.is_revenue,
            published.is_large,
            coalesce(published.logical_date, published.order_date) as logical_date,
            published.items
        from published
        where affected.order_id = published.order_id
        limit all offset 0  -- noqa: AM09
    ) as former on true
)

select * from with_former_place
