{# The columns of an order, in every model from the accepted rows to fct_orders. #}
{% macro order_columns() -%}
{{ return([
    'order_id', 'customer_id', 'order_date', 'total_amount', 'status', 'is_revenue', 'is_large', 'logical_date', 'items',
    'currency', 'discount_amount', 'tax_amount', 'shipping_amount', 'is_test', 'cancelled_at',
    'refunds', 'refunded_amount', 'net_amount',
]) }}
{%- endmacro %}

{# The columns of an order but its id, each renamed: `from_prefix || column as to_prefix || column`. #}
{% macro former_columns(from_prefix, to_prefix) -%}
{%- set renamed = [] -%}
{%- for column in order_columns() if column != 'order_id' -%}
    {%- do renamed.append(from_prefix ~ column ~ ' as ' ~ to_prefix ~ column) -%}
{%- endfor -%}
{{ return(renamed | join(', ')) }}
{%- endmacro %}
