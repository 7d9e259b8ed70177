{#
    The value of an amount as the shop writes it (`amount_format` in shop.toml), else null. Reads a row of ops.dataset_settings as
    `settings`: the pattern's groups are a sign, which may stand on either side of a currency, and the digits. Without a pattern
    amounts are decimal literals. ingestion/values/amounts.py reads alike.
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
