{# An amount divided by a count, rounded half up once to cents. #}
{% macro money_average(amount, number) -%}
{{ return(adapter.dispatch('money_average')(amount, number)) }}
{%- endmacro %}

{% macro postgres__money_average(amount, number) -%}
cast(round({{ amount }} / {{ number }}, 2) as numeric(38, 2))
{%- endmacro %}

{# Spark rounds a quotient of long decimals to six digits, so rounding it again would lose cents. The quotient of the
   remainder has eighteen digits. #}
{% macro spark__money_average(amount, number) -%}
{%- set remainder -%}
({{ amount }}) % cast({{ number }} as decimal(20, 0))
{%- endset -%}
cast(
    ({{ amount }} - {{ remainder }}) / {{ number }}
    + round(cast({{ remainder }} as decimal(20, 2)) / cast({{ number }} as decimal(20, 0)), 2)
    as numeric(38, 2)
)
{%- endmacro %}
