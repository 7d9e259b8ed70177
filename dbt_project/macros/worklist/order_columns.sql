{# The columns of an order, in every model from the accepted rows to fct_orders. #}
{% macro order_columns() -%}
{{ return([
    'order_id', 'customer_id', 'order_date', 'total_amount', 'status', 'is_revenue', 'is_large', 'logical_date', 'items',
    'currency', 'discount_amount', 'tax_amount', 'shipping_amount', 'is_test', 'cancelled_at',
]) }}
{%- endmacro %}
