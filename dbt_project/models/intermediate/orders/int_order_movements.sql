-- One row per revenue order that this build removes (direction -1) or adds (1), before and after. An order whose
-- customer, date or amount changes has both rows; an unchanged order has none. Totals that are updated from
-- build to build add these rows up.
{{ config(materialized='view', tags=['on_engine']) }}

with

before_this_build as (
    select
        order_id,
        former_customer_id as customer_id,
        former_order_date as order_date,
        former_net_amount as net_amount,
        former_refunded_amount as refunded_amount
    from {{ ref('int_orders_affected') }}
    where
        former_is_revenue
        and not exists (
            select 1 from {{ ref('int_order_days') }} as days
            where days.is_full
        )
),

after_this_build as (
    select
        order_id,
        customer_id,
        order_date,
        net_amount,
        refunded_amount
    from {{ ref('fct_orders__changes') }}
    where is_revenue
),

removed as (
    select * from before_this_build
    except
    select * from after_this_build
),

added as (
    select * from after_this_build
    except
    select * from before_this_build
),

movements as (
    select
        -1 as direction,
        *
    from removed
    union all
    select
        1 as direction,
        *
    from added
)

select * from movements
