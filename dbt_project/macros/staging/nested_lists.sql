{# The lists within an order, as JSON: items and refunds. #}

{# A list of objects, or null. PHP sends a list with gaps as an object with numbers for keys, and an empty one as `{}`;
   converters of XML send a list of one object as that object, which has something at the path `place`. #}
{% macro listed(text, place) -%}
case
    when left(ltrim({{ text }}), 1) = '[' then {{ text }}::jsonb
    when left(ltrim({{ text }}), 1) <> '{' then null
    when not jsonb_path_exists({{ text }}::jsonb, '$.keyvalue() ? (!(@.key like_regex "^[0-9]+$"))')
        then jsonb_path_query_array({{ text }}::jsonb, '$.*')
    when {{ text }}::jsonb #>> {{ place }} is not null then jsonb_build_array({{ text }}::jsonb)
end
{%- endmacro %}

{# True for JSON with a number such as 1e9999, whose digits would take seconds. #}
{% macro has_huge_exponent(text) -%}
{{ text }} ~ '[:[,] ?-?[0-9]+([.][0-9]+)?[eE][+-]?0*[1-9][0-9]{3}'
{%- endmacro %}

{# The sum of the refunds in staging's format. #}
{% macro refunded_amount(refunds) -%}
case
    when {{ refunds }} is null then 0
    else (
        select sum((refund ->> 'amount')::numeric)
        from jsonb_array_elements({{ refunds }}::jsonb) as refund
    )
end::numeric(18, 2)
{%- endmacro %}
