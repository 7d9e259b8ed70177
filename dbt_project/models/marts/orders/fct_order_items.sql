-- One row per item of an accepted order. A view of the items column of fct_orders.
{{ config(materialized='published_view') }}

with

items as (
    select
        orders.order_id,
        sent.item_number::integer as item_number,
        sent.item ->> 'product_id' as product_id,
        (sent.item ->> 'quantity')::numeric(18, 3) as quantity,
        (sent.item ->> 'amount')::numeric(18, 2) as amount,
        orders.customer_id,
        orders.order_date,
        orders.is_revenue
    from {{ ref('fct_orders') }} as orders
    cross join lateral jsonb_array_elements(orders.items::jsonb) with ordinality as sent (item, item_number)
)

select * from items
