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
                when {{ value }} ~ settings.amount_pattern and octet_length({{ value }}) < 400 and pg_input_is_valid({{ rewritten }}, 'numeric') then {{ rewritten }}::numeric
            end
{%- endmacro %}

{#
    An amount as its nearest cent if `amount_decimals` says so, or if its further digits are noise: a floating-point number
    has up to 17 digits, and differs from the amount in the last of them. A converted amount is rounded. Other amounts stay
    as they are. Keep it in step with ingestion/values/amounts.py.
#}
{% macro nearest_cent(amount) -%}
case
    when {{ amount }} = round({{ amount }}, 2) then {{ amount }}
    when settings.amount_decimals = 'round' or exchange.conversion_rate is not null then round({{ amount }}, 2)
    when
        abs({{ amount }} - round({{ amount }}, 2)) < least(0.0005, 1e-9 + abs({{ amount }}) * 1e-14)
        and length(ltrim(replace(trim_scale(abs({{ amount }}))::text, '.', ''), '0')) >= 15
        then round({{ amount }}, 2)
    else {{ amount }}
end
{%- endmacro %}
