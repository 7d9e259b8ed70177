{#
    The value of an amount in the shop's format (`amount_format` in shop.toml), else null. Needs a row of
    ops.dataset_settings as `settings`. The pattern's groups are the digits and a sign on either side of the currency. Without
    a pattern, amounts are decimal literals. Keep it in step with ingestion/values/amounts.py.
#}
{% macro parse_amount(text) -%}
{%- set value = trimmed(text) -%}
{%- set rewritten -%}
translate(regexp_replace({{ value }}, settings.amount_pattern, '\1\2\3'), settings.amount_signs, '.')
{%- endset -%}
case
                when settings.amount_pattern is null then {{ decimal_value(text) }}
                when {{ value }} ~ settings.amount_pattern and pg_input_is_valid({{ rewritten }}, 'numeric') then {{ rewritten }}::numeric
            end
{%- endmacro %}
