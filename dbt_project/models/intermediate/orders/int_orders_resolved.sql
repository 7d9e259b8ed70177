-- One row per affected order and day on which it is accepted, with its contents on that day. Readers see the latest day
-- (is_current); the earlier ones are superseded. If the latest day drops the order, the next one becomes current again.
-- Example, a build of day 01-03:
--
--   order     before: current, superseded   accepted on 01-03   after: current, superseded
--   moves     01-01                         yes                 01-03, 01-01
--   stays     01-04, 01-03                  yes                 01-04, 01-03 with the new contents
--   returns   01-03, 01-02                  no                  01-02
--   vanishes  01-03                         no                  no row
{{ config(tags=['on_engine']) }}

with

days as (
    select * from {{ ref('int_order_days') }}
),

affected as (
    select * from {{ ref('int_orders_affected') }}
),

{% set columns = order_columns() | join(', ') %}

accepted as (
    select {{ columns }} from {{ ref('int_orders_accepted') }}
),

superseded as (
    select {{ columns }} from {{ source('superseded', 'int_orders_superseded') }}
),

-- the affected orders on all days before this build: the published row, and the superseded ones
accepted_before as (
    select
        order_id,
        {{ former_columns('former_', '') }}
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
