-- One row per touched order and day on which it is accepted. An order that stands on several days belongs to the
-- latest; the others are kept as shadowed, and return when that day drops it.
with

days as (
    select * from {{ ref('int_order_days') }}
),

touched as (
    select * from {{ ref('int_orders_touched') }}
),

{% set columns = 'order_id, customer_id, order_date, total_amount, status, is_revenue, is_large' %}

accepted as (
    select {{ columns }} from {{ ref('int_orders_accepted') }}
),

accepted_before as (
    select {{ columns }} from {{ ref('int_orders_published') }}
    union all
    select {{ columns }} from {{ ref('int_orders_shadowed_published') }}
),

on_other_days as (
    select accepted_before.*
    from touched
    inner join accepted_before on touched.order_id = accepted_before.order_id
    where
        accepted_before.order_date <> all(array(select days.day from days))
        and not exists (
            select from days
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
        row_number() over (partition by order_id order by order_date desc) = 1 as is_current
    from candidates
)

select * from resolved
