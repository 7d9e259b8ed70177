{#
    Units and revenue per product of an order, from its items in staging's format. Lines without a product are excluded.
    `orders` is 1, or 0 if every line of the product has the quantity 0: shops keep cancelled lines like that.
#}
{% macro sold_products(items) -%}
select
        item.value ->> 'product_id' as product_id,
        max(((item.value ->> 'quantity')::numeric <> 0)::integer) as orders,
        sum((item.value ->> 'quantity')::numeric) as units,
        sum((item.value ->> 'amount')::numeric) as revenue
    from jsonb_array_elements({{ items }}::jsonb) as item (value)
    where item.value ->> 'product_id' is not null
    group by item.value ->> 'product_id'
{%- endmacro %}
