{# Units and revenue per product of an order, from its items in staging's format. Lines without a product are excluded. #}
{% macro sold_products(items) -%}
select
        item.value ->> 'product_id' as product_id,
        sum((item.value ->> 'quantity')::numeric) as units,
        sum((item.value ->> 'amount')::numeric) as revenue
    from jsonb_array_elements({{ items }}::jsonb) as item (value)
    where item.value ->> 'product_id' is not null
    group by item.value ->> 'product_id'
{%- endmacro %}
