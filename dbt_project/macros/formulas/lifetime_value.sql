{#
    Yearly spend at the customer's pace so far: total_spent × 365 / days since the first order, rounded half up once, at
    the end (dividing first loses cents). On the day of the first order: total_spent.
#}
{% macro lifetime_value(total_spent, first_order_date, as_of_date) -%}
(
    case
        when {{ as_of_date }} > {{ first_order_date }}
            then round({{ total_spent }} * 365 / ({{ as_of_date }} - {{ first_order_date }}), 2)
        else {{ total_spent }}
    end
)::numeric(38, 2)
{%- endmacro %}
