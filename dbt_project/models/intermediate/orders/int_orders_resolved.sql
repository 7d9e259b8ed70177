-- One row per affected order and day on which it is accepted. An order that stands on several days belongs to the
-- latest; the others are kept as superseded, and return when that day drops it.
{{ config(tags=['on_engine']) }}

with

days as (
    select * from {{ ref('int_order_days') }}
),

affected as (
    select * from {{ ref('int_orders_affected') }}
),

{% set columns = 'order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items' %}

accepted as (
    select {{ columns }} from {{ ref('int_orders_accepted') }}
),

superseded as (
    select {{ columns }} from {{ source('superseded', 'int_orders_superseded') }}
),

accepted_before as (
    select
        order_id,
        former_customer_id as customer_id,
        former_order_date as order_date,
        former_total_amount as total_amount,
        former_status as status,
        former_is_revenue as is_revenue,
        former_is_large as is_large,
        former_logical_date as logical_date,
        former_items as items
    from affected
    where former_order_date is not null
    union all
    select superseded.*
    from affected
    inner join superseded on affected.order_id = superseded.order_id
),

on_other_days as (
    select * from accepted_before
    where
        logical_date not in (select days.day from days)
        and not exists (
            select 1 from days
            where days.is_full
        )
),

candidates as (
    select * from accepted
    union all
    select * from on_other_days
),

resolved as (
    select
        *,
        row_number() over (partition by order_id order by logical_date desc) = 1 as is_current
    from candidates
)

select * from resolved
